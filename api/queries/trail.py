"""The timeline of a scenario: everything that was done to it and said about it, oldest first, a page at a time.

Each kind of event gives at most a page in the order of an index, and only those are merged: a page of a scenario with
100,000 events costs what one of a small scenario costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    Text,
    bindparam,
    exists,
    func,
    literal,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.branch import ORDER, Branch, OrderKey, TrailFilter, keys_of, order_key, parameters, shape
from api.queries.known import impossible, scenario_key
from api.queries.prepared import Prepared, prepared
from api.queries.timeline import BRANCHES, LOGS, TrailEvent, shown, trail_event
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
    kinds = tuple(branch.kind for branch in BRANCHES if branch.may_match(filters))
    if not kinds:
        await scenario_key(connection, scenario_id)
        return TrailPage([], None)
    given = parameters(filters, await keys_of(connection, filters), after)
    given |= {"scenario_id": "" if impossible(scenario_id) else scenario_id, "most": limit + 1, "last": limit}
    rows = await _statement(kinds, shape(filters), after is not None).rows(connection, given)
    if not rows:
        await scenario_key(connection, scenario_id)
    page = rows[:limit]
    return TrailPage([trail_event(row) for row in page], order_key(page[-1]) if len(rows) > limit else None)


_ID, _MOST = bindparam("scenario_id", type_=Text), bindparam("most", type_=BigInteger)
_SCENARIO = select(dim_scenario.c.scenario_key).where(dim_scenario.c.scenario_id == _ID).scalar_subquery()
"""Within the statement, so that a page is one look at the database; where nothing is found it is asked whether it is known."""


@lru_cache(maxsize=512)
def _statement(kinds: tuple[str, ...], filters: TrailFilter, later: bool) -> Prepared:
    branches = [branch for branch in BRANCHES if branch.kind in kinds]
    own = _merged([_page(branch, branch.fact.c.scenario_key == _SCENARIO, filters, later) for branch in branches]).cte(
        "own"
    )
    parts: list[Select[Any]] = [select(own)]
    if LOGS in branches:
        parts.append(select(_page(LOGS, _shared(own), filters, later).subquery("shared")))
    page = _merged(parts).subquery("page")
    return prepared(
        select(*shown(page.c, _ID, dim_user.c, dim_run.c.run_id))
        .select_from(page)
        .join(dim_user, dim_user.c.user_key == page.c.user_key, isouter=True)
        .join(dim_run, (dim_run.c.run_key == page.c.run_key) & (page.c.link != "shared"), isouter=True)
        .order_by(*(page.c[name] for name in ORDER))
    )


def _page(branch: Branch, belongs: ColumnElement[bool], filters: TrailFilter, later: bool) -> Select[Any]:
    statement = branch.events(filters).where(belongs).order_by(*branch.order).limit(_MOST)
    return statement.where(branch.later()) if later else statement


def _merged(parts: list[Select[Any]]) -> Select[Any]:
    every = union_all(*(select(part.subquery()) for part in parts)).subquery("every")
    return select(every).order_by(*(every.c[name] for name in ORDER)).limit(_MOST)


def _shared(own: CTE) -> ColumnElement[bool]:
    """Lines whose correlation id touched several scenarios, this one among them, up to the end of the page."""
    touched = exists().where(
        correlation_touch.c.correlation_key == _LOG.correlation_key,
        correlation_touch.c.kind == "scenario",
        correlation_touch.c.key == _SCENARIO,
    )
    page_end = (
        select(own.c.occurred_at)
        .order_by(*(own.c[name] for name in ORDER))
        .offset(bindparam("last", type_=BigInteger))
        .limit(1)
    )
    until = func.coalesce(page_end.scalar_subquery(), _last_event() + SHARED_WITHIN)
    since = select(dim_scenario.c.first_seen_at - SHARED_WITHIN).where(dim_scenario.c.scenario_key == _SCENARIO)
    return (
        (_LOG.link == literal_column("'shared'", Text))
        & _LOG.scenario_key.is_(None)
        & (_LOG.occurred_at >= since.scalar_subquery())
        & (_LOG.occurred_at <= until)
        & touched
    )


def _last_event() -> ColumnElement[datetime]:
    """Of the scenario's own changes and lines; where it has none, there is no end."""
    newest = [
        select(fact.c.occurred_at)
        .where(fact.c.scenario_key == _SCENARIO)
        .order_by(fact.c.occurred_at.desc())
        .limit(1)
        .scalar_subquery()
        for fact in (fact_row_change, fact_cloudwatch_log)
    ]
    return func.coalesce(
        func.greatest(*newest), literal("infinity", DateTime(timezone=True)), type_=DateTime(timezone=True)
    )
