"""What a semantic model is made of, as far as this report needs it: tables over views, relations, measures, roles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeVar

from powerbi.measuring import Expression

Kind = Literal["text", "whole", "decimal", "instant", "date", "flag"]
"""`instant` is a UTC time to the second: DirectQuery sees no fractions."""
Storage = Literal["directQuery", "dual"]


@dataclass(frozen=True, slots=True)
class Rank:
    """Which of these values a column has, counted from 1; 0: another."""

    of: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a view, or the rank of one. `name` is what people see, `source` the view's own name."""

    name: str
    source: str = ""
    rank: Rank | None = None
    kind: Kind = "text"
    key: bool = False
    hidden: bool = False
    sort_by: str | None = None
    """The name of the column that gives the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    name: str
    value: Expression
    format: str
    about: str
    hidden: bool = False
    """Only there for other measures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    name: str
    view: str
    about: str
    storage: Storage = "directQuery"
    columns: tuple[Column, ...]
    measures: tuple[Measure, ...] = ()
    dates: bool = False
    """Whether it is the model's calendar."""

    def column(self, name: str) -> Column:
        """Raises KeyError."""
        return _named(self.columns, name, self.name)

    def measure(self, name: str) -> Measure:
        """Raises KeyError."""
        return _named(self.measures, name, self.name)


@dataclass(frozen=True, slots=True)
class Relation:
    """From many rows to one: a filter on `one` filters `many`."""

    many: str
    many_column: str
    one: str
    one_column: str
    sure: bool = False
    """Whether each row of `many` has its row of `one`, so that Power BI may join without keeping what has none."""

    @property
    def name(self) -> str:
        return f"{self.many} to {self.one}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who sees which rows. `rows` is a DAX condition a table; `unseen` are columns that do not exist for the role."""

    name: str
    about: str
    rows: dict[str, str] = field(default_factory=dict)
    unseen: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    value: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    tables: tuple[Table, ...]
    relations: tuple[Relation, ...]
    roles: tuple[Role, ...]
    parameters: tuple[Parameter, ...]

    def table(self, name: str) -> Table:
        """Raises KeyError."""
        return _named(self.tables, name, "the model")

    def relation(self, many: str, one: str) -> Relation | None:
        return next((each for each in self.relations if (each.many, each.one) == (many, one)), None)


_T = TypeVar("_T", Column, Measure, Table)


def _named(things: tuple[_T, ...], name: str, where: str) -> _T:
    found = next((each for each in things if each.name == name), None)
    if found is None:
        raise KeyError(f"{where} has no {name}")
    return found
