"""Measures in SQL, over the columns of a selection. DAX's blank is null: the count of nothing too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Double, and_, case, cast, distinct, func

from powerbi.measuring import Beyond, Chosen, Despite, Expression, Leaf, Minus, Named, Of, Rows, Share, Unlike, Where
from powerbi.model import Table

ColumnOf = Callable[[str], ColumnElement[Any]]
"""A column of the selection, by its name in the model."""


class Known(Protocol):
    """What a measure is computed from."""

    def leaf(self, of: Leaf) -> ColumnElement[Any]: ...

    def elsewhere(self, measure: Named) -> ColumnElement[Any]:
        """A measure of any table, asked for itself."""

    def is_chosen(self, slicer: Named) -> bool: ...


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": func.sum,
    "average": lambda column: func.avg(cast(column, Double)),
    "minimum": func.min,
    "maximum": func.max,
    "distinct": lambda column: func.count(distinct(column)),
}


def measured(table: Table, value: Expression, known: Known) -> ColumnElement[Any]:
    match value:
        case Rows() | Of() | Beyond() | Despite():
            return known.leaf(value)
        case Share(part, whole):
            over = measured(table, table.measure(whole).value, known)
            return cast(measured(table, table.measure(part).value, known), Double) / func.nullif(over, 0)
        case Minus(one, other, per):
            less = _named(table, one, known) - _named(table, other, known)
            return less if per == 1 else cast(less, Double) / per
        case Chosen(slicer, then, otherwise):
            return known.elsewhere(then) if known.is_chosen(slicer) else known.leaf(otherwise)
        case Unlike(name, one_name, other_name, given):
            shown, first, second = (
                measured(table, table.measure(each).value, known) for each in (name, one_name, other_name)
            )
            return case((and_(first.is_distinct_from(second), known.elsewhere(given).is_not(None)), shown))


def _named(table: Table, measure: Named, known: Known) -> ColumnElement[Any]:
    own, name = measure
    return measured(table, table.measure(name).value, known) if own == table.name else known.elsewhere(measure)


def leaves(table: Table, value: Expression) -> list[Leaf]:
    """What is computed from the table's own rows."""
    match value:
        case Rows() | Of() | Beyond() | Despite():
            return [value]
        case Share(part, whole):
            names = [part, whole]
        case Minus(one, other):
            names = [name for own, name in (one, other) if own == table.name]
        case Chosen(_, _, otherwise):
            return [otherwise]
        case Unlike(name, one_name, other_name):
            names = [name, one_name, other_name]
    return list(dict.fromkeys(each for name in names for each in leaves(table, table.measure(name).value)))


def others(table: Table, value: Expression) -> list[Named]:
    """The measures of other tables that it is computed from."""
    match value:
        case Rows() | Of() | Beyond() | Despite():
            return []
        case Share(part, whole):
            names, found = [part, whole], []
        case Minus(one, other):
            names = [name for own, name in (one, other) if own == table.name]
            found = [each for each in (one, other) if each[0] != table.name]
        case Chosen(_, then):
            return [then]
        case Unlike(name, one_name, other_name, given):
            names, found = [name, one_name, other_name], [given]
    return found + [each for name in names for each in others(table, table.measure(name).value)]


def aggregated(value: Rows | Of, column: ColumnOf, only: ColumnElement[bool] | None = None) -> ColumnElement[Any]:
    """Over the rows of a selection, or `only` those."""
    match value:
        case Rows(where):
            return func.nullif(_where(func.count(), where, column, only), 0)
        case Of("distinct", name, where):
            return func.nullif(_where(func.count(distinct(column(name))), where, column, only), 0)
        case Of(function, name, where, per):
            found = _where(_FUNCTIONS[function](column(name)), where, column, only)
            return found if per == 1 else cast(found, Double) / per


def needs(value: Leaf) -> set[str]:
    """The columns that it is computed from."""
    match value:
        case Beyond(of) | Despite(of):
            return needs(of)
        case Of(_, name, where):
            return {name} | ({where.column} if where else set())
        case Rows(where):
            return {where.column} if where else set()


def _where(aggregate: Any, where: Where | None, column: ColumnOf, only: ColumnElement[bool] | None) -> Any:
    conditions = [] if only is None else [only]
    if where is not None:
        conditions.append(column(where.column).in_(where.values))
    return aggregate.filter(*conditions) if conditions else aggregate
