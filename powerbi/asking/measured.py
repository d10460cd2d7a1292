"""Measures in SQL, over the columns of a selection. DAX's blank is null: the count of nothing too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Double, cast, distinct, func

from powerbi.measuring import Expression, Of, Rows, Share, Where
from powerbi.model import Table

ColumnOf = Callable[[str], ColumnElement[Any]]
"""A column of the selection, by its name in the model."""

_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": func.sum,
    "average": lambda column: func.avg(cast(column, Double)),
    "minimum": func.min,
    "maximum": func.max,
    "distinct": lambda column: func.count(distinct(column)),
}


def measured(table: Table, value: Expression, column: ColumnOf) -> ColumnElement[Any]:
    match value:
        case Rows(where):
            return func.nullif(_where(func.count(), where, column), 0)
        case Of("distinct", name, where):
            return func.nullif(_where(func.count(distinct(column(name))), where, column), 0)
        case Of(function, name, where, per):
            found = _where(_FUNCTIONS[function](column(name)), where, column)
            return found if per == 1 else cast(found, Double) / per
        case Share(part, whole):
            over = measured(table, table.measure(whole).value, column)
            return cast(measured(table, table.measure(part).value, column), Double) / func.nullif(over, 0)


def needs(table: Table, value: Expression) -> set[str]:
    """The columns that it is computed from."""
    match value:
        case Rows(where):
            return {where.column} if where else set()
        case Of(_, name, where):
            return {name} | ({where.column} if where else set())
        case Share(part, whole):
            return needs(table, table.measure(part).value) | needs(table, table.measure(whole).value)


def _where(aggregate: Any, where: Where | None, column: ColumnOf) -> Any:
    return aggregate if where is None else aggregate.filter(column(where.column).in_(where.values))
