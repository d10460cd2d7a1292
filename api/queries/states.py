"""A scenario's transitions, and how long it was in which state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.branch import OrderKey, TrailFilter, keys_of, order_key, parameters
from api.queries.known import scenario_key
from api.queries.timeline import STATES
from clearsight.confidence import Confidence, confidence
from clearsight.states import CurrentState, TimeInState, current_state, time_in_states
from sql.models import dim_user, fact_scenario_state_change

MOST = 10_000
"""Transitions that times are added up of, the newest."""

_STATE = fact_scenario_state_change.c


@dataclass(frozen=True, slots=True)
class StateChange:
    event_id: str
    occurred_at: datetime
    from_state: str | None
    to_state: str
    how_known: str
    """column (a lifecycle column holds when), status (the status column changed) or snapshot."""
    ms_in_state_before: int | None
    user_id: str | None
    user_name: str | None
    correlation_id: str | None
    link: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class StateChanges:
    items: list[StateChange]
    current: CurrentState | None
    """At the end of the question; null: no transition has been captured until then."""
    time_in_state: list[TimeInState]
    """Of the question's range, whatever else was filtered."""
    next_key: OrderKey | None


async def state_changes(
    connection: AsyncConnection, scenario_id: str, filters: TrailFilter, limit: int, after: OrderKey | None = None
) -> StateChanges:
    """Transitions oldest first. Raises Unknown."""
    key = await scenario_key(connection, scenario_id)
    given = parameters(filters, await keys_of(connection, filters))
    statement = _statement(key).where(*STATES.narrowed(filters)).order_by(*STATES.order).limit(limit + 1)
    if after is not None:
        statement = statement.where(STATES.after(after))
    rows = (await connection.execute(statement, given)).all()
    whole = after is None and len(rows) <= limit and filters == TrailFilter(filters.since, filters.until)
    times = [(row.occurred_at, row.to_state, row.now) for row in rows]
    transitions, end = _until(times if whole else await _transitions(connection, key, filters), filters)
    return StateChanges(
        items=[_state_change(row) for row in rows[:limit]],
        current=current_state(transitions, end),
        time_in_state=time_in_states(transitions, end),
        next_key=order_key(rows[limit - 1]) if len(rows) > limit else None,
    )


def _statement(key: int) -> Select[Any]:
    return (
        select(
            _STATE.event_id,
            _STATE.occurred_at,
            _STATE.from_state,
            _STATE.to_state,
            _STATE.how_known,
            _STATE.ms_in_state_before,
            dim_user.c.user_id,
            dim_user.c.name.label("user_name"),
            _STATE.correlation_id,
            _STATE.link,
            _STATE.epoch,
            _STATE.commit_lsn,
            _STATE.lsn,
            _STATE.total_order,
            func.now().label("now"),
        )
        .join(dim_user, dim_user.c.user_key == _STATE.user_key, isouter=True)
        .where(_STATE.scenario_key == key)
    )


def _state_change(row: Any) -> StateChange:
    return StateChange(
        event_id=str(row.event_id),
        occurred_at=row.occurred_at,
        from_state=row.from_state,
        to_state=row.to_state,
        how_known=row.how_known,
        ms_in_state_before=row.ms_in_state_before,
        user_id=row.user_id,
        user_name=row.user_name,
        correlation_id=row.correlation_id,
        link=row.link,
        confidence=confidence(row.link),
    )


_Time = tuple[datetime, str, datetime]
"""When a state was entered, the state, and now."""


def _until(times: Sequence[_Time], filters: TrailFilter) -> tuple[list[tuple[datetime, str]], datetime]:
    """The transitions, and the end up to which the last state lasts."""
    ends = [each for each in (filters.until, times[-1][2] if times else None) if each is not None]
    return [(at, state) for at, state, _ in times], min(ends, default=datetime.max.replace(tzinfo=UTC))


async def _transitions(connection: AsyncConnection, key: int, filters: TrailFilter) -> Sequence[_Time]:
    """Those of the range, oldest first, whatever else was filtered."""
    statement = select(_STATE.occurred_at, _STATE.to_state, func.now()).where(_STATE.scenario_key == key)
    if filters.since is not None:
        statement = statement.where(_STATE.occurred_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(_STATE.occurred_at < filters.until)
    newest = statement.order_by(*(column.desc() for column in STATES.order)).limit(MOST)
    return [(row[0], row[1], row[2]) for row in reversed((await connection.execute(newest)).all())]
