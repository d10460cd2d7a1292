"""A fact with the dimensions that a question needs of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Double,
    FromClause,
    Subquery,
    Text,
    case,
    column,
    select,
    table,
)
from sqlalchemy.types import TypeEngine

from powerbi.model import Column, Model, Rank, Table

_TYPES: dict[str, TypeEngine[Any]] = {
    "text": Text(),
    "whole": BigInteger(),
    "decimal": Double(),
    "instant": DateTime(),
    "date": Date(),
    "flag": Boolean(),
}


class Joined:
    """Dimensions are joined when a column of theirs is asked for."""

    def __init__(self, model: Model, base: Table) -> None:
        self._model, self._base = model, base
        self._fact = _selection(base, "$Table", "_")
        self._dimensions: dict[str, Subquery] = {}

    def reaches(self, name: str) -> bool:
        return name == self._base.name or self._model.relation(self._base.name, name) is not None

    def column(self, name: str, column_name: str) -> ColumnElement[Any]:
        """Raises KeyError for a table that the base is not related to."""
        if name == self._base.name:
            return _column(self._fact, self._base, self._base.column(column_name))
        if not self.reaches(name):
            raise KeyError(f"{self._base.name} is not related to {name}")
        dimension = self._model.table(name)
        if name not in self._dimensions:
            self._dimensions[name] = _selection(dimension, f"$Table of {name}", f"$Outer {name}")
        return _column(self._dimensions[name], dimension, dimension.column(column_name))

    def source(self) -> FromClause:
        found: FromClause = self._fact
        for name, dimension in self._dimensions.items():
            relation = self._model.relation(self._base.name, name)
            assert relation is not None
            many = self._fact.c[self._base.column(relation.many_column).source]
            one = dimension.c[self._model.table(name).column(relation.one_column).source]
            found = found.join(dimension, many == one, isouter=not relation.sure)
        return found


def _selection(of: Table, alias: str, name: str) -> Subquery:
    sources = dict.fromkeys(each.source for each in of.columns if each.source)
    kinds = {each.source: each.kind for each in of.columns}
    view = table(of.view, *(column(source, _TYPES[kinds[source]]) for source in sources), schema="bi").alias(alias)
    return select(*(view.c[source] for source in sources)).subquery(name)


def _column(selection: Subquery, of: Table, wanted: Column) -> ColumnElement[Any]:
    return _ranked(selection, of, wanted.rank) if wanted.rank else selection.c[wanted.source]


def _ranked(selection: Subquery, of: Table, rank: Rank) -> ColumnElement[int]:
    value = selection.c[of.column(rank.of).source]
    return case({each: place for place, each in enumerate(rank.values, start=1)}, value=value, else_=0)
