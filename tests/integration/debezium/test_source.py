"""The source's preparation: what the connector's role can do, and what is wrong with a source, by name."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from kit.server import Server, server
from pydantic import SecretStr

from clearsight.demo.schema import prepare as prepare_demo
from clearsight.errors import SourceError, Unavailable
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping, parse_mapping
from clearsight.settings import DemoSettings, Settings, SourceSettings
from connectors.debezium import source

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)


@pytest.fixture(scope="module")
def application() -> Iterator[Server]:
    with server("wal_level=logical") as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE forecast_app LOGIN")
        prepare_demo(
            Settings(
                source=SourceSettings(admin_dsn=SecretStr(made.dsn("postgres"))),
                demo=DemoSettings(dsn=SecretStr(made.dsn("forecast_app"))),
            )
        )
        yield made


def settings_of(made: Server) -> SourceSettings:
    cdc = f"postgresql://clearsight_cdc:secret-word@127.0.0.1:{made.port}/postgres"
    return SourceSettings(dsn=SecretStr(cdc), admin_dsn=SecretStr(made.dsn("postgres")))


@pytest.fixture(scope="module")
def prepared(application: Server) -> SourceSettings:
    settings = settings_of(application)
    source.prepare(settings, MAPPING)
    source.prepare(settings, MAPPING)  # safe to run again
    source.check_source(settings, MAPPING)
    return settings


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO forecast.users (user_id, name) VALUES (gen_random_uuid(), 'x')",
        "UPDATE forecast.scenarios SET name = 'x'",
        "DELETE FROM forecast.inputs",
        "TRUNCATE forecast.runs",
        "CREATE TABLE forecast.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "SELECT * FROM truth.change",
        "ALTER PUBLICATION clearsight DROP TABLE forecast.users",
    ],
)
def test_the_connectors_role_cannot_write(prepared: SourceSettings, statement: str) -> None:
    assert prepared.dsn
    with (
        psycopg.connect(prepared.dsn.get_secret_value()) as connection,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)),
    ):
        connection.execute(statement.encode())


def test_it_can_read_and_send_its_heartbeat(prepared: SourceSettings) -> None:
    assert prepared.dsn
    with psycopg.connect(prepared.dsn.get_secret_value()) as connection:
        connection.execute("SELECT count(*) FROM forecast.scenarios")
        connection.execute("SELECT pg_logical_emit_message(true, 'clearsight.heartbeat', now()::text)")


def test_exactly_the_audited_tables_are_published_in_full(prepared: SourceSettings, application: Server) -> None:
    with psycopg.connect(application.dsn("postgres")) as connection:
        published = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_publication_tables WHERE pubname = 'clearsight'"
        ).fetchall()
        identities = connection.execute(
            "SELECT relreplident FROM pg_class WHERE oid = ANY(%s::regclass[])", [list(MAPPING.tables())]
        ).fetchall()
    assert {name for (name,) in published} == set(MAPPING.tables())
    assert {identity for (identity,) in identities} == {"f"}


def test_the_printed_sql_keeps_the_password(prepared: SourceSettings) -> None:
    text = source.preparation_text(prepared, MAPPING)
    assert "secret-word" not in text
    assert "REPLICA IDENTITY FULL" in text
    assert text.startswith("-- Written without a look at the tables.")


def mapping_with(old: str, new: str) -> object:
    return parse_mapping(DEFAULT_MAPPING.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"forecast.runs"', '"forecast.executions"', "forecast.executions as run"),
        ('node = "failed_node"', 'node = "broken_node"', "column broken_node of forecast.runs"),
        ('submitted = "submitted_at"', 'submitted = "sent_at"', "column sent_at of forecast.scenarios"),
    ],
)
def test_what_the_mapping_names_and_the_source_lacks(application: Server, old: str, new: str, named: str) -> None:
    with pytest.raises(SourceError) as caught:
        source.prepare(settings_of(application), mapping_with(old, new))  # type: ignore[arg-type]
    assert named in caught.value.message
    assert caught.value.mend


def test_a_source_without_logical_wal() -> None:
    with server("wal_level=replica") as made, pytest.raises(SourceError, match="wal_level is replica") as caught:
        source.prepare(settings_of(made), MAPPING)
    assert "ALTER SYSTEM" in caught.value.mend


def test_a_source_that_is_away_shows_no_secret() -> None:
    away = SourceSettings(admin_dsn=SecretStr("postgresql://postgres:secret-word@127.0.0.1:1/postgres"))
    with pytest.raises(Unavailable) as caught:
        source.prepare(away, MAPPING)
    assert "secret-word" not in str(caught.value)
