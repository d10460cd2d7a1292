"""Which events were amended, or came out of their turn, between two snapshots of the database.

What a transaction noted is seen whole once it is older than every transaction that still runs: so readers go from one such
horizon to the next, and nothing is passed over. Notes stay a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.branch import Branch
from api.queries.timeline import ACTIONS, CHANGES, LOGS, STATES
from clearsight.identity import id_range
from sql.models import amendment, fact_user_action

MOST = 500
"""Notes that one look takes, and the rest of the transaction of the last."""

Horizons = tuple[int, int]
"""From the one on and before the other transaction."""


class Amended(NamedTuple):
    kind: str
    event_id: UUID
    occurred_at: datetime


async def horizon(connection: AsyncConnection) -> int:
    """The oldest transaction that may not have ended in this snapshot."""
    text = cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text)
    return int((await connection.execute(select(text))).scalar_one())


async def until(connection: AsyncConnection, start: int) -> Horizons:
    """What has been noted since `start`, as much of it as one look takes; of another cluster's horizon nothing."""
    end = await horizon(connection)
    start = min(start, end)
    noted = (
        select(amendment.c.xid)
        .where(amendment.c.xid >= start, amendment.c.xid < end)
        .order_by(amendment.c.xid)
        .offset(MOST)
        .limit(1)
    )
    last = await connection.scalar(noted)
    return start, end if last is None else max(int(last), start + 1)


async def amended(connection: AsyncConnection, within: Horizons) -> list[Amended]:
    if within[0] >= within[1]:
        return []
    statement = (
        select(amendment.c.kind, amendment.c.event_id, amendment.c.occurred_at)
        .where(amendment.c.xid >= within[0], amendment.c.xid < within[1])
        .distinct()
    )
    return [Amended(*row) for row in await connection.execute(statement)]


def conditions(found: Iterable[Amended]) -> list[tuple[Branch, ColumnElement[bool]]]:
    """By which the timeline's events of these facts are found."""
    by_kind: dict[str, list[Amended]] = {}
    for each in found:
        by_kind.setdefault(each.kind, []).append(each)
    parts = [
        (branch, _of(branch, by_kind[branch.kind])) for branch in (CHANGES, STATES, LOGS) if branch.kind in by_kind
    ]
    return [*parts, (ACTIONS, _actions(by_kind["change"]))] if "change" in by_kind else parts


def _of(branch: Branch, found: Sequence[Amended]) -> ColumnElement[bool]:
    """Their times, so that only their months are looked at."""
    times = [each.occurred_at for each in found]
    fact = branch.fact.c
    return _one_of(fact.event_id, found) & fact.occurred_at.between(min(times), max(times))


def _actions(changes: Sequence[Amended]) -> ColumnElement[bool]:
    """An action has the time of its change, and ids begin with the time: ranges of the primary key, that do not overlap."""
    action = fact_user_action.c
    ranges = sorted({id_range(each.occurred_at, each.occurred_at) for each in changes})
    kind = ARRAY(action.event_id.type)
    lows, highs = ([each[place] for each in ranges] for place in (0, 1))
    placed = func.unnest(literal(lows, kind), literal(highs, kind)).table_valued("low", "high").render_derived()
    times = [each.occurred_at for each in changes]
    return (
        action.event_id.between(placed.c.low, placed.c.high)
        & action.occurred_at.between(min(times), max(times))
        & _one_of(action.change_event_id, changes)
    )


def _one_of(column: ColumnElement[UUID], found: Sequence[Amended]) -> ColumnElement[bool]:
    return column == func.any(literal([each.event_id for each in found], ARRAY(column.type)))
