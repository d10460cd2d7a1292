"""A scenario as it was at an instant or at a commit position: its state, its row, its inputs, its runs.

The inputs begin with those of the newest run before that, so that the time which this takes does not grow with history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.events import commit_order, position
from api.queries.known import scenario_key
from api.queries.runs import RunView, of_keys
from api.queries.timeline import STATES
from clearsight.case import Order
from clearsight.comparison import PinnedInput, pinned
from clearsight.coverage import position_lsn, position_text
from clearsight.mapping import InputTable, Mapping
from clearsight.runs import InputImage, inputs_at
from sql.models import (
    dim_run,
    dim_scenario,
    fact_row_change,
    fact_run_diagnostic,
    fact_scenario_state_change,
    row_snapshot,
)

CLOCK_SLACK = timedelta(hours=1)
"""A run that started so long before, by the application's clock, was committed before."""
MOST_RUNS = 20
_LAST = 2**63 - 1

_CHANGE, _STATE = fact_row_change.c, fact_scenario_state_change.c
_RUN, _SNAPSHOT, _SCENARIO = fact_run_diagnostic.c, row_snapshot.c, dim_scenario.c


@dataclass(frozen=True, slots=True)
class InputsAsOf:
    """Never an empty list for want of history: then `available` is false and `reason` says why."""

    available: bool
    reason: str | None
    items: list[PinnedInput]


@dataclass(frozen=True, slots=True)
class ScenarioState:
    scenario_id: str
    at: datetime | None
    position: str | None
    """What was asked for; both null: now."""
    state: str | None
    """The lifecycle state; null: not known."""
    state_since: datetime | None
    row: dict[str, Any] | None
    """The scenario's own row as its newest change by then left it; null: no change of it had been captured."""
    inputs: InputsAsOf
    running: list[RunView]
    """Runs that had started and not ended, the newest first."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Up to and with what a question looks."""

    at: datetime | None = None
    position: str | None = None

    def changes(self) -> list[ColumnElement[bool]]:
        if self.at is not None:
            return [_CHANGE.occurred_at <= self.at]
        return [] if self.lsn is None else [_CHANGE.commit_lsn <= self.lsn]

    @property
    def lsn(self) -> int | None:
        return None if self.position is None else min(position_lsn(self.position), _LAST)


async def scenario_state(
    connection: AsyncConnection, scenario_id: str, mapping: Mapping, moment: Moment
) -> ScenarioState:
    """Raises Unknown."""
    key = await scenario_key(connection, scenario_id)
    state, since = await _state(connection, key, moment)
    return ScenarioState(
        scenario_id=scenario_id,
        at=moment.at,
        position=None if moment.lsn is None else position_text(moment.lsn),
        state=state,
        state_since=since,
        row=await _row(connection, key, moment),
        inputs=await _inputs(connection, key, mapping.input, moment),
        running=await _running(connection, key, moment),
    )


async def _state(connection: AsyncConnection, key: int, moment: Moment) -> tuple[str | None, datetime | None]:
    statement = select(_STATE.to_state, _STATE.occurred_at).where(_STATE.scenario_key == key)
    if moment.at is not None:
        statement = statement.where(_STATE.occurred_at <= moment.at)
    if moment.lsn is not None:
        statement = statement.where(_STATE.commit_lsn <= moment.lsn)
    newest = statement.order_by(*(column.desc() for column in STATES.order)).limit(1)
    row = (await connection.execute(newest)).one_or_none()
    return (row.to_state, row.occurred_at) if row else (None, None)


async def _row(connection: AsyncConnection, key: int, moment: Moment) -> dict[str, Any] | None:
    statement = (
        select(_CHANGE.after)
        .where(_CHANGE.scenario_key == key, _CHANGE.part == "scenario", *moment.changes())
        .order_by(_CHANGE.occurred_at.desc(), *(column.desc() for column in commit_order()))
        .limit(1)
    )
    found: dict[str, Any] | None = await connection.scalar(statement)
    return found


async def _inputs(connection: AsyncConnection, key: int, table: InputTable | None, moment: Moment) -> InputsAsOf:
    if table is None:
        return InputsAsOf(False, "the mapping names no table of inputs", [])
    run = await _newest_run(connection, key, moment)
    known = inputs_at(await _snapshot(connection, key), table) if run is None else run.inputs
    changed = await _images(connection, key, moment, run)
    removed = {each.row_key for each in changed if each.image is None}
    merged = {row: entry for row, entry in known.items() if row not in removed} | inputs_at(changed, table)
    if not merged and run is None and not changed:
        return InputsAsOf(False, await _why_none(connection, key, moment), [])
    return InputsAsOf(True, None, pinned(merged))


