"""Everything of one user in one story: actions, and what followed from them (transitions, ends of runs, log lines).

A page is made of actions; what carries their correlation ids is merged in on the page where the id first appears.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.branch import OrderKey, named_key, order_key
from api.queries.journey_statements import (
    ACTS,
    BEGINNING,
    CARRYING,
    COUNTED_PEERS,
    EARLIER,
    END,
    ENDED,
    MOST,
    MOST_FOLLOWING,
    NEWEST,
    actions,
)
from api.queries.known import correlation_key_of, user_key
from clearsight.confidence import Confidence, confidence
from clearsight.journey import Act, Session, SessionOf, Velocity, sessions, velocity
from sql.models import dim_user

RANGE = timedelta(days=30)
"""Before the user's last action, where no range is asked for."""
COMPARED = 100
"""So many of the newest actions are compared with those of other users in the same time."""
BEFORE, FOLLOWING = timedelta(hours=1), timedelta(days=1)
"""So long before and after the actions of a page is looked for what carries their correlation ids."""


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
    scenario_id: str | None
    run_id: str | None
    node: str | None
    level: str | None
    category: str | None
    correlation_id: str | None
    link: str
    confidence: Confidence
    session: int | None
    """Number of the session that it belongs to."""


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
    since = filters.since or await _beginning(connection, key, filters.until)
    within = {"user": key, "since": since or BEGINNING, "until": filters.until or END}
    acts = [Act(*row) for row in await ACTS.rows(connection, within)]
    found = sessions(acts[-MOST:], idle)
    page = await _page(connection, within, filters, limit, after)
    shown = page[:limit]
    following, cut = await _following(connection, within, shown)
    session = SessionOf(found)
    events = [_event(row, session(row[1])) for row in (*shown, *following)]
    return Journey(
        user_id=user_id,
        user_name=await connection.scalar(select(dim_user.c.name).where(dim_user.c.user_key == key)),
        since=acts[-MOST:][0].occurred_at if len(acts) > MOST else since,
        until=filters.until,
        items=sorted(filter(filters.chooses, events), key=lambda each: (each.occurred_at, each.event_id)),
        sessions=found,
        velocity=velocity(acts[-MOST:], await _others(connection, within, acts[-COMPARED:]), COMPARED),
        truncated=cut or len(acts) > MOST,
        next_key=order_key(shown[-1]) if len(page) > limit else None,
    )


async def _beginning(connection: AsyncConnection, key: int, until: datetime | None) -> datetime | None:
    newest = await NEWEST.rows(connection, {"user": key, "since": BEGINNING, "until": until or END})
    return newest[0][0] - RANGE if newest else None


async def _others(connection: AsyncConnection, within: dict[str, Any], newest: list[Act]) -> list[int]:
    """Actions of other users while the user did these, counted up to as many: more does not change the quantile."""
    if not newest:
        return []
    since = newest[0].occurred_at if len(newest) == COMPARED else within["since"]
    rows = await COUNTED_PEERS.rows(connection, {**within, "since": since, "most": len(newest)})
    return [row[0] for row in rows]


async def _page(
    connection: AsyncConnection, within: dict[str, Any], filters: JourneyFilter, limit: int, after: OrderKey | None
) -> Sequence[Any]:
    given = {**within, "most": limit + 1, **(named_key(after) if after else {})}
    if filters.correlation_id is not None:
        given["correlation"] = await correlation_key_of(connection, filters.correlation_id) or -1
    return await actions(after is not None, "correlation" in given).rows(connection, given)


async def _following(
    connection: AsyncConnection, within: dict[str, Any], acts: Sequence[Any]
) -> tuple[list[Any], bool]:
    if not acts:
        return [], False
    around = {"first": acts[0].occurred_at - BEFORE, "last": acts[-1].occurred_at + FOLLOWING}
    keys = await _begun_here(connection, within, acts)
    found: list[Any] = []
    cut = False
    for carrying in CARRYING if keys else ():
        rows = await carrying.rows(connection, {"keys": keys, **around})
        cut = cut or len(rows) > MOST_FOLLOWING
        found += rows[:MOST_FOLLOWING]
    runs = [row.run_key for row in acts if row.event_type == "run.started" and row.run_key is not None]
    found += await ENDED.rows(connection, {"runs": runs}) if runs else []
    return found, cut


async def _begun_here(connection: AsyncConnection, within: dict[str, Any], acts: Sequence[Any]) -> list[int]:
    """Correlation keys of these actions that no action of the user on an earlier page has."""
    keys = sorted({row.correlation_key for row in acts if row.correlation_key is not None})
    given = {**within, "keys": keys, **named_key(order_key(acts[0]))}
    told = {row[0] for row in await EARLIER.rows(connection, given)} if keys else set()
    return [key for key in keys if key not in told]


def _event(row: Any, session: int | None) -> JourneyEvent:
    """By place, as `_named` puts them."""
    return _EVENT(*row[:12], confidence(row[11], row[12]), session)


_EVENT: Callable[..., JourneyEvent] = JourneyEvent
