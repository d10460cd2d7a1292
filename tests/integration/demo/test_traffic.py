"""Traffic at its rate, with its oddities, the same for the same seed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from kit.waiting import until

from clearsight.demo.application import ForecastApplication, connect
from clearsight.demo.log_lines import application_logs
from clearsight.demo.pace import Pace
from clearsight.demo.seeds import Seeds
from clearsight.demo.traffic import ACTIVITIES, Traffic, TrafficWorker, give_up
from clearsight.settings import Settings

pytestmark = pytest.mark.integration

FAST = 10_000.0


class Nowhere:
    def put(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        pass


@pytest.fixture
def application(source: Settings) -> Iterator[ForecastApplication]:
    assert source.demo.dsn
    engine = connect(source.demo.dsn.get_secret_value(), 4)
    yield ForecastApplication(engine, application_logs(Nowhere(), ("/api", "/engine")))
    engine.dispose()


def position(admin: psycopg.Connection) -> int:
    row = admin.execute("SELECT coalesce(max(seq), 0) FROM truth.change").fetchone()
    return int(row[0]) if row else 0


def settled_worker(application: ForecastApplication, seed: int, round_: int = 0) -> TrafficWorker:
    worker = TrafficWorker(application, Seeds(seed, round_), 0)
    worker.settle(Pace(FAST, time.monotonic()))
    return worker


def test_every_activity_commits_as_often_as_it_says(
    application: ForecastApplication, admin: psycopg.Connection
) -> None:
    worker = settled_worker(application, 1)
    for activity in ACTIVITIES:
        for _ in range(3):
            before = position(admin)
            activity.perform(worker)
            row = admin.execute("SELECT count(DISTINCT txid) FROM truth.change WHERE seq > %s", (before,)).fetchone()
            assert row is not None
            assert row[0] <= max(1, activity.commits), activity
            assert row[0] >= activity.commits or activity.perform.__name__ == "edit_two_scenarios", activity


def test_what_was_given_up_leaves_nothing(application: ForecastApplication, admin: psycopg.Connection) -> None:
    worker = settled_worker(application, 2)
    before = position(admin)
    give_up(worker)
    assert position(admin) == before


def test_the_same_seed_does_the_same_on_other_ids(application: ForecastApplication, admin: psycopg.Connection) -> None:
    def story(round_: int) -> list[tuple[Any, ...]]:
        before = position(admin)
        worker = settled_worker(application, 3, round_)
        pace = Pace(FAST, time.monotonic())
        for _ in range(40):
            worker.step(pace)
        return admin.execute(
            "SELECT table_name, op, after ->> 'name', after ->> 'node', after -> 'value_number', after -> 'value_text',"
            " after -> 'value_json', after ->> 'status', after -> 'result'"
            " FROM truth.change WHERE seq > %s AND table_name <> 'forecast.run_nodes' ORDER BY seq",
            (before,),
        ).fetchall()

    first, second = story(0), story(1)
    assert len(first) > 150
    assert first == second


def test_runs_of_everyday_scenarios_succeed(application: ForecastApplication, admin: psycopg.Connection) -> None:
    before = position(admin)
    traffic = Traffic.seeded(application, Seeds(4), workers=2)
    traffic.start(Pace(400, time.monotonic()))
    until(lambda: sum(finished_runs(admin, before).values()) >= 5, "runs finish")
    traffic.stop()
    assert finished_runs(admin, before).keys() == {"succeeded"}


def finished_runs(admin: psycopg.Connection, after: int) -> dict[str, int]:
    """How many, by status."""
    return dict(
        admin.execute(
            "SELECT after ->> 'status', count(*) FROM truth.change"
            " WHERE seq > %s AND table_name = 'forecast.runs' AND op = 'u' GROUP BY 1",
            (after,),
        ).fetchall()
    )
