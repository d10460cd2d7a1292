"""A scenario with very many inputs: a run that succeeds, every input changed, a run that fails."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from history.copied import Copied
from history.episodes import INPUTS, RUNS, SCENARIOS, USERS
from history.told import Stream, error

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames
from stream_processors.records import RawRecord

PREFIX = "wide"
NAME = "A plan with very many inputs"
CHANGES = 20
"""Transactions that change them, each by somebody else."""
_KNOWN = "SELECT scenario_id FROM rpt.dim_scenario WHERE name = %s ORDER BY scenario_key DESC LIMIT 1"


def wide(dsn: str, inputs: int) -> str:
    """The scenario's id: of one that is there already, else of one that is landed now."""
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
        row = connection.execute(_KNOWN, [f"{NAME}: {inputs}"]).fetchone()
        if row:
            return str(row[0])
        names, scenario = TopicNames(PREFIX), str(uuid.uuid4())
        target = Copied(connection, load_mapping(DEFAULT_MAPPING), names)
        for episode in _episodes(Stream(names), scenario, inputs):
            target.add(episode)
        target.flush()
    return scenario


def _episodes(stream: Stream, scenario: str, inputs: int) -> Iterator[list[RawRecord]]:
    at = datetime.now(UTC) - timedelta(hours=1)
    users = [str(uuid.uuid4()) for _ in range(CHANGES)]
    made = stream.transaction(_us(at)).context(_id(), users[0], "scenario.create")
    for number, user in enumerate(users):
        made.row(USERS, None, {"user_id": user, "name": f"Planner {number}", "email": f"planner{number}@example.com"})
    row = {"scenario_id": scenario, "name": f"{NAME}: {inputs}", "owner_id": users[0], "status": "draft"}
    made.row(
        SCENARIOS, None, row | {"created_at": _iso(at), "submitted_at": None, "approved_at": None, "locked_at": None}
    )
    values = [_input(scenario, number) for number in range(inputs)]
    for each in values:
        made.row(INPUTS, None, each)
    yield made.records
    yield _run(stream, scenario, users[0], at + timedelta(minutes=1), None)
    for number, user in enumerate(users):
        made = stream.transaction(_us(at + timedelta(minutes=5 + number))).context(_id(), user, "input.change")
        for before in values[number::CHANGES]:
            made.row(INPUTS, before, {**before, "value_number": f"{float(before['value_number']) + 1:.2f}"})
        yield made.records
    yield _run(stream, scenario, users[0], at + timedelta(minutes=50), "TimeoutError")


def _input(scenario: str, number: int) -> dict[str, Any]:
    named = {"input_id": _id(), "scenario_id": scenario, "node": f"node_{number % 12}", "name": f"input_{number}"}
    return {**named, "value_number": f"{number * 1.5:.2f}", "value_text": None, "value_json": None}


def _run(stream: Stream, scenario: str, user: str, at: datetime, failed: str | None) -> list[RawRecord]:
    run, correlation = _id(), _id()
    before = {"run_id": run, "scenario_id": scenario, "started_by": user, "status": "running", "started_at": _iso(at)}
    before |= {"finished_at": None, "error_message": None, "failed_node": None}
    begun = stream.transaction(_us(at)).context(correlation, user, "run.start").row(RUNS, None, before)
    end = at + timedelta(seconds=20)
    after = {**before, "status": "failed" if failed else "succeeded", "finished_at": _iso(end)}
    told: dict[str, Any] = {"correlation_id": correlation, "run_id": run, "scenario_id": scenario}
    lines = [stream.line(_us(at) + 1_000, "run accepted", 1, level="INFO", **told)]
    if failed:
        after |= {"error_message": f"{failed}: too long", "failed_node": "node_1"}
        why = error(failed, "too long", "node_1")
        lines.append(stream.line(_us(end) - 1_000, "node failed", 1, level="ERROR", error=why, node="node_1", **told))
    done = stream.transaction(_us(end)).context(correlation, user, "run.finish").row(RUNS, before, after)
    return [*begun.records, *lines, *done.records]


def _id() -> str:
    return str(uuid.uuid4())


def _us(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
