"""Pages of an entity set by key: what follows the last row of the page before, whatever has landed since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, UnaryExpression, and_, false, literal, or_, true

from api.cursors import BadCursor, Cursors
from api.odata.faults import BadRequest
from api.odata.options import Ordered
from api.odata.sets import EntitySet, Kind
from api.queries import keyset

_TYPES: dict[Kind, Any] = {
    "text": str,
    "integer": int,
    "decimal": float,
    "boolean": bool,
    "date": date,
    "instant": datetime,
}


def order_of(entity_set: EntitySet, asked: Sequence[Ordered]) -> tuple[Ordered, ...]:
    """What was asked for, then what tells rows apart."""
    names = {each.found.name for each in asked}
    rest = dict.fromkeys(entity_set.key if asked else (*entity_set.order, *entity_set.key))
    descending = bool(asked) and all(each.descending for each in asked)
    return (*asked, *(Ordered(entity_set.properties[name], descending) for name in rest if name not in names))


def order_by(order: Sequence[Ordered]) -> list[UnaryExpression[Any]]:
    """Nulls come before everything, as OData has it; said only where there can be any, for the sake of indexes."""
    return [_direction(each) for each in order]


def _direction(each: Ordered) -> UnaryExpression[Any]:
    column = each.found.column
    found = column.desc() if each.descending else column.asc()
    if not each.found.nullable:
        return found
    return found.nulls_last() if each.descending else found.nulls_first()


def after(order: Sequence[Ordered], key: Sequence[Any]) -> ColumnElement[bool]:
    """Rows behind the one with this key."""
    directions = {each.descending for each in order}
    if len(directions) == 1 and not any(each.found.nullable for each in order):
        follow = keyset.before if True in directions else keyset.after
        return follow([each.found.column for each in order], key)
    return _after_one_by_one(order, key)


def _after_one_by_one(order: Sequence[Ordered], key: Sequence[Any]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = false()
    for each, value in zip(reversed(order), reversed(key), strict=True):
        found = or_(_behind(each, value), and_(_as(each, value), found))
    return and_(_from(order[0], key[0]), found)


def _from(each: Ordered, value: Any) -> ColumnElement[bool]:
    """Implied, and what an index can use."""
    if each.found.nullable:
        return true()
    column, bound = each.found.column, literal(value, each.found.column.type)
    return column <= bound if each.descending else column >= bound


def _as(each: Ordered, value: Any) -> ColumnElement[bool]:
    column = each.found.column
    return column.is_(None) if value is None else column == literal(value, column.type)


def _behind(each: Ordered, value: Any) -> ColumnElement[bool]:
    column = each.found.column
    if value is None:
        return false() if each.descending else column.is_not(None)
    bound = literal(value, column.type)
    if not each.descending:
        return column > bound
    return or_(column < bound, column.is_(None)) if each.found.nullable else column < bound


class Tokens:
    """`$skiptoken`: the key of a page's last row, signed for one set, filter and order."""

    def __init__(self, cursors: Cursors, query: str) -> None:
        self._cursors = cursors
        self._query = query

    def sign(self, key: Sequence[Any]) -> str:
        return self._cursors.sign(self._query, [msgspec.json.encode(list(key)).decode()])

    def read(self, token: str, order: Sequence[Ordered]) -> list[Any]:
        """Raises BadRequest where it was tampered with or belongs to another query."""
        try:
            (told,) = self._cursors.read(self._query, token, (str,))
        except BadCursor as error:
            raise BadRequest(f"$skiptoken: {error}") from None
        values = msgspec.json.decode(told)
        return [
            None if value is None else msgspec.convert(value, _TYPES[each.found.kind])
            for each, value in zip(order, values, strict=True)
        ]
