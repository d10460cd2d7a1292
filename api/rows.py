"""An answer's items as flat rows, for Power Query's `Json.Document` and other tools that want tables.

Each row has each column; what is no plain value is JSON in a text. The next page has a path, because Power BI's service
refreshes only from hosts that stand in the query as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from fastapi import Request

LONGEST_TEXT = 32_000
"""Characters; DirectQuery takes 32,764."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What `format=rows` answers."""

    rows: list[dict[str, str | int | float | bool | None]]
    next_path: str | None
    """Of the next page, below the API's address; null: this was the last one."""
    complete: bool
    """Nothing is known to be missing; the answer's coverage says more."""


def rows_of(request: Request, items: Iterable[Any], next_cursor: str | None, complete: bool) -> Rows:
    return Rows(
        rows=[_row(item) for item in items],
        next_path=None if next_cursor is None else _next_path(request, next_cursor),
        complete=complete,
    )


def _row(item: Any) -> dict[str, str | int | float | bool | None]:
    told = item if isinstance(item, dict) else {name: getattr(item, name) for name in item.__dataclass_fields__}
    return {name: _plain(value) for name, value in told.items()}


def _plain(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()[:LONGEST_TEXT]
    found = msgspec.to_builtins(value)
    return (found if isinstance(found, str) else json.dumps(found, ensure_ascii=False))[:LONGEST_TEXT]


def _next_path(request: Request, cursor: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"{quote(request.url.path)}?{urlencode([*kept, ('cursor', cursor)])}"