@dataclass(frozen=True, slots=True)
class _Pinned:
    """A run's inputs at its start, and where that stands."""

    inputs: dict[str, dict[str, Any]]
    start: Order
    earliest: datetime
    """No change after its start is older."""


async def _newest_run(connection: AsyncConnection, key: int, moment: Moment) -> _Pinned | None:
    """The newest that surely was committed by then."""
    order = (_RUN.start_commit_lsn, _RUN.start_lsn, _RUN.start_total_order)
    statement = (
        select(_RUN.inputs_at_start, _RUN.start_epoch, *order, _RUN.started_at, dim_run.c.first_seen_at)
        .join(dim_run, dim_run.c.run_key == _RUN.run_key)
        .where(_RUN.scenario_key == key, _RUN.inputs_at_start.is_not(None), _RUN.start_commit_lsn.is_not(None))
    )
    if moment.at is not None:
        statement = statement.where(_RUN.started_at <= moment.at - CLOCK_SLACK)
    if moment.lsn is not None:
        statement = statement.where(_RUN.start_commit_lsn < moment.lsn)
    newest = statement.order_by(*(column.desc() for column in order)).limit(1)
    row = (await connection.execute(newest)).one_or_none()
    if row is None:
        return None
    start = (row.start_epoch or 0, row.start_commit_lsn, row.start_lsn or 0, row.start_total_order or 0)
    return _Pinned(
        row.inputs_at_start, start, min(row.started_at or row.first_seen_at, row.first_seen_at) - CLOCK_SLACK
    )


async def _images(connection: AsyncConnection, key: int, moment: Moment, run: _Pinned | None) -> list[InputImage]:
    """The newest image of each input that changed between the two."""
    statement = (
        select(_CHANGE.row_key, _CHANGE.after, _CHANGE.event_id)
        .ext(distinct_on(_CHANGE.row_key))
        .where(_CHANGE.scenario_key == key, _CHANGE.part == "input", *moment.changes())
        .order_by(_CHANGE.row_key, *(column.desc() for column in commit_order()), _CHANGE.op == "d")
    )
    if run is not None:
        statement = statement.where(_CHANGE.occurred_at >= run.earliest, tuple_(*commit_order()) > position(run.start))
    return [InputImage(row[0], row[1], str(row[2])) for row in await connection.execute(statement)]


async def _snapshot(connection: AsyncConnection, key: int) -> list[InputImage]:
    """Inputs as the first snapshot saw them; those that were created later are not among them."""
    created = select(_CHANGE.row_key).where(_CHANGE.scenario_key == key, _CHANGE.part == "input", _CHANGE.op == "c")
    statement = (
        select(_SNAPSHOT.row_key, _SNAPSHOT.image)
        .ext(distinct_on(_SNAPSHOT.row_key))
        .where(_SNAPSHOT.scenario_key == key, _SNAPSHOT.part == "input", _SNAPSHOT.row_key.not_in(created))
        .order_by(_SNAPSHOT.row_key, _SNAPSHOT.epoch, _SNAPSHOT.kafka_offset)
    )
    return [InputImage(row[0], row[1], None) for row in await connection.execute(statement)]


async def _why_none(connection: AsyncConnection, key: int, moment: Moment) -> str:
    first = await connection.scalar(select(_SCENARIO.first_seen_at).where(_SCENARIO.scenario_key == key))
    if moment.at is not None and first is not None and moment.at < first:
        return f"nothing of this scenario had been captured by then; its history begins at {first.isoformat()[:19]}Z"
    return "no input of this scenario had been captured by then"


async def _running(connection: AsyncConnection, key: int, moment: Moment) -> list[RunView]:
    statement = select(_RUN.run_key).where(_RUN.scenario_key == key, ~_RUN.deleted)
    if (lsn := moment.lsn) is not None:
        statement = statement.where(_RUN.start_commit_lsn <= lsn, func.coalesce(_last_change(), _LAST) > lsn)
    else:
        at = func.now() if moment.at is None else moment.at
        statement = statement.where(_RUN.started_at <= at, func.coalesce(_RUN.finished_at > at, True))
        if moment.at is None:
            statement = statement.where(_RUN.outcome == "running")
    newest = statement.order_by(_RUN.start_commit_lsn.desc().nulls_last(), _RUN.run_key.desc()).limit(MOST_RUNS)
    return await of_keys(connection, list((await connection.execute(newest)).scalars()))


def _last_change() -> ColumnElement[int]:
    """Commit position of the change that ended the run; null: none has."""
    return (
        select(func.max(_CHANGE.commit_lsn))
        .where(_CHANGE.run_key == _RUN.run_key, _CHANGE.part == "run", _RUN.finished_at.is_not(None))
        .scalar_subquery()
    )
