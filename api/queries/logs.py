"""Log lines of a scenario, a run, a correlation id, of levels ERROR and FATAL, or of a period. The newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import keyset
from api.queries.events import LogEvent, log_event, log_events
from api.queries.known import correlation_key_of, run_key, scenario_key
from api.queries.reliability import SERIOUS, serious_lines
from clearsight.identity import id_range
from sql.models import fact_cloudwatch_log

_END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
Key = tuple[datetime, str]
KEY = (datetime, str)

_LOG = fact_cloudwatch_log.c


@dataclass(frozen=True, slots=True)
class LogFilter:
    """One of scenario, run and correlation_id, or levels of ERROR and FATAL alone, or a period that begins: everything
    else has no index."""

    since: datetime | None = None
    until: datetime | None = None
    scenario: str | None = None
    run: str | None = None
    correlation_id: str | None = None
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    q: str | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    items: list[LogEvent]
    next_key: Key | None


async def logs(connection: AsyncConnection, filters: LogFilter, limit: int, after: Key | None = None) -> LogPage:
    """Raises Unknown for the scenario or the run."""
    statement = log_events().order_by(_LOG.occurred_at.desc(), _LOG.event_id.desc()).limit(limit + 1)
    if filters.scenario is not None:
        statement = statement.where(_LOG.scenario_key == await scenario_key(connection, filters.scenario))
    if filters.run is not None:
        statement = statement.where(_LOG.run_key == (await run_key(connection, filters.run)).run_key)
    if filters.correlation_id is not None:
        found = await correlation_key_of(connection, filters.correlation_id)
        statement = statement.where(_LOG.correlation_key == (found or -1))
    if filters.levels:
        statement = statement.where(_LOG.level.in_(filters.levels))
        if set(filters.levels) <= set(SERIOUS):
            statement = statement.where(serious_lines())
    for column, values in (
        (_LOG.category, filters.categories),
        (_LOG.node, filters.nodes),
        (_LOG.service, filters.services),
    ):
        if values:
            statement = statement.where(column.in_(values))
    if filters.q is not None:
        searched = (_LOG.message, func.coalesce(_LOG.error_message, ""), func.coalesce(_LOG.stack, ""))
        statement = statement.where(or_(*(column.icontains(filters.q, autoescape=True) for column in searched)))
    if filters.since is not None:
        statement = statement.where(_LOG.occurred_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(_LOG.occurred_at < filters.until)
    if filters.since is not None and not _is_indexed(filters):
        # their time is in front of the ids, which are the primary key
        lowest, highest = id_range(filters.since, filters.until or _END_OF_TIME)
        statement = statement.where(_LOG.event_id.between(lowest, highest))
    if after is not None:
        statement = statement.where(keyset.before((_LOG.occurred_at, _LOG.event_id), after))
    rows = (await connection.execute(statement)).all()
    items = [log_event(row) for row in rows[:limit]]
    return LogPage(items, (items[-1].occurred_at, items[-1].event_id) if len(rows) > limit else None)


def _is_indexed(filters: LogFilter) -> bool:
    named = (filters.scenario, filters.run, filters.correlation_id)
    return any(each is not None for each in named) or (bool(filters.levels) and set(filters.levels) <= set(SERIOUS))
