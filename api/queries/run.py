"""Diagnostics of a run: what it was, its log lines, where it failed, its inputs and how they differ from the last good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import makers
from api.queries.events import LogEvent, correlation_key, log_event, log_events
from api.queries.known import run_key
from api.queries.makers import Maker
from api.queries.runs import RunRecord, RunView, last_good_run, run_record
from clearsight.comparison import Difference, PinnedInput, differences, pinned, pins
from clearsight.mapping import Mapping
from sql.models import fact_cloudwatch_log

MOST_LINES = 500
LINES_WITHIN = timedelta(days=31)
"""Lines that are further from the run than this are not looked for: the months of a long history would each cost a look."""

_LOG = fact_cloudwatch_log.c


@dataclass(frozen=True, slots=True)
class FailingNode:
    """`source`: run (its row names it), node (the node's own row says so) or log (a line of level ERROR names it)."""

    node: str
    error: str | None
    at: datetime | None
    source: str


@dataclass(frozen=True, slots=True)
class InputDifference:
    """`kind`: added, removed or changed. Who and when are null where the change was not captured."""

    kind: str
    node: str | None
    name: str | None
    row_key: str
    old: Any
    new: Any
    user: str | None
    occurred_at: datetime | None
    correlation_id: str | None
    link: str | None
    change_key: str | None


@dataclass(frozen=True, slots=True)
class InputDifferences:
    """Never an empty list for want of history: then `available` is false and `reason` says why."""

    available: bool
    reason: str | None
    items: list[InputDifference]


@dataclass(frozen=True, slots=True)
class Diagnostics:
    run: RunView
    stack: str | None
    """Of the last error line that has one."""
    failing_nodes: list[FailingNode]
    logs: list[LogEvent]
    logs_truncated: bool
    """Only the newest lines are here."""
    inputs: list[PinnedInput] | None
    """As they were at its start; null: not known."""
    last_good_run: RunView | None
    input_differences: InputDifferences


async def diagnostics(connection: AsyncConnection, run_id: str, mapping: Mapping) -> Diagnostics:
    """Raises Unknown."""
    key = await run_key(connection, run_id)
    record = await run_record(connection, key, run_id)
    good = await last_good_run(connection, record)
    lines = await run_lines(connection, record)
    errors = [line for line in lines[-MOST_LINES:] if line.level in ("ERROR", "FATAL")]
    return Diagnostics(
        run=record.view,
        stack=next((line.stack for line in reversed(errors) if line.stack), None),
        failing_nodes=await _failing_nodes(connection, record, errors),
        logs=lines[-MOST_LINES:],
        logs_truncated=len(lines) > MOST_LINES,
        inputs=None if record.inputs_at_start is None else pinned(record.inputs_at_start),
        last_good_run=good.view if good else None,
        input_differences=await input_differences(connection, record, good, mapping),
    )


async def run_lines(connection: AsyncConnection, run: RunRecord) -> list[LogEvent]:
    """The newest lines that name the run or carry its correlation id, oldest first, at most MOST_LINES + 1."""
    parts = [select(part.subquery()) for part in _lines(run)]
    every = union_all(*parts).subquery("every")
    newest = select(every).order_by(every.c.occurred_at.desc(), every.c.event_id.desc()).limit(MOST_LINES + 1)
    return [log_event(row) for row in reversed((await connection.execute(newest)).all())]


def _lines(run: RunRecord) -> list[Select[Any]]:
    conditions = [_LOG.run_key == run.run_key]
    if run.view.correlation_id is not None:
        conditions.append((_LOG.correlation_key == correlation_key(run.view.correlation_id)) & _LOG.run_key.is_(None))
    around = [_LOG.occurred_at >= run.earliest - LINES_WITHIN]
    if run.view.finished_at is not None:
        around.append(_LOG.occurred_at <= run.latest + LINES_WITHIN)
    newest = (_LOG.occurred_at.desc(), _LOG.event_id.desc())
    return [log_events().where(condition, *around).order_by(*newest).limit(MOST_LINES + 1) for condition in conditions]


async def _failing_nodes(connection: AsyncConnection, record: RunRecord, errors: list[LogEvent]) -> list[FailingNode]:
    found: dict[str, FailingNode] = {}
    run = record.view
    if run.failing_node:
        found[run.failing_node] = FailingNode(run.failing_node, run.error_message, run.finished_at, "run")
    for line in errors:
        if line.node and line.node not in found:
            found[line.node] = FailingNode(line.node, line.error_message or line.message, line.occurred_at, "log")
    return list(found.values())


async def input_differences(
    connection: AsyncConnection, run: RunRecord, good: RunRecord | None, mapping: Mapping
) -> InputDifferences:
    """How the inputs at the start differ from those of the last good run, and who changed them."""
    reason = _unavailable(run, good)
    if reason or good is None:
        return InputDifferences(False, reason, [])
    found = differences(pins(good.inputs_at_start or {}), pins(run.inputs_at_start or {}))
    known = await _makers(connection, run, good, found, mapping)
    return InputDifferences(True, None, [_difference(each, known.get(each.row_key)) for each in found])


def _unavailable(run: RunRecord, good: RunRecord | None) -> str | None:
    if good is None:
        return "no run of this scenario that succeeded before has been captured"
    if run.inputs_at_start is None:
        return "the inputs at the start of this run are not known"
    if good.inputs_at_start is None:
        return f"the inputs at the start of the last good run {good.view.run_id} are not known"
    return None


async def _makers(
    connection: AsyncConnection, run: RunRecord, good: RunRecord, found: list[Difference], mapping: Mapping
) -> dict[str, Maker]:
    """By row key the change that gave each input its value, which is pinned with it, or that removed it."""
    if mapping.input is None or run.scenario_key is None or not found:
        return {}
    inputs = run.inputs_at_start or {}
    ids = [inputs[each.row_key].get("event_id") for each in found if each.row_key in inputs]
    given = await makers.given(connection, mapping.input, [str(each) for each in ids if each])
    gone = [each.row_key for each in found if each.kind == "removed"]
    removed = await makers.removed(connection, run.scenario_key, gone, good.start, run.start)
    return {change.row_key: change for change in (*removed, *given)}


def _difference(each: Difference, change: Maker | None) -> InputDifference:
    return InputDifference(
        kind=each.kind,
        node=each.node,
        name=each.name,
        row_key=each.row_key,
        old=each.old,
        new=each.new,
        user=change.user if change else None,
        occurred_at=change.occurred_at if change else None,
        correlation_id=change.correlation_id if change else None,
        link=change.link if change else None,
        change_key=change.change_key if change else None,
    )
