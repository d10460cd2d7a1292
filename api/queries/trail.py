"""The timeline of a scenario: everything that was done to it and said about it, oldest first, a page at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Select, Tuple, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.known import scenario_key
from clearsight.confidence import Confidence, confidence
from sql.models import view_scenario_audit_trail

_VIEW = view_scenario_audit_trail.c
_ORDER = (_VIEW.occurred_at, _VIEW.epoch, _VIEW.commit_lsn, _VIEW.lsn, _VIEW.total_order, _VIEW.event_id)

OrderKey = tuple[datetime, int, int, int, int, str]
"""(occurred_at, epoch, commit LSN, LSN, total order, event id)."""


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Several values of one filter are alternatives. `types` are event types ("input.changed") or kinds ("log")."""

    since: datetime | None = None
    until: datetime | None = None
    types: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    correlation_id: str | None = None
    q: str | None = None

    def fingerprint(self) -> str:
        """Equal for equal filters."""
        return msgspec.json.encode(asdict(self), order="deterministic").decode()


@dataclass(frozen=True, slots=True)
class TrailEvent:
    event_id: str
    occurred_at: datetime
    kind: str
    event_type: str
    summary: str
    user_id: str | None
    user_name: str | None
    run_id: str | None
    node: str | None
    level: str | None
    category: str | None
    correlation_id: str | None
    correlation_source: str | None
    link: str
    confidence: Confidence
    revision: int
    approximate_order: bool
    """Between log lines and row changes the order is by wall clock."""
    details: dict[str, Any]


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
    rows = (await connection.execute(_statement(key, filters, limit, after))).all()
    shown = rows[:limit]
    return TrailPage([_event(row) for row in shown], _key(shown[-1]) if len(rows) > limit else None)


def _statement(key: int, filters: TrailFilter, limit: int, after: OrderKey | None) -> Select[Any]:
    statement = select(*_COLUMNS).where(_VIEW.scenario_key == key).order_by(*_ORDER).limit(limit + 1)
    if after is not None:
        # the first condition is implied by the second, and is the one that the indexes on time can use
        statement = statement.where(_VIEW.occurred_at >= after[0], tuple_(*_ORDER) > _bound(after))
    return _filtered(statement, filters)


def _bound(key: OrderKey) -> Tuple:
    return tuple_(*(literal(value, column.type) for value, column in zip(key, _ORDER, strict=True)))


def _filtered(statement: Select[Any], filters: TrailFilter) -> Select[Any]:
    if filters.since is not None:
        statement = statement.where(_VIEW.occurred_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(_VIEW.occurred_at < filters.until)
    if filters.types:
        statement = statement.where(or_(_VIEW.event_type.in_(filters.types), _VIEW.kind.in_(filters.types)))
    for column, values in (
        (_VIEW.level, filters.levels),
        (_VIEW.category, filters.categories),
        (_VIEW.user_id, filters.users),
    ):
        if values:
            statement = statement.where(column.in_(values))
    if filters.correlation_id is not None:
        statement = statement.where(_VIEW.correlation_id == filters.correlation_id)
    if filters.q is not None:
        searched = (_VIEW.summary, _VIEW.details["error_message"].astext, _VIEW.details["stack"].astext)
        statement = statement.where(or_(*(column.icontains(filters.q, autoescape=True) for column in searched)))
    return statement


_COLUMNS = (
    _VIEW.event_id,
    _VIEW.occurred_at,
    _VIEW.kind,
    _VIEW.event_type,
    _VIEW.summary,
    _VIEW.user_id,
    _VIEW.user_name,
    _VIEW.run_id,
    _VIEW.node,
    _VIEW.level,
    _VIEW.category,
    _VIEW.correlation_id,
    _VIEW.correlation_source,
    _VIEW.link,
    _VIEW.revision,
    _VIEW.details,
    _VIEW.approximate_order,
    _VIEW.epoch,
    _VIEW.commit_lsn,
    _VIEW.lsn,
    _VIEW.total_order,
)


def _event(row: Any) -> TrailEvent:
    return TrailEvent(
        event_id=str(row.event_id),
        occurred_at=row.occurred_at,
        kind=row.kind,
        event_type=row.event_type,
        summary=row.summary,
        user_id=row.user_id,
        user_name=row.user_name,
        run_id=row.run_id,
        node=row.node,
        level=row.level,
        category=row.category,
        correlation_id=row.correlation_id,
        correlation_source=row.correlation_source,
        link=row.link,
        confidence=confidence(row.link, row.correlation_source),
        revision=row.revision,
        approximate_order=row.approximate_order,
        details=row.details or {},
    )


def _key(row: Any) -> OrderKey:
    return (row.occurred_at, row.epoch, row.commit_lsn, row.lsn, row.total_order, str(row.event_id))
