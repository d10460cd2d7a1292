"""Columns as the text of PostgreSQL arrays. A batch passes thousands of values to `unnest`; psycopg writes a list element
by element through its adapters, which cost a tenth of a whole landing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def array(values: Iterable[Any]) -> str:
    """The text of an array of texts, numbers, times or nulls: `{1,NULL,"a \\"b\\""}`. The query casts it."""
    return "{" + ",".join([str(value) if type(value) is int else _element(value) for value in values]) + "}"


def columns(rows: Iterable[tuple[Any, ...]]) -> list[str]:
    """Rows → one array a column. `rows` must not be empty."""
    return [array(column) for column in zip(*rows, strict=True)]


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    text = str(value)
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
