"""Row changes that came without context: nobody said who made them and why. The newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, literal_column
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import keyset
from api.queries.events import ChangeEvent, change_event, change_events
from api.queries.known import scenario_key
from sql.models import fact_row_change

Key = tuple[datetime, str]
KEY = (datetime, str)

_CHANGE = fact_row_change.c


@dataclass(frozen=True, slots=True)
class OutOfBandFilter:
    since: datetime | None = None
    until: datetime | None = None
    scenario: str | None = None
    tables: tuple[str, ...] = ()
    """ "schema.table"."""


@dataclass(frozen=True, slots=True)
class OutOfBandPage:
    items: list[ChangeEvent]
    next_key: Key | None


async def out_of_band(
    connection: AsyncConnection, filters: OutOfBandFilter, limit: int, after: Key | None = None
) -> OutOfBandPage:
    """Those whose context can no longer come; one that may still come is counted as pending. Raises Unknown."""
    statement = (
        change_events()
        .where(_CHANGE.link == literal_column("'unlinked'", Text))
        .order_by(_CHANGE.occurred_at.desc(), _CHANGE.event_id.desc())
        .limit(limit + 1)
    )
    if filters.since is not None:
        statement = statement.where(_CHANGE.occurred_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(_CHANGE.occurred_at < filters.until)
    if filters.scenario is not None:
        statement = statement.where(_CHANGE.scenario_key == await scenario_key(connection, filters.scenario))
    if filters.tables:
        statement = statement.where((_CHANGE.table_schema + "." + _CHANGE.table_name).in_(filters.tables))
    if after is not None:
        statement = statement.where(keyset.before((_CHANGE.occurred_at, _CHANGE.event_id), after))
    rows = (await connection.execute(statement)).all()
    items = [change_event(row) for row in rows[:limit]]
    return OutOfBandPage(items, (items[-1].occurred_at, items[-1].event_id) if len(rows) > limit else None)
