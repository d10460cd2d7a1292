"""What a row says of itself: key, ids and other columns that the mapping names. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from clearsight.mapping import AnyTable, InputTable, OtherTable, Part

MAX_CORRELATION_CHARS = 256
MAX_ID_CHARS = 512
"""Ids stand in unique indexes."""


class Malformed(Exception):
    """A record that cannot be decoded; its message quotes nothing of it but names."""


class TableReading(NamedTuple):
    """What to read of a table's rows: asked of the mapping once, not of each row again."""

    part: Part
    mapped: AnyTable
    key: tuple[str, ...]
    key_can_be_empty: bool
    old_rows_are_whole: bool
    scenario: str | None
    """Column. A scenario's and a run's own ids are their keys."""
    run: str | None
    node: str | None
    correlation: str | None


def table_reading(part: Part, table: AnyTable) -> TableReading:
    """What the mapping says of one table."""
    return TableReading(
        part=part,
        mapped=table,
        key=table.key,
        key_can_be_empty=isinstance(table, OtherTable),
        old_rows_are_whole=table.replica_identity == "full",
        scenario=getattr(table, "scenario", None),
        run=table.run if isinstance(table, OtherTable) else None,
        node=table.node if isinstance(table, InputTable | OtherTable) else None,
        correlation=table.correlation,
    )


def known_of_old(before: dict[str, Any] | None, table: TableReading) -> tuple[dict[str, Any] | None, str | None]:
    """The old row with its key alone: without REPLICA IDENTITY FULL the connector makes up what must not be null."""
    if before is None:
        return None, None
    known = {column: before[column] for column in table.key if column in before}
    return known, msgspec.json.encode(known).decode()


def key_of(image: dict[str, Any] | None, table: TableReading) -> tuple[str | None, ...] | None:
    """The parts of a row's key as text; None without a row. Raises Malformed where a column is missing or all are empty."""
    if image is None:
        return None
    try:
        key = tuple([checked_id(as_text(image[column])) for column in table.key])
    except KeyError as missing:
        raise Malformed(
            f"{table.mapped.table} has no column {missing.args[0]!r}, which the mapping file names as its key"
        ) from None
    if not table.key_can_be_empty and not any(key):
        raise Malformed(f"{table.mapped.table} has a row with an empty key")
    return key


def checked_id(text: str | None) -> str | None:
    """As it is. Raises Malformed where it is too long for an index."""
    if text is not None and len(text) > MAX_ID_CHARS:
        raise Malformed(f"an id has more than {MAX_ID_CHARS} characters")
    return text


def checked_correlation_id(text: str | None) -> str | None:
    """None for an empty one. Raises Malformed where it is too long."""
    if text and len(text) > MAX_CORRELATION_CHARS:
        raise Malformed(f"correlation_id must have 1 to {MAX_CORRELATION_CHARS} characters")
    return text or None


def row_key_of(key: tuple[str | None, ...] | None) -> str:
    """The key as one text, which facts carry."""
    return "" if key is None else "/".join([part or "" for part in key])


def scenario_of(image: dict[str, Any] | None, table: TableReading, row_key: str) -> str | None:
    """The scenario that a row belongs to. Raises Malformed where its id is too long."""
    if table.part == "scenario":
        return None if image is None else row_key
    return checked_id(text_of(image, table.scenario))


def run_of(image: dict[str, Any] | None, table: TableReading, row_key: str) -> str | None:
    """The run that a row belongs to. Raises Malformed where its id is too long."""
    if table.part == "run":
        return None if image is None else row_key
    return checked_id(text_of(image, table.run))


def text_of(image: dict[str, Any] | None, column: str | None) -> str | None:
    """A column as text; None where the row or the column is not there."""
    return as_text(image.get(column)) if image is not None and column is not None else None


def as_text(value: object) -> str | None:
    """A JSON value as PostgreSQL would write it as text."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
