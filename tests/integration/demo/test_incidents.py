"""Each incident fails with its category, in its node, for many seeds; the run is always the deadlock's victim."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection

from clearsight.demo import incidents
from clearsight.demo.application import ForecastApplication, connect
from clearsight.demo.incident_plans import NAMES, Name, plan_incident
from clearsight.demo.incidents import SeededIncident, seeded
from clearsight.demo.log_lines import application_logs
from clearsight.demo.seeds import Seeds
from clearsight.settings import Settings

pytestmark = pytest.mark.integration

ERRORS = {
    "timeout": {"TimeBudgetExceeded"},
    "validation": {"ValidationError"},
    "calculation": {"ZeroDivisionError"},
    "database": {"DeadlockDetected"},
}


class Lines:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def put(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        self.messages.append(message)

    def errors(self) -> list[dict[str, Any]]:
        parsed = [json.loads(message) for message in self.messages if message.startswith("{")]
        return [line for line in parsed if line["level"] == "ERROR"]


class Demo:
    def __init__(self, settings: Settings) -> None:
        assert settings.demo.dsn
        self.dsn = settings.demo.dsn.get_secret_value()
        self.lines = Lines()
        self.application = ForecastApplication(connect(self.dsn, 3), application_logs(self.lines, ("/api", "/engine")))

    def seeded(self, name: Name, seed: int, round_: int = 0) -> SeededIncident:
        return seeded(name, self.application, self.dsn, Seeds(seed, round_))


@pytest.fixture
def demo(source: Settings) -> Iterator[Demo]:
    demo = Demo(source)
    yield demo
    demo.application.engine.dispose()


def category(settings: Settings, error_type: str, message: str) -> str:
    """The first rule of the mapping file that matches, by type or by text."""
    return next(
        rule.name
        for rule in settings.mapping.errors
        if error_type in rule.types or any(text in message.lower() for text in rule.match)
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_run_fails_as_seeded(source: Settings, demo: Demo, admin: psycopg.Connection, name: Name) -> None:
    for seed in range(100, 110):
        incident = demo.seeded(name, seed)
        cause = incident.seeded_cause
        row = admin.execute(
            "SELECT status, failed_node, error_message FROM forecast.runs WHERE run_id = %s", (incident.run_id,)
        ).fetchone()
        assert row is not None
        assert row[:2] == ("failed", cause.node)
        assert type(incident.failure.error).__name__ in ERRORS[cause.category]
        assert plan_incident(name, Seeds(seed)).seeded.name not in row[2] or cause.category != "timeout"
        assert category(source, type(incident.failure.error).__name__, row[2]) == cause.category


@pytest.mark.parametrize("name", NAMES)
def test_the_change_key_names_the_seeding_transaction(demo: Demo, admin: psycopg.Connection, name: Name) -> None:
    incident = demo.seeded(name, 7, round_=1)
    change_key = incident.seeded_cause.change_key
    plan = plan_incident(name, Seeds(7))
    *_, txid = change_key.split("/")
    rows = admin.execute(
        "SELECT 'forecast.inputs/' || row_key || '/' || txid, after ->> 'node', after ->> 'name'"
        " FROM truth.change WHERE txid = %s AND table_name = 'forecast.inputs'",
        (int(txid),),
    ).fetchall()
    if plan.contended:
        assert change_key == f"transaction/{txid}"
        assert [row[1:] for row in rows] == [plan.seeded.key, plan.contended.key]
    else:
        assert rows == [(change_key, *plan.seeded.key)]


def test_a_good_run_comes_first_and_the_seeded_change_is_not_the_last(demo: Demo, admin: psycopg.Connection) -> None:
    incident = demo.seeded("validation", 8, round_=1)
    statuses = admin.execute(
        "SELECT status FROM forecast.runs WHERE scenario_id = %s ORDER BY started_at", (incident.scenario_id,)
    ).fetchall()
    assert statuses == [("succeeded",), ("failed",)]
    changes = admin.execute(
        "SELECT 'forecast.inputs/' || row_key || '/' || txid FROM truth.change"
        " WHERE table_name = 'forecast.inputs' AND op = 'u' AND after ->> 'scenario_id' = %s ORDER BY seq",
        (str(incident.scenario_id),),
    ).fetchall()
    assert len(changes) >= 4
    assert (incident.seeded_cause.change_key,) in changes[:-1]


def test_the_deadlock_is_told_with_both_transactions(demo: Demo) -> None:
    incident = demo.seeded("database", 9, round_=1)
    (line,) = [line for line in demo.lines.errors() if line.get("exception_name") == "DeadlockDetected"]
    assert line["run_id"] == str(incident.run_id)
    assert line["node"] == incident.seeded_cause.node
    assert f"waits for ShareLock on transaction {incident.seeded_cause.change_key.split('/')[1]};" in line["exception"]
    assert line["exception"].count("waits for ShareLock on transaction") == 2


def test_a_session_that_comes_too_late_for_the_deadlock_is_there_for_the_next_run(
    demo: Demo, admin: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL looks for a deadlock on the run's side once, a second after it began to wait."""
    waits, late_s = incidents._wait_until_somebody_waits, [1.5, 0.0]

    def wait(connection: Connection) -> None:
        waits(connection)
        time.sleep(late_s.pop(0))

    monkeypatch.setattr(incidents, "_wait_until_somebody_waits", wait)
    incident = demo.seeded("database", 12, round_=1)
    assert late_s == []
    assert incident.failure.node == incident.seeded_cause.node
    query = "SELECT status FROM forecast.runs WHERE scenario_id = %s ORDER BY started_at"
    statuses = admin.execute(query, (incident.scenario_id,)).fetchall()
    assert statuses == [("succeeded",), ("succeeded",), ("failed",)]


def test_all_lines_of_a_failing_run_share_its_correlation_id(demo: Demo, admin: psycopg.Connection) -> None:
    incident = demo.seeded("calculation", 10, round_=1)
    run_id = str(incident.run_id)
    own = [json.loads(message) for message in demo.lines.messages if run_id in message and message.startswith("{")]
    assert {"run started", f"run failed: {incident.failure.message}"} <= {line["message"] for line in own}
    assert len({line["correlation_id"] for line in own}) == 1
    failed = [line for line in own if "exception" in line]
    assert [line["exception_name"] for line in failed] == ["ZeroDivisionError"]
    assert "in compute" in failed[0]["exception"] or "engine.py" in failed[0]["exception"]


def test_an_edit_by_hand_carries_no_context(demo: Demo, admin: psycopg.Connection) -> None:
    slot = "by_hand"
    admin.execute("SELECT pg_create_logical_replication_slot(%s, 'test_decoding')", (slot,))
    try:
        incident = demo.seeded("out-of-band", 11, round_=1)
        txid = incident.seeded_cause.change_key.split("/")[-1]
        rows = admin.execute(
            "SELECT data FROM pg_logical_slot_peek_changes(%s, NULL, NULL) WHERE xid::text = %s", (slot, txid)
        ).fetchall()
    finally:
        admin.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
    assert any(str(data).startswith("table forecast.inputs: UPDATE") for (data,) in rows)
    assert not any(str(data).startswith("message:") for (data,) in rows)
