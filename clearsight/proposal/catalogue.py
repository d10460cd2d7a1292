"""What a database's catalogue says about an application's tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

import msgspec
from msgspec.structs import replace

from clearsight.tables import TableName

TypeFamily = Literal["time", "date", "text", "number", "uuid", "boolean", "json", "other"]
Kind = Literal["table", "partitioned", "partition", "view", "foreign"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    type: str
    """As SQL writes it; that of the base type where it is a domain."""
    family: TypeFamily
    not_null: bool = False
    generated: Literal["", "stored", "virtual"] = ""
    values: tuple[str, ...] = ()
    """That it can have: an enum's labels, a CHECK constraint's list; else those seen in a small sample."""
    sampled: bool = False


class ForeignKey(msgspec.Struct, frozen=True):
    columns: tuple[str, ...]
    target: TableName
    target_columns: tuple[str, ...]


class Table(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    name: TableName
    kind: Kind = "table"
    columns: tuple[Column, ...] = ()
    primary: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    """Columns of each other unique index that can identify a row: no expression, no condition, no nulls."""
    foreign: tuple[ForeignKey, ...] = ()
    rows: int | None = None
    """Estimated; None where the table was never analysed."""
    logged: bool = True
    full_identity: bool = False
    partitions: tuple[TableName, ...] = ()
    """The leaves that hold the rows of a partitioned table."""
    partial_partitions: tuple[TableName, ...] = ()
    """Those of them without REPLICA IDENTITY FULL."""

    @cached_property
    def by_name(self) -> dict[str, Column]:
        return {column.name: column for column in self.columns}

    @property
    def key(self) -> tuple[str, ...]:
        """Primary, else the shortest unique one; () where nothing identifies a row."""
        return self.primary or min(self.unique, key=lambda columns: (len(columns), columns), default=())

    def generated(self, kind: Literal["stored", "virtual"]) -> bool:
        return any(column.generated == kind for column in self.columns)

    def old_rows_whole(self, wanted: bool) -> bool:
        """Whether what is logged of an old row has all columns: already, or where it is `wanted`, once prepared."""
        return wanted or self.full_identity or len(self.partial_partitions) < len(self.partitions)

    def obstacle(self) -> str | None:
        """Why PostgreSQL cannot send this table's changes, or None."""
        if self.kind in ("view", "foreign"):
            return f"is a {self.kind}{' table' if self.kind == 'foreign' else ''}: it has no changes of its own to send"
        if self.kind == "partition":
            return "is a partition: name the partitioned table instead"
        if not self.logged:
            return "is unlogged: its changes are not in the write-ahead log"
        return None


class Catalogue(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    database: str
    server_version: int
    """As libpq counts: 180006."""
    wal_level: str = "logical"
    tables: tuple[Table, ...] = ()

    @cached_property
    def by_name(self) -> dict[TableName, Table]:
        return {table.name: table for table in self.tables}

    def sends(self, column: Column) -> bool:
        """Whether changes can hold this column's value: generated ones are sent since PostgreSQL 18, if stored."""
        return not column.generated or (column.generated == "stored" and self.server_version >= 180_000)

    def refuses_updates(self, table: Table, full_identity: bool) -> bool:
        """PostgreSQL 18 lets nobody update a published table whose old rows would hold a column that cannot be sent."""
        return self.server_version >= 180_000 and table.generated("virtual") and table.old_rows_whole(full_identity)

    def with_samples(self, found: Mapping[tuple[TableName, str], tuple[str, ...]]) -> Catalogue:
        """With the values that were seen in these columns, where nothing better is known."""

        def sampled(table: TableName, column: Column) -> Column:
            values = found.get((table, column.name), ())
            return column if column.values or not values else replace(column, values=values, sampled=True)

        touched = {table for table, _ in found}
        tables = (
            replace(table, columns=tuple(sampled(table.name, column) for column in table.columns))
            if table.name in touched
            else table
            for table in self.tables
        )
        return replace(self, tables=tuple(tables))
