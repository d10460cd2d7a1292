"""Everything of one user in one story: actions, and what followed from them (transitions, ends of runs, log lines).

A page is made of actions; what carries their correlation ids is merged in on the page where the id first appears.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, literal, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.known import correlation_key_of, user_key
from api.queries.timeline import ACTIONS, LOGS, STATES, Branch, OrderKey, order_key
from clearsight.confidence import Confidence, confidence
from clearsight.journey import Act, Session, SessionOf, Velocity, sessions, velocity
from sql.models import dim_run, dim_scenario, dim_user, fact_run_diagnostic, fact_user_action

RANGE = timedelta(days=30)
"""Before the user's last action, where no range is asked for."""
MOST = 5000
"""Actions that sessions and velocity are made of, the newest of the range."""
MOST_FOLLOWING = 500
"""Events of each kind that follow from the actions of one page."""
PEERS, COMPARED = 50, 100
"""Other users that the user is compared with, and by how many of the newest actions."""
BEFORE, FOLLOWING = timedelta(hours=1), timedelta(days=1)
"""So long before and after the actions of a page is looked for what carries their correlation ids."""

_ACTION, _RUN = fact_user_action.c, fact_run_diagnostic.c


@dataclass(frozen=True, slots=True)
class JourneyFilter:
    """Chooses among the events of a page."""

    since: datetime | None = None
    until: datetime | None = None
    types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    correlation_id: str | None = None
    q: str | None = None

    def chooses(self, event: JourneyEvent) -> bool:
        return (
            (not self.types or event.event_type in self.types or event.kind in self.types)
            and (not self.levels or event.level in self.levels)
            and (not self.categories or event.category in self.categories)
            and (not self.scenarios or event.scenario_id in self.scenarios)
            and (self.correlation_id is None or event.correlation_id == self.correlation_id)
            and (self.q is None or self.q.casefold() in event.summary.casefold())
        )


@dataclass(frozen=True, slots=True)
class JourneyEvent:
    event_id: str
    occurred_at: datetime
    kind: str
    """action, state_change, run (its end) or log."""
    event_type: str
    summary: str
    session: int | None
    """Number of the session that it belongs to."""
    scenario_id: str | None
    run_id: str | None
    node: str | None
    level: str | None
    category: str | None
    correlation_id: str | None
    link: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class Journey:
    user_id: str
    user_name: str | None
    since: datetime | None
    """What sessions and velocity are made of begins here; null: nothing was done."""
    until: datetime | None
    """Null: open."""
    items: list[JourneyEvent]
    sessions: list[Session]
    velocity: Velocity
    truncated: bool
    """Sessions and velocity are made of the newest actions only, or of what followed from a page's actions some is left out."""
    next_key: OrderKey | None


@dataclass(frozen=True, slots=True)
class _Range:
    user_key: int
    since: datetime | None
    until: datetime | None

    def conditions(self) -> list[Any]:
        found = [_ACTION.user_key == self.user_key]
        if self.since is not None:
            found.append(_ACTION.occurred_at >= self.since)
        if self.until is not None:
            found.append(_ACTION.occurred_at < self.until)
        return found


async def journey(
    connection: AsyncConnection,
    user_id: str,
    filters: JourneyFilter,
    idle: timedelta,
    limit: int,
    after: OrderKey | None = None,
) -> Journey:
    """Oldest first; `limit` actions a page. Raises Unknown."""
    key = await user_key(connection, user_id)
    within = await _range(connection, key, filters)
    acts = await _acts(connection, within)
    found = sessions(acts[-MOST:], idle)
    page = await _page(connection, within, filters, limit, after)
    shown = page[:limit]
    following, cut = await _following(connection, within, shown)
    session = SessionOf(found)
    events = [_event(row, session(row.occurred_at)) for row in (*shown, *following)]
    merged = sorted(filter(filters.chooses, events), key=lambda each: (each.occurred_at, each.event_id))
    return Journey(
        user_id=user_id,
        user_name=await connection.scalar(select(dim_user.c.name).where(dim_user.c.user_key == key)),
        since=acts[-MOST:][0].occurred_at if len(acts) > MOST else within.since,
        until=filters.until,
        items=merged,
        sessions=found,
        velocity=velocity(acts[-MOST:], await _others(connection, within, acts[-COMPARED:]), COMPARED),
        truncated=cut or len(acts) > MOST,
        next_key=order_key(shown[-1]) if len(page) > limit else None,
    )


async def _range(connection: AsyncConnection, key: int, filters: JourneyFilter) -> _Range:
    if filters.since is not None:
        return _Range(key, filters.since, filters.until)
    within = _Range(key, None, filters.until)
    newest = select(_ACTION.occurred_at).where(*within.conditions()).order_by(_ACTION.occurred_at.desc()).limit(1)
    last = await connection.scalar(newest)
    return within if last is None else _Range(key, last - RANGE, filters.until)


async def _acts(connection: AsyncConnection, within: _Range) -> list[Act]:
    newest = (
        select(_ACTION.occurred_at, _ACTION.action, _ACTION.scenario_key)
        .where(*within.conditions())
        .order_by(_ACTION.occurred_at.desc(), _ACTION.event_id.desc())
        .limit(MOST + 1)
        .subquery()
    )
    statement = (
        select(newest.c.occurred_at, newest.c.action, dim_scenario.c.scenario_id)
        .join(dim_scenario, dim_scenario.c.scenario_key == newest.c.scenario_key, isouter=True)
        .order_by(newest.c.occurred_at)
    )
    return [Act(*row) for row in (await connection.execute(statement)).all()]


