"""The entity sets: one a view of schema `bi`, with its types in SQL and in OData."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from sql.bi import SCHEMA, View, ViewColumn, views

Kind = Literal["text", "integer", "decimal", "boolean", "date", "instant", "null"]
"""What a value is in a filter. An instant is a timestamp in UTC."""


@dataclass(frozen=True, slots=True)
class _Type:
    kind: Kind
    edm: str
    sql: type[TypeEngine[Any]]


_TYPES = {
    "text": _Type("text", "Edm.String", Text),
    "bigint": _Type("integer", "Edm.Int64", BigInteger),
    "integer": _Type("integer", "Edm.Int32", Integer),
    "double precision": _Type("decimal", "Edm.Double", Float),
    "boolean": _Type("boolean", "Edm.Boolean", Boolean),
    "date": _Type("date", "Edm.Date", Date),
    "timestamp": _Type("instant", "Edm.DateTimeOffset", DateTime),
}


@dataclass(frozen=True, slots=True)
class Property:
    name: str
    kind: Kind
    edm: str
    nullable: bool
    column: Column[Any]


@dataclass(frozen=True, slots=True)
class EntitySet:
    name: str
    about: str
    key: tuple[str, ...]
    order: tuple[str, ...]
    properties: dict[str, Property]
    table: Table


@cache
def entity_sets() -> dict[str, EntitySet]:
    """By name, which is that of the view."""
    metadata = MetaData(schema=SCHEMA)
    return {name: _entity_set(view, metadata) for name, view in views().items()}


def _entity_set(view: View, metadata: MetaData) -> EntitySet:
    table = Table(view.name, metadata, *(Column(each.name, _TYPES[each.type].sql) for each in view.columns))
    properties = {each.name: _property(each, table) for each in view.columns}
    return EntitySet(view.name, view.about, view.key, view.order, properties, table)


def _property(column: ViewColumn, table: Table) -> Property:
    found = _TYPES[column.type]
    return Property(column.name, found.kind, found.edm, column.nullable, table.c[column.name])
