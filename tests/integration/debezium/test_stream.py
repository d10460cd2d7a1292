"""The stream with the real connector: what it lost shows as a gap, and what comes afterwards comes later in the order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from kit import kafka_connect
from kit.stacks import stack_of
from kit.waiting import until

from clearsight.errors import SourceError
from clearsight.settings import Settings
from clearsight.stack import state
from clearsight.stack.state import REPORT_DATABASE, SOURCE_DATABASE
from clearsight.stack.supervisor import Stack
from connectors.debezium.stream import stream

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

TABLE = "forecast.users"
GAPS = "SELECT topic, events_after, events_before, detected_at FROM rpt.gap ORDER BY gap_id"


class Flow:
    """A source that is changed by hand, and what landed of it."""

    def __init__(self, stack: Stack) -> None:
        self.settings = Settings(**state.load(stack.home).settings)
        self.source = psycopg.connect(stack.site().dsn("postgres", SOURCE_DATABASE), autocommit=True)
        self._report = psycopg.connect(stack.site().dsn("postgres", REPORT_DATABASE), autocommit=True)
        self.connector = f"{self.settings.connect.url}/connectors/{self.settings.connect.connector_name}"

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._report.execute(query.encode(), values).fetchall()

    def add_user(self) -> str:
        key = str(uuid4())
        self.source.execute("INSERT INTO forecast.users (user_id, name, email) VALUES (%s, %s, %s)", [key, key, key])
        return key

    def landed(self, key: str) -> tuple[int, int]:
        """Its epoch and commit position, once it has."""
        query = "SELECT epoch, commit_lsn FROM rpt.fact_row_change WHERE row_key = %s AND op = 'c'"
        rows = until(lambda: self.ask(query, key), f"{key} has landed")
        epoch, position = rows[0]
        return epoch, position

    def gaps(self) -> list[tuple[Any, ...]]:
        return self.ask(GAPS)

    def gap(self, before: list[tuple[Any, ...]]) -> tuple[Any, ...]:
        """The one that came to those of before, once it is over."""
        number = len(before)
        rows = until(
            lambda: found if len(found := self.gaps()) > number and found[number][2] else [], "the gap is over"
        )
        assert len(rows) == number + 1
        return rows[number]

    def lose_slot(self) -> None:
        slots = f"FROM pg_replication_slots WHERE slot_name = '{self.settings.source.slot}'"

        def dropped() -> bool:
            try:
                self.source.execute(f"SELECT pg_terminate_backend(active_pid) {slots}".encode())
                self.source.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}".encode())
            except psycopg.errors.ObjectInUse:
                return False
            return True

        until(dropped, "the slot is dropped")


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    with stack_of(tmp_path_factory.mktemp("stream"), "worker") as stack:
        flow = Flow(stack)
        flow.landed(flow.add_user())
        until(lambda: flow.ask("SELECT 1 FROM rpt.source_state"), "a heartbeat has landed")
        yield flow


def test_a_table_that_was_unpublished_for_a_moment_is_a_gap_of_it(flow: Flow) -> None:
    publication, gaps = flow.settings.source.publication, flow.gaps()
    flow.source.execute(f"ALTER PUBLICATION {publication} DROP TABLE {TABLE}".encode())
    missed = flow.add_user()
    (missed_at,) = flow.source.execute("SELECT now()").fetchall()
    flow.source.execute(f"ALTER PUBLICATION {publication} ADD TABLE {TABLE}".encode())
    flow.landed(flow.add_user())
    topic, since, until_, _ = flow.gap(gaps)
    assert topic == f"clearsight.{TABLE}"
    assert since < missed_at[0] < until_
    assert flow.ask("SELECT 1 FROM rpt.fact_row_change WHERE row_key = %s", missed) == []


def test_registering_again_changes_nothing(flow: Flow) -> None:
    gaps, first = flow.gaps(), stream(flow.settings, flow.settings.mapping)
    kafka_connect.tell("DELETE", flow.connector)
    until(lambda: not kafka_connect.is_known(flow.connector), "the connector is gone")
    assert stream(flow.settings, flow.settings.mapping) == first
    assert flow.landed(flow.add_user())[0] == first.epoch == 1
    assert flow.gaps() == gaps


def test_a_lost_slot_is_refused_until_a_new_snapshot_is_asked_for_and_then_a_gap(flow: Flow) -> None:
    gaps, (_, before) = flow.gaps(), flow.landed(flow.add_user())
    flow.lose_slot()
    missed = flow.add_user()
    (lost_at,) = flow.source.execute("SELECT now()").fetchall()
    with pytest.raises(SourceError, match="slot clearsight is gone") as refused:
        stream(flow.settings, flow.settings.mapping)
    assert "--new-snapshot" in refused.value.mend
    now = stream(flow.settings, flow.settings.mapping, new_snapshot=True)
    epoch, position = flow.landed(flow.add_user())
    assert epoch == now.epoch == 2
    assert position > before
    topic, since, until_, _ = flow.gap(gaps)
    assert topic == "*"
    assert since < lost_at[0] < until_
    seen = "SELECT 1 FROM rpt.row_snapshot WHERE row_key = %s"
    until(lambda: flow.ask(seen, missed) == [(1,)], "the snapshot's row has landed")


def test_what_is_covered_goes_no_further_than_the_heartbeats_that_the_slot_has_acknowledged(flow: Flow) -> None:
    key = flow.add_user()
    flow.landed(key)
    newest = "SELECT max(position) FROM rpt.watermark WHERE kind = 'changes'"
    beyond = "SELECT count(*) FROM rpt.heartbeat WHERE acknowledged >= %s"
    until(lambda: flow.ask(newest)[0][0] > flow.landed(key)[1], "it is covered")
    (position,) = flow.ask("SELECT h.commit_lsn FROM rpt.heartbeat h WHERE h.position = (" + newest + ")")[0]
    assert flow.ask(beyond, position)[0][0] > 0
