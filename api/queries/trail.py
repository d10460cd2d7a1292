"""The timeline of a scenario: everything that was done to it and said about it, oldest first, a page at a time.

Each kind of event gives at most a page in the order of an index, and only those are merged: a page of a scenario with
100,000 events costs what one of a small scenario costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    DateTime,
    Select,
    Text,
    exists,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.known import scenario_key
from api.queries.timeline import (
    BRANCHES,
    LOGS,
    ORDER,
    Branch,
    Keys,
    OrderKey,
    TrailEvent,
    TrailFilter,
    keys_of,
    order_key,
    trail_event,
)
from sql.models import correlation_touch, dim_run, dim_scenario, dim_user, fact_cloudwatch_log, fact_row_change

SHARED_WITHIN = timedelta(days=1)
"""A request that touched the scenario changed or named it: its shared lines are not further from that than this."""

_LOG = fact_cloudwatch_log.c


@dataclass(frozen=True, slots=True)
class TrailPage:
    items: list[TrailEvent]
    next_key: OrderKey | None
    """Of the last item where there are more."""


async def trail(
    connection: AsyncConnection, scenario_id: str, filters: TrailFilter, limit: int, after: OrderKey | None = None
) -> TrailPage:
    """Events of the scenario after `after`, at most `limit`. Raises Unknown.

    Pages never overlap and never skip while rows arrive. An event that lands late, with a time before a page that was
    read already, is on no later page; `coverage` says up to when that cannot happen any more.
    """
    key = await scenario_key(connection, scenario_id)
    keys = await keys_of(connection, filters)
    branches = [branch for branch in BRANCHES if branch.may_match(filters)]
    if not branches:
        return TrailPage([], None)
    rows = (await connection.execute(_statement(key, scenario_id, branches, filters, keys, limit, after))).all()
    shown = rows[:limit]
    return TrailPage([trail_event(row) for row in shown], order_key(shown[-1]) if len(rows) > limit else None)


def _statement(
    key: int,
    scenario_id: str,
    branches: list[Branch],
    filters: TrailFilter,
    keys: Keys,
    limit: int,
    after: OrderKey | None,
) -> Select[Any]:
    own = _merged(
        [_page(branch, branch.fact.c.scenario_key == key, filters, keys, limit, after) for branch in branches], limit
    ).cte("own")
    parts: list[Select[Any]] = [select(own)]
    if LOGS in branches:
        shared = _page(LOGS, _shared(key, own, limit), filters, keys, limit, after)
        parts.append(select(shared.subquery("shared")))
    page = _merged(parts, limit).subquery("page")
    return (
        select(
            page,
            literal(scenario_id, Text).label("scenario_id"),
            dim_user.c.user_id,
            dim_user.c.name.label("user_name"),
            dim_run.c.run_id,
        )
        .join(dim_user, dim_user.c.user_key == page.c.user_key, isouter=True)
        .join(dim_run, (dim_run.c.run_key == page.c.run_key) & (page.c.link != "shared"), isouter=True)
        .order_by(*(page.c[name] for name in ORDER))
    )


def _page(
    branch: Branch,
    belongs: ColumnElement[bool],
    filters: TrailFilter,
    keys: Keys,
    limit: int,
    after: OrderKey | None,
) -> Select[Any]:
    statement = branch.events(filters, keys).where(belongs).order_by(*branch.order).limit(limit + 1)
    return statement if after is None else statement.where(branch.after(after))


def _merged(parts: list[Select[Any]], limit: int) -> Select[Any]:
    every = union_all(*(select(part.subquery()) for part in parts)).subquery("every")
    return select(every).order_by(*(every.c[name] for name in ORDER)).limit(limit + 1)


def _shared(key: int, own: CTE, limit: int) -> ColumnElement[bool]:
    """Lines whose correlation id touched several scenarios, this one among them, up to the end of the page."""
    touched = exists().where(
        correlation_touch.c.correlation_key == _LOG.correlation_key,
        correlation_touch.c.kind == "scenario",
        correlation_touch.c.key == key,
    )
    page_end = select(own.c.occurred_at).order_by(*(own.c[name] for name in ORDER)).offset(limit).limit(1)
    until = func.coalesce(page_end.scalar_subquery(), _last_event(key) + SHARED_WITHIN)
    since = select(dim_scenario.c.first_seen_at - SHARED_WITHIN).where(dim_scenario.c.scenario_key == key)
    return (
        (_LOG.link == literal_column("'shared'", Text))
        & _LOG.scenario_key.is_(None)
        & (_LOG.occurred_at >= since.scalar_subquery())
        & (_LOG.occurred_at <= until)
        & touched
    )


def _last_event(key: int) -> ColumnElement[datetime]:
    """Of the scenario's own changes and lines; where it has none, there is no end."""
    newest = [
        select(fact.c.occurred_at)
        .where(fact.c.scenario_key == key)
        .order_by(fact.c.occurred_at.desc())
        .limit(1)
        .scalar_subquery()
        for fact in (fact_row_change, fact_cloudwatch_log)
    ]
    return func.coalesce(
        func.greatest(*newest), literal("infinity", DateTime(timezone=True)), type_=DateTime(timezone=True)
    )
