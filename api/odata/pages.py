"""Rows of an entity set from the database: a page, one entity, how many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.odata.faults import BadRequest
from api.odata.keyset import after, order_by
from api.odata.options import Ordered
from api.odata.sets import EntitySet

_OF_THE_VALUES = "22"
"""Class of PostgreSQL's errors about data: a division by zero, a number that is too big."""


@dataclass(frozen=True, slots=True)
class Page:
    names: tuple[str, ...]
    rows: Sequence[Any]
    """With more values than names: those that a key is made of."""
    key: list[Any] | None
    """Of the last row where more follow."""

    def entities(self) -> list[dict[str, Any]]:
        return [dict(zip(self.names, row, strict=False)) for row in self.rows]


async def page(
    connection: AsyncConnection,
    entity_set: EntitySet,
    names: tuple[str, ...],
    condition: ColumnElement[bool] | None,
    order: Sequence[Ordered],
    key: Sequence[Any] | None,
    limit: int,
    skip: int = 0,
) -> Page:
    """At most `limit` rows behind the one with `key`. Raises BadRequest where the filter cannot be computed."""
    extra = [each.found.name for each in order if each.found.name not in names]
    statement: Select[Any] = select(*(entity_set.table.c[name] for name in (*names, *extra)))
    if condition is not None:
        statement = statement.where(condition)
    if key is not None:
        statement = statement.where(after(order, key))
    statement = statement.order_by(*order_by(order)).limit(limit + 1)
    if skip:
        statement = statement.offset(skip)
    with _values_told():
        rows = (await connection.execute(statement)).all()
    shown = rows[:limit]
    if len(rows) <= limit or not shown:
        return Page(names, shown, None)
    places = [(*names, *extra).index(each.found.name) for each in order]
    return Page(names, shown, [shown[-1][place] for place in places])


async def count(connection: AsyncConnection, entity_set: EntitySet, condition: ColumnElement[bool] | None) -> int:
    """Raises BadRequest where the filter cannot be computed."""
    statement = select(func.count()).select_from(entity_set.table)
    if condition is not None:
        statement = statement.where(condition)
    with _values_told():
        return int((await connection.execute(statement)).scalar_one())


@contextmanager
def _values_told() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if not state.startswith(_OF_THE_VALUES):
            raise
        reason = (str(error.orig).strip().splitlines() or ["a value is out of range"])[0]
        raise BadRequest(f"$filter: {reason}", code="CannotCompute") from None
