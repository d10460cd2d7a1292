"""Gathers what is known about a failed run for clearsight.causes, each look bounded and by an index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.changes import MOST, of_ids, value_changes
from api.queries.events import LogEvent
from api.queries.run import run_lines
from api.queries.runs import RunRecord, last_good_run
from api.queries.transactions import named_transactions, overlapping_transactions
from clearsight.case import Case, ErrorText, HealthyRun, NodeActivity, Order, RunFacts, Slot, ValueChange
from clearsight.contention import lock_conflict
from clearsight.mapping import Mapping
from sql.models import dim_run, dim_user, fact_row_change, fact_run_diagnostic

OWN_RUNS = 20
"""Healthy runs of the scenario that are looked at."""
PEER_RUNS = 30
"""Healthy runs of other scenarios."""
PEERS_AMONG = 300
"""They are looked for among so many of the newest runs."""
PARTY_WINDOW = timedelta(minutes=10)
"""Around the run, in which the other party of a lock conflict is looked for: 32-bit transaction ids come again."""

_RUN = fact_run_diagnostic.c


async def case_of(connection: AsyncConnection, run: RunRecord, mapping: Mapping) -> Case:
    """Everything that the rules ask for, of a run that failed; of another one nothing but the run."""
    facts = _facts(run)
    if run.view.outcome != "failed":
        return Case(facts, None)
    good = await last_good_run(connection, run)
    lines = await run_lines(connection, run)
    changes, truncated = await _changes(connection, run, good, mapping)
    errors = _error_texts(run, lines)
    slots = {change.slot for change in changes}
    named, overlapping = await _parties(connection, run, errors)
    return Case(
        run=facts,
        last_good=_facts(good) if good else None,
        changes=changes,
        healthy=await _healthy_runs(connection, run, slots) if slots else (),
        errors=errors,
        activity=await _activity(connection, run, lines, mapping),
        healthy_activity=await _activity(connection, good, await run_lines(connection, good), mapping)
        if good
        else NodeActivity(),
        named_transactions=named,
        overlapping_transactions=overlapping,
        truncated=truncated,
    )


def _facts(run: RunRecord) -> RunFacts:
    view = run.view
    return RunFacts(
        run_id=view.run_id,
        outcome=view.outcome,
        started_at=view.started_at,
        finished_at=view.finished_at,
        category=view.category,
        error_type=view.error_type,
        error_message=view.error_message,
        failing_node=view.failing_node,
    )


async def _changes(
    connection: AsyncConnection, run: RunRecord, good: RunRecord | None, mapping: Mapping
) -> tuple[list[ValueChange], bool]:
    if mapping.input is None or run.scenario_key is None:
        return [], False
    found = await value_changes(
        connection,
        mapping.input,
        run.scenario_key,
        after=good.start if good else None,
        until=await _last_position(connection, run),
        earliest=good.earliest if good else None,
        latest=run.latest,
    )
    start = run.start
    kept = [replace(change, during_run=start is not None and change.order > start) for change in found[:MOST]]
    return kept, len(found) > MOST


async def _last_position(connection: AsyncConnection, run: RunRecord) -> Order | None:
    """Commit position of the newest change of the run's own rows."""
    change = fact_row_change.c
    order = (change.epoch, change.commit_lsn, change.lsn, change.total_order)
    statement = (
        select(*order)
        .where(change.run_key == run.run_key, change.part == "run")
        .order_by(*(column.desc() for column in order))
        .limit(1)
    )
    row = (await connection.execute(statement)).one_or_none()
    return tuple(row) if row else None


