"""Schema changes of audited tables, as the rows showed them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from clearsight.shapes import What, told
from sql.models import fact_schema_change

MOST = 50


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """`seen_at`: the first row with the new shape; the change itself was made before it."""

    event_id: str
    table: str
    """ "schema.table"."""
    what: What
    added: list[str]
    dropped: list[str]
    retyped: dict[str, list[str]]
    """Column → its type before and after."""
    seen_at: datetime
    text: str


async def schema_changes(connection: AsyncConnection, since: datetime, until: datetime) -> list[SchemaChange]:
    """What was first seen between these times, in commit order, the last `MOST` of it."""
    change = fact_schema_change.c
    statement = (
        select(fact_schema_change)
        .where(change.occurred_at > since, change.occurred_at <= until, ~change.withdrawn)
        .order_by(change.epoch.desc(), change.commit_lsn.desc(), change.lsn.desc(), change.total_order.desc())
        .limit(MOST)
    )
    rows = list(await connection.execute(statement))
    return [
        SchemaChange(
            event_id=str(row.event_id),
            table=f"{row.table_schema}.{row.table_name}",
            what=row.what,
            added=row.added,
            dropped=row.dropped,
            retyped=row.retyped or {},
            seen_at=row.occurred_at,
            text=told(row.added, row.dropped, row.retyped or {}),
        )
        for row in reversed(rows)
    ]
