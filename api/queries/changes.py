"""Changes of a scenario's values in commit order: who, old → new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, and_, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.events import commit_order, position
from clearsight.actions import input_value
from clearsight.case import Order, ValueChange
from clearsight.identity import id_time_us
from clearsight.instants import clamp_us, from_us
from clearsight.mapping import InputTable
from sql.models import dim_user, fact_row_change

MOST = 5000
CLOCK_SLACK = timedelta(hours=1)
"""The application's clock and commit times may differ by this much; only the commit order decides, times choose what is
looked at."""

_CHANGE = fact_row_change.c


async def value_changes(
    connection: AsyncConnection,
    table: InputTable,
    scenario_key: int,
    *,
    after: Order | None,
    until: Order | None,
    earliest: datetime | None,
    latest: datetime | None,
) -> list[ValueChange]:
    """Changes of inputs, and out-of-band changes of the scenario's other rows, between two commit positions.

    At most MOST + 1: more than MOST means that the newest ones are missing.
    """
    statement = _statement(scenario_key).order_by(*commit_order(), _CHANGE.event_id).limit(MOST + 1)
    if after is not None:
        statement = statement.where(tuple_(*commit_order()) > position(after))
    if until is not None:
        statement = statement.where(tuple_(*commit_order()) <= position(until))
    if earliest is not None:
        statement = statement.where(_CHANGE.occurred_at >= earliest - CLOCK_SLACK)
    if latest is not None:
        statement = statement.where(_CHANGE.occurred_at <= latest + CLOCK_SLACK)
    rows = (await connection.execute(statement)).all()
    return [change for row in rows for change in _changes(row, table)]


def of_ids(ids: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Row changes with these ids. An id begins with its event's time: only the months of those are looked at."""
    times = [id_time_us(each) for each in ids]
    return (
        _CHANGE.event_id == func.any(literal(list(ids), ARRAY(_CHANGE.event_id.type))),
        _CHANGE.occurred_at >= from_us(clamp_us(min(times))),
        _CHANGE.occurred_at < from_us(clamp_us(max(times)) + 1000),
    )


def _statement(scenario_key: int) -> Select[Any]:
    elsewhere = and_(_CHANGE.link == "unlinked", _CHANGE.part.in_(("scenario", "other")), _CHANGE.run_key.is_(None))
    return _values().where(_CHANGE.scenario_key == scenario_key, or_(_CHANGE.part == "input", elsewhere))


def _values() -> Select[Any]:
    return select(
        _CHANGE.event_id,
        _CHANGE.occurred_at,
        _CHANGE.op,
        _CHANGE.part,
        (_CHANGE.table_schema + "." + _CHANGE.table_name).label("table"),
        _CHANGE.row_key,
        _CHANGE.before,
        _CHANGE.after,
        _CHANGE.changed,
        _CHANGE.node,
        _CHANGE.tx_id,
        _CHANGE.correlation_id,
        _CHANGE.link,
        func.coalesce(dim_user.c.name, dim_user.c.user_id).label("user"),
        *commit_order(),
    ).join(dim_user, dim_user.c.user_key == _CHANGE.user_key, isouter=True)


def _changes(row: Any, table: InputTable) -> Iterable[ValueChange]:
    """One for an input; for another row one for each column that changed."""
    if row.part == "input":
        image = row.after or row.before or {}
        name = image.get(table.name) if table.name else None
        old, new = input_value(row.before, table), input_value(row.after, table)
        if old != new:
            yield _change(row, None if name is None else str(name), old, new)
        return
    for column in row.changed:
        yield _change(row, column, (row.before or {}).get(column), (row.after or {}).get(column))


def _change(row: Any, name: str | None, old: Any, new: Any) -> ValueChange:
    return ValueChange(
        event_id=str(row.event_id),
        table=row.table,
        row_key=row.row_key,
        tx_id=row.tx_id,
        node=row.node,
        name=name,
        old=old,
        new=new,
        user=row.user,
        occurred_at=row.occurred_at,
        correlation_id=row.correlation_id,
        link=row.link,
        order=(row.epoch, row.commit_lsn, row.lsn, row.total_order),
    )
