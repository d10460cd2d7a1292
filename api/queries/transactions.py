"""Source transactions that committed: what they changed and under which context."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.events import commit_order, correlation_key, position
from clearsight.case import CommittedTransaction, Order
from sql.models import dim_user, fact_row_change, fact_user_action, transaction_context

MOST = 20
CHANGES_TOLD = 5

_CONTEXT = transaction_context.c
_CHANGE = fact_row_change.c


async def named_transactions(
    connection: AsyncConnection, tx_ids: Sequence[int], since: datetime, until: datetime
) -> list[CommittedTransaction]:
    """Those of these (32-bit) ids that committed in this time, in the order of `tx_ids`."""
    if not tx_ids:
        return []
    statement = (
        select(_CONTEXT.tx_id, _CONTEXT.committed_at, _CONTEXT.correlation_id, _CONTEXT.user_id)
        .where(_CONTEXT.tx_id.in_(tx_ids), _CONTEXT.committed_at.between(since, until))
        .order_by(_CONTEXT.committed_at)
        .limit(MOST)
    )
    rows = (await connection.execute(statement)).all()
    found = [await _transaction(connection, row) for row in rows]
    return sorted(found, key=lambda each: tx_ids.index(each.tx_id))


async def overlapping_transactions(
    connection: AsyncConnection,
    scenario_key: int,
    run_key: int,
    after: Order,
    until: Order,
    earliest: datetime,
    latest: datetime,
) -> list[CommittedTransaction]:
    """Those that changed the scenario's rows between two commit positions, those that wrote the run's rows left out."""
    statement = (
        select(_CHANGE.tx_id, _CHANGE.occurred_at)
        .where(
            _CHANGE.scenario_key == scenario_key,
            _CHANGE.occurred_at.between(earliest, latest),
            tuple_(*commit_order()) > position(after),
            tuple_(*commit_order()) <= position(until),
            _CHANGE.run_key.is_distinct_from(run_key),
            _CHANGE.tx_id.is_not(None),
        )
        .distinct()
        .limit(MOST)
    )
    pairs = [tuple(row) for row in (await connection.execute(statement)).all()]
    if not pairs:
        return []
    contexts = (
        select(_CONTEXT.tx_id, _CONTEXT.committed_at, _CONTEXT.correlation_id, _CONTEXT.user_id)
        .where(tuple_(_CONTEXT.tx_id, _CONTEXT.committed_at).in_(pairs))
        .order_by(_CONTEXT.commit_lsn)
    )
    return [await _transaction(connection, row) for row in (await connection.execute(contexts)).all()]


async def _transaction(connection: AsyncConnection, row: Any) -> CommittedTransaction:
    name = await connection.scalar(select(dim_user.c.name).where(dim_user.c.user_id == row.user_id))
    return CommittedTransaction(
        tx_id=row.tx_id,
        committed_at=row.committed_at,
        correlation_id=row.correlation_id,
        user=name or row.user_id,
        changes=await _told(connection, row),
    )


async def _told(connection: AsyncConnection, row: Any) -> list[str]:
    """What the transaction's actions say of themselves; of one without context nothing, for it has no index."""
    if row.correlation_id is None:
        return []
    action = fact_user_action.c
    label = func.coalesce(action.details.op("->>")("label"), action.action)
    statement = (
        select(label)
        .where(action.correlation_key == correlation_key(row.correlation_id), action.tx_id == row.tx_id)
        .order_by(action.lsn, action.total_order)
        .limit(CHANGES_TOLD)
    )
    return list((await connection.execute(statement)).scalars())
