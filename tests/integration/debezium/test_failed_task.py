"""A connector whose task failed: workers restart it, registering it again does, and one that never comes up is given up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from kit import kafka_connect
from kit.stacks import stack_of
from kit.waiting import until
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import SourceError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import ConnectSettings, Settings
from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from connectors.debezium.register import connector_config, register
from stream_processors.connector_watch import ConnectorWatch
from stream_processors.worker import connector

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

MAPPING = load_mapping(DEFAULT_MAPPING)
GIVING_UP_LIMIT_S = 180
"""The pause before the last restart, and the one after it, which is twice as long."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("failed"), "register", "migrate") as stack:
        yield stack


@pytest.fixture(scope="module")
def settings(stack: Stack) -> Settings:
    return Settings(**state.load(stack.home).settings)


@pytest.fixture
def locked_out(stack: Stack, settings: Settings) -> Iterator[Callable[[bytes], None]]:
    """The connector's role may not log in any more, and so its task has failed; what is called administrates the source."""

    def administrate(statement: bytes) -> None:
        with psycopg.connect(stack.site().dsn("postgres", "source"), autocommit=True) as connection:
            connection.execute(statement)

    administrate(b"ALTER ROLE clearsight_cdc NOLOGIN")
    kafka_connect.tell("POST", f"{place(settings)}/restart", params={"includeTasks": True})
    until(lambda: task(settings) == "FAILED", "the task fails")
    yield administrate
    administrate(b"ALTER ROLE clearsight_cdc LOGIN")
    register(settings.connect, connector_config(settings, MAPPING))


def place(settings: Settings) -> str:
    return f"{settings.connect.url}/connectors/{settings.connect.connector_name}"


def task(settings: Settings) -> str | None:
    """Its state."""
    _, *tasks = kafka_connect.states(place(settings)) or (None,)
    return tasks[0] if tasks else None


def watch(settings: Settings, **changed: int) -> ConnectorWatch:
    return ConnectorWatch(ConnectSettings(**{**settings.connect.model_dump(), **changed}), connector(settings))


def known(settings: Settings) -> tuple[Any, ...]:
    assert settings.report.owner_dsn
    with psycopg.connect(settings.report.owner_dsn.get_secret_value()) as connection:
        rows = connection.execute("SELECT state, restarts, reason FROM rpt.connector_watch").fetchall()
    return rows[0] if rows else ()


def restarted(settings: Settings, ago: str) -> None:
    """As if it had been restarted the last time so long ago."""
    assert settings.report.owner_dsn
    with psycopg.connect(settings.report.owner_dsn.get_secret_value()) as connection:
        connection.execute("UPDATE rpt.connector_watch SET restarted_at = now() - %s::interval", [ago])


def status(stack: Stack) -> str:
    return CliRunner().invoke(build(), ["status"], env={"CLEARSIGHT_HOME": str(stack.home)}).stdout


def test_registering_again_restarts_what_failed(settings: Settings, locked_out: Callable[[bytes], None]) -> None:
    config = connector_config(settings, MAPPING)
    with pytest.raises(SourceError, match="not permitted to log in"):
        register(settings.connect, config)
    locked_out(b"ALTER ROLE clearsight_cdc LOGIN")
    register(settings.connect, config)
    # Kafka Connect may restart it once more for the configuration that it was given with the first restart
    until(lambda: task(settings) == "RUNNING", "the task runs")


def test_a_worker_restarts_it_until_it_runs(settings: Settings, locked_out: Callable[[bytes], None]) -> None:
    with closing(watch(settings)) as first, closing(watch(settings)) as second:
        until(lambda: first.look() or known(settings)[:2] == ("failing", 1), "the first one restarts it")
        assert "not permitted to log in" in known(settings)[2]
        restarted(settings, "-1 hour")  # however long it takes until the second one looks
        second.look()
        assert known(settings)[:2] == ("failing", 1), "two workers restart it twice"
        restarted(settings, "0")
        locked_out(b"ALTER ROLE clearsight_cdc LOGIN")

        def runs() -> bool:
            first.look()
            second.look()
            return known(settings)[0] == "running"

        until(runs, "the connector runs again")
        until(lambda: task(settings) == "RUNNING", "the task runs")
        assert 1 <= known(settings)[1] <= 3


def test_one_that_fails_again_and_again_is_given_up_until_somebody_gets_it_to_run(
    stack: Stack, settings: Settings, locked_out: Callable[[bytes], None]
) -> None:
    with closing(watch(settings, restart_limit=(known(settings) or ("", 0))[1] + 1)) as watching:

        def given_up() -> bool:
            watching.look()
            return known(settings)[0] == "given_up"

        until(given_up, "it is given up", GIVING_UP_LIMIT_S)
        assert "given up connector" in status(stack)
        locked_out(b"ALTER ROLE clearsight_cdc LOGIN")
        watching.look()
        assert task(settings) == "FAILED"
        register(settings.connect, connector_config(settings, MAPPING))
        until(lambda: watching.look() or known(settings)[:2] == ("running", 0), "it is known to run")
        assert "connector " not in status(stack)


def test_a_connect_that_is_away_is_left_alone(settings: Settings) -> None:
    before = known(settings)
    away = settings.connect.model_copy(update={"url": "http://127.0.0.1:1"})
    with closing(ConnectorWatch(away, connector(settings))) as watching:
        watching.look()
    assert known(settings) == before
