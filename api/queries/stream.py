"""The timeline in the order in which it lands: what came between two marks, each event once, and what was amended.

A mark is how far every partition had landed. What lies between two marks is found by the batches between them: each says
between which times its events lie, and event ids begin with their time. What was amended is noted by the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, union_all
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import amendments, keyset
from api.queries.amendments import Horizons
from api.queries.branch import Branch, TrailFilter, keys_of, parameters
from api.queries.timeline import ACTIONS, CHANGES, LOGS, STATES, TrailEvent, shown, trail_event
from clearsight.identity import id_range
from sql.models import (
    batch,
    consumer_position,
    correlation_touch,
    dim_run,
    dim_scenario,
    dim_user,
    fact_cloudwatch_log,
    fact_row_change,
    fact_scenario_state_change,
    fact_user_action,
)

MOST_BATCHES = 20
"""Batches of one partition that one window spans."""

Place = tuple[str, int]
Mark = dict[Place, int]
"""(topic, partition) → the offset that lands next."""
After = tuple[datetime, str]
"""The time and the id of the event that was told last."""

_CHANGE, _LOG = fact_row_change.c, fact_cloudwatch_log.c
_ACTION, _STATE = fact_user_action.c, fact_scenario_state_change.c


@dataclass(frozen=True, slots=True)
class Window:
    """What landed after `start` and up to `end`: it stays the same, whatever lands afterwards."""

    start: Mark
    end: Mark
    amended: Horizons = (0, 0)
    """What was amended meanwhile."""


@dataclass(frozen=True, slots=True)
class Span:
    """Of one partition: offsets from `first` to before `next`, of events between two times."""

    place: Place
    first: int
    next: int
    first_event_at: datetime
    last_event_at: datetime


@dataclass(frozen=True, slots=True)
class Arrived:
    events: list[TrailEvent]
    more: bool
    """There are more in this window."""


async def mark(connection: AsyncConnection) -> Mark:
    """Now."""
    position = consumer_position.c
    rows = await connection.execute(select(position.topic, position.kafka_partition, position.next_offset))
    return {(topic, partition): offset for topic, partition, offset in rows}


async def opened(connection: AsyncConnection) -> Window:
    """That ends now, and holds nothing."""
    now, horizon = await mark(connection), await amendments.horizon(connection)
    return Window(now, now, (horizon, horizon))


async def window(connection: AsyncConnection, before: Window) -> Window:
    """What has landed since that one: all of it, or as many batches of each partition as one window may span.

    A partition that stands before `start` belongs to a topic that was made anew: everything in it is new.
    """
    end, start = await mark(connection), before.end
    start = {place: offset if offset <= end.get(place, 0) else 0 for place, offset in start.items()}
    for place in end:
        if end[place] > start.get(place, 0):
            end[place] = await _end(connection, place, start.get(place, 0), end[place])
    return Window(start, end, await amendments.until(connection, before.amended[1]))


async def arrived(
    connection: AsyncConnection,
    within: Window,
    filters: TrailFilter,
    scenario_key: int | None,
    after: After | None,
    limit: int,
) -> Arrived:
    """Events of the window after this one by time and id, at most `limit`."""
    spans = [span for place in sorted(within.end) if (span := await _span(connection, place, within)) is not None]
    amended = await amendments.amended(connection, within.amended)
    if not spans and not amended:
        return Arrived([], False)
    given = parameters(filters, await keys_of(connection, filters))
    looks = [
        *(_conditions(spans, scenario_key) if spans else ()),
        *((branch, each & _belongs(branch, scenario_key)) for branch, each in amendments.conditions(amended)),
    ]
    selects = [
        _page(branch, branch.events(filters).where(condition), after, limit)
        for branch, condition in looks
        if branch.may_match(filters)
    ]
    rows = await _named(connection, selects, given, limit) if selects else []
    return Arrived([trail_event(row) for row in rows[:limit]], len(rows) > limit)


def _page(branch: Branch, statement: Select[Any], after: After | None, limit: int) -> Select[Any]:
    order = (branch.fact.c.occurred_at, branch.fact.c.event_id)
    page = statement.order_by(*order).limit(limit + 1)
    return page if after is None else page.where(keyset.after(order, after))


def _batches(place: Place, start: int, end: int) -> Select[Any]:
    return select(batch.c.next_offset).where(
        batch.c.topic == place[0],
        batch.c.kafka_partition == place[1],
        batch.c.next_offset > start,
        batch.c.first_offset < end,
    )


async def _end(connection: AsyncConnection, place: Place, start: int, end: int) -> int:
    statement = _batches(place, start, end).order_by(batch.c.next_offset).offset(MOST_BATCHES - 1).limit(1)
    return min(await connection.scalar(statement) or end, end)


async def _span(connection: AsyncConnection, place: Place, within: Window) -> Span | None:
    start, end = within.start.get(place, 0), within.end[place]
    if end <= start:
        return None
    times = (func.min(batch.c.first_event_at), func.max(batch.c.last_event_at))
    first, last = (await connection.execute(_batches(place, start, end).with_only_columns(*times))).one()
    return None if first is None else Span(place, start, end, first, last)


def _conditions(spans: Sequence[Span], scenario_key: int | None) -> list[tuple[Branch, ColumnElement[bool]]]:
    changed = select(_CHANGE.event_id).where(_in_spans(fact_row_change.c, spans))
    if scenario_key is not None:
        changed = changed.where(_CHANGE.scenario_key == scenario_key)
    within = _times(spans)
    return [
        (
            ACTIONS,
            _ids(_ACTION.event_id, within)
            & _ACTION.change_event_id.in_(changed)
            & _of(_ACTION.scenario_key, scenario_key),
        ),
        (CHANGES, _in_spans(_CHANGE, spans) & _of(_CHANGE.scenario_key, scenario_key)),
        (STATES, _entered(changed, spans, scenario_key)),
        (LOGS, _in_spans(_LOG, spans) & _said_of(scenario_key)),
    ]


def _belongs(branch: Branch, scenario_key: int | None) -> ColumnElement[bool]:
    return _said_of(scenario_key) if branch is LOGS else _of(branch.fact.c.scenario_key, scenario_key)


def _of(column: ColumnElement[Any], scenario_key: int | None) -> ColumnElement[bool]:
    return column.is_not(None) if scenario_key is None else column == scenario_key


def _said_of(scenario_key: int | None) -> ColumnElement[bool]:
    touched = select(correlation_touch.c.key).where(
        correlation_touch.c.correlation_key == _LOG.correlation_key, correlation_touch.c.kind == "scenario"
    )
    if scenario_key is None:
        return or_(_LOG.scenario_key.is_not(None), (_LOG.link == "shared"))
    shared = (_LOG.link == "shared") & touched.where(correlation_touch.c.key == scenario_key).exists()
    return or_(_LOG.scenario_key == scenario_key, shared)


def _entered(changed: Any, spans: Sequence[Span], scenario_key: int | None) -> ColumnElement[bool]:
    """Their time is that of a column, not of the commit: they are found by the scenarios whose rows changed."""
    changing = select(_CHANGE.scenario_key).where(
        _in_spans(_CHANGE, spans), _CHANGE.part == "scenario", _of(_CHANGE.scenario_key, scenario_key)
    )
    return _STATE.scenario_key.in_(changing) & _STATE.change_event_id.in_(changed)


def _in_spans(fact: Any, spans: Sequence[Span]) -> ColumnElement[bool]:
    return or_(
        *(
            and_(
                _ids(fact.event_id, (span.first_event_at, span.last_event_at)),
                fact.occurred_at.between(span.first_event_at, span.last_event_at),
                fact.topic == span.place[0],
                fact.kafka_partition == span.place[1],
                fact.kafka_offset >= span.first,
                fact.kafka_offset < span.next,
            )
            for span in spans
        )
    )


def _times(spans: Sequence[Span]) -> tuple[datetime, datetime]:
    return min(span.first_event_at for span in spans), max(span.last_event_at for span in spans)


def _ids(column: ColumnElement[Any], times: tuple[datetime, datetime]) -> ColumnElement[bool]:
    """Ids begin with the time: a range of them is read from the primary key."""
    first, last = id_range(*times)
    return and_(column >= first, column <= last)


async def _named(
    connection: AsyncConnection, selects: Sequence[Select[Any]], given: dict[str, Any], limit: int
) -> Sequence[Row[Any]]:
    """One that landed and was amended is there once."""
    every = union_all(*(select(each.subquery()) for each in selects)).subquery("every")
    every = select(every).ext(distinct_on(every.c.occurred_at, every.c.event_id)).subquery("once")
    statement = (
        select(*shown(every.c, dim_scenario.c.scenario_id, dim_user.c, dim_run.c.run_id))
        .select_from(every)
        .join(dim_scenario, dim_scenario.c.scenario_key == every.c.scenario_key, isouter=True)
        .join(dim_user, dim_user.c.user_key == every.c.user_key, isouter=True)
        .join(dim_run, (dim_run.c.run_key == every.c.run_key) & (every.c.link != "shared"), isouter=True)
        .order_by(every.c.occurred_at, every.c.event_id)
        .limit(limit + 1)
    )
    return (await connection.execute(statement, given)).all()