async def _others(connection: AsyncConnection, within: _Range, newest: list[Act]) -> list[int]:
    """Actions of other users while the user did these, counted up to as many: more does not change the quantile."""
    if not newest:
        return []
    peers = (
        select(dim_user.c.user_key)
        .where(dim_user.c.user_key != within.user_key)
        .order_by(func.hashint8(dim_user.c.user_key), dim_user.c.user_key)
        .limit(PEERS)
        .subquery("peers")
    )
    since = newest[0].occurred_at if len(newest) == COMPARED else within.since
    ranged = _Range(within.user_key, since, within.until).conditions()[1:]
    acts = select(literal(1)).where(_ACTION.user_key == peers.c.user_key, *ranged).limit(len(newest)).correlate(peers)
    counted = select(func.count().label("acts")).select_from(acts.subquery()).lateral("counted")
    return list((await connection.execute(select(counted.c.acts).select_from(peers.join(counted, true())))).scalars())


async def _page(
    connection: AsyncConnection, within: _Range, filters: JourneyFilter, limit: int, after: OrderKey | None
) -> Sequence[Row[Any]]:
    statement = select(*_columns(ACTIONS), _ACTION.correlation_key).where(*within.conditions())
    if after is not None:
        statement = statement.where(ACTIONS.after(after))
    if filters.correlation_id is not None:
        key = await correlation_key_of(connection, filters.correlation_id)
        statement = statement.where(_ACTION.correlation_key == (key or -1))
    return await _named(connection, statement.order_by(*ACTIONS.order).limit(limit + 1))


async def _following(
    connection: AsyncConnection, within: _Range, acts: Sequence[Row[Any]]
) -> tuple[list[Row[Any]], bool]:
    if not acts:
        return [], False
    first, last = acts[0].occurred_at - BEFORE, acts[-1].occurred_at + FOLLOWING
    keys = await _begun_here(connection, within, acts)
    found: list[Row[Any]] = []
    cut = False
    for branch in (STATES, LOGS):
        rows = await _named(connection, _carrying(branch, keys, first, last)) if keys else []
        cut = cut or len(rows) > MOST_FOLLOWING
        found += rows[:MOST_FOLLOWING]
    runs = [row.run_key for row in acts if row.event_type == "run.started" and row.run_key is not None]
    found += (await connection.execute(_ended(runs))).all() if runs else []
    return found, cut


async def _begun_here(connection: AsyncConnection, within: _Range, acts: Sequence[Row[Any]]) -> list[int]:
    """Correlation keys of these actions that no action of the user on an earlier page has."""
    keys = sorted({row.correlation_key for row in acts if row.correlation_key is not None})
    earlier = select(_ACTION.correlation_key).where(
        _ACTION.correlation_key.in_(keys),
        *within.conditions(),
        ACTIONS.before(order_key(acts[0])),
    )
    shown = set((await connection.execute(earlier)).scalars()) if keys else set()
    return [key for key in keys if key not in shown]


def _carrying(branch: Branch, keys: list[int], first: datetime, last: datetime) -> Select[Any]:
    fact = branch.fact.c
    return (
        select(*_columns(branch))
        .where(fact.correlation_key.in_(keys), fact.occurred_at.between(first, last))
        .order_by(fact.occurred_at, fact.event_id)
        .limit(MOST_FOLLOWING + 1)
    )


def _columns(branch: Branch) -> list[ColumnElement[Any]]:
    """A story is told without details: stacks and row images would be most of what is read."""
    return [column for column in branch.columns if column.key != "details"]


async def _named(connection: AsyncConnection, events: Select[Any]) -> Sequence[Row[Any]]:
    """The events with the application's ids, in their order."""
    found = events.subquery("found")
    statement = (
        select(found, dim_scenario.c.scenario_id, dim_run.c.run_id)
        .join(dim_scenario, dim_scenario.c.scenario_key == found.c.scenario_key, isouter=True)
        .join(dim_run, dim_run.c.run_key == found.c.run_key, isouter=True)
        .order_by(
            found.c.occurred_at, found.c.epoch, found.c.commit_lsn, found.c.lsn, found.c.total_order, found.c.event_id
        )
    )
    return (await connection.execute(statement)).all()


def _ended(runs: list[int]) -> Select[Any]:
    told = func.coalesce(_RUN.error_message, func.coalesce(_RUN.duration_ms, 0).concat(" ms"))
    return (
        select(
            literal("run").label("kind"),
            func.concat("run/", dim_run.c.run_id).label("event_id"),
            _RUN.finished_at.label("occurred_at"),
            ("run." + _RUN.outcome).label("event_type"),
            func.concat("run ", dim_run.c.run_id, " ", _RUN.outcome, ": ", told).label("summary"),
            dim_scenario.c.scenario_id,
            dim_run.c.run_id,
            _RUN.failing_node.label("node"),
            literal(None).label("level"),
            _RUN.category,
            _RUN.correlation_id,
            literal(None).label("correlation_source"),
            literal("direct").label("link"),
        )
        .join(dim_run, dim_run.c.run_key == _RUN.run_key)
        .join(dim_scenario, dim_scenario.c.scenario_key == _RUN.scenario_key, isouter=True)
        .where(_RUN.run_key.in_(runs), _RUN.finished_at.is_not(None), _RUN.outcome.in_(("succeeded", "failed")))
    )


def _event(row: Any, session: int | None) -> JourneyEvent:
    return JourneyEvent(
        event_id=str(row.event_id),
        occurred_at=row.occurred_at,
        kind=row.kind,
        event_type=row.event_type,
        summary=row.summary,
        session=session,
        scenario_id=row.scenario_id,
        run_id=row.run_id,
        node=row.node,
        level=row.level,
        category=row.category,
        correlation_id=row.correlation_id,
        link=row.link,
        confidence=confidence(row.link, row.correlation_source),
    )
