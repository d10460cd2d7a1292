"""Pages by key: what comes after the last row of the page before, in an order of columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Tuple, and_, bindparam, literal, tuple_


def after(columns: Sequence[ColumnElement[Any]], key: Sequence[Any]) -> ColumnElement[bool]:
    """Rows that follow the key in ascending order. The first condition is implied, and is what an index on time can use."""
    return and_(columns[0] >= key[0], tuple_(*columns) > _bound(columns, key))


def after_named(columns: Sequence[ColumnElement[Any]], names: Sequence[str]) -> ColumnElement[bool]:
    """As `after`, with the key in parameters of these names."""
    bound = _named(columns, names)
    return and_(columns[0] >= bound[0], tuple_(*columns) > tuple_(*bound))


def before_named(columns: Sequence[ColumnElement[Any]], names: Sequence[str]) -> ColumnElement[bool]:
    """As `before`, with the key in parameters of these names."""
    bound = _named(columns, names)
    return and_(columns[0] <= bound[0], tuple_(*columns) < tuple_(*bound))


def _named(columns: Sequence[ColumnElement[Any]], names: Sequence[str]) -> list[BindParameter[Any]]:
    return [bindparam(name, type_=column.type) for name, column in zip(names, columns, strict=True)]


def before(columns: Sequence[ColumnElement[Any]], key: Sequence[Any]) -> ColumnElement[bool]:
    """Rows that follow the key in descending order."""
    return and_(columns[0] <= key[0], tuple_(*columns) < _bound(columns, key))


def _bound(columns: Sequence[ColumnElement[Any]], key: Sequence[Any]) -> Tuple:
    return tuple_(*(literal(value, column.type) for value, column in zip(key, columns, strict=True)))