async def _healthy_runs(connection: AsyncConnection, run: RunRecord, slots: set[Slot]) -> list[HealthyRun]:
    """Values of these inputs in healthy runs before this one, oldest first, those of other scenarios before its own."""
    own = (
        select(_RUN.run_key)
        .where(
            _RUN.scenario_key == run.scenario_key,
            _RUN.outcome == "succeeded",
            _RUN.start_commit_lsn < (run.start[1] if run.start else 0),
        )
        .order_by(_RUN.start_commit_lsn.desc())
        .limit(OWN_RUNS)
    )
    newest = select(dim_run.c.run_key).order_by(dim_run.c.run_key.desc()).limit(PEERS_AMONG).subquery()
    peers = (
        select(_RUN.run_key)
        .where(
            _RUN.run_key.in_(select(newest.c.run_key)),
            _RUN.scenario_key.is_distinct_from(run.scenario_key),
            _RUN.outcome == "succeeded",
        )
        .order_by(_RUN.run_key.desc())
        .limit(PEER_RUNS)
    )
    chosen = own.union_all(peers).subquery()
    entry = func.jsonb_each(_RUN.inputs_at_start).table_valued("key", "value").lateral("entry")
    names = cast(bindparam("names"), ARRAY(Text))
    pinned = (
        select(func.jsonb_object_agg(entry.c.key, entry.c.value))
        .select_from(entry)
        .where((entry.c.value.op("->>")("name") == func.any(names)) | (entry.c.key == func.any(names)))
        .scalar_subquery()
    )
    statement = (
        select(dim_run.c.run_id, (_RUN.scenario_key == run.scenario_key).label("same"), pinned.label("inputs"))
        .join(dim_run, dim_run.c.run_key == _RUN.run_key)
        .where(_RUN.run_key.in_(select(chosen.c.run_key)))
        .order_by(_RUN.start_commit_lsn)
    )
    rows = (await connection.execute(statement, {"names": sorted({name for _, name in slots})})).all()
    origins = await _origins(connection, (row.inputs for row in rows if row.same))
    return [_healthy_run(row.run_id, bool(row.same), row.inputs or {}, origins) for row in rows]


def _healthy_run(run_id: str, same: bool, inputs: dict[str, dict[str, Any]], origins: dict[str, str]) -> HealthyRun:
    values = {(entry.get("node") or "", entry.get("name") or key): entry for key, entry in inputs.items()}
    return HealthyRun(
        run_id=run_id,
        same_scenario=same,
        values={slot: entry.get("value") for slot, entry in values.items()},
        origins={
            slot: origins[event] for slot, entry in values.items() if (event := str(entry.get("event_id"))) in origins
        },
    )


async def _origins(connection: AsyncConnection, inputs: Iterable[dict[str, Any] | None]) -> dict[str, str]:
    """Event id → who made the change."""
    events = {entry["event_id"] for each in inputs for entry in (each or {}).values() if entry.get("event_id")}
    if not events:
        return {}
    statement = (
        select(fact_row_change.c.event_id, func.coalesce(dim_user.c.name, dim_user.c.user_id))
        .join(dim_user, dim_user.c.user_key == fact_row_change.c.user_key)
        .where(*of_ids(sorted(map(str, events))))
    )
    return {str(event): who for event, who in (await connection.execute(statement))}


def _error_texts(run: RunRecord, lines: Sequence[LogEvent]) -> list[ErrorText]:
    texts: dict[str, bool] = {}
    if run.view.error_message:
        texts[run.view.error_message] = True
    for line in lines:
        serious = line.level in ("ERROR", "FATAL")
        for text, prominent in (
            (line.error_message, serious),
            (line.message if serious or line.level == "WARN" else None, serious),
            (line.stack, False),
        ):
            if text:
                texts[text] = texts.get(text, False) or prominent
    return [ErrorText(text, prominent) for text, prominent in texts.items()]


async def _activity(
    connection: AsyncConnection, run: RunRecord, lines: Sequence[LogEvent], mapping: Mapping
) -> NodeActivity:
    """By the rows that name the run and a node, and by its log lines. A node with an error in either has not succeeded."""
    change = fact_row_change.c
    statement = (
        select(change.node, change.occurred_at)
        .where(change.run_key == run.run_key, change.node.is_not(None), change.part != "run")
        .order_by(change.epoch, change.commit_lsn, change.lsn, change.total_order)
        .limit(MOST)
    )
    stored = list(await connection.execute(statement))
    logged = [(line.node, line.occurred_at) for line in lines if line.node]
    touched: list[tuple[str, datetime]] = [(node, at) for node, at in (logged or stored) if node]
    touched += [(node, at) for node, at in stored if node and logged]
    order = list(dict.fromkeys(node for node, _ in sorted(touched, key=lambda each: each[1])))
    wrong = {line.node for line in lines if line.level in ("ERROR", "FATAL")} | {run.view.failing_node}
    return NodeActivity(order, frozenset(order) - wrong)


async def _parties(connection: AsyncConnection, run: RunRecord, errors: Sequence[ErrorText]) -> tuple[Any, Any]:
    conflict = lock_conflict([error.text for error in errors])
    if conflict is None:
        return (), ()
    around = (run.earliest - PARTY_WINDOW, run.latest + PARTY_WINDOW)
    named = await named_transactions(connection, conflict.transactions, *around)
    until = await _last_position(connection, run)
    if named or run.start is None or until is None or run.scenario_key is None:
        return named, ()
    return named, await overlapping_transactions(connection, run.scenario_key, run.run_key, run.start, until, *around)
