"""Cursors of the landing: while PostgreSQL has much to do, other threads work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Copy, Cursor

from stream_processors.right_of_way import RightOfWay

MUCH = 10_000
"""Characters of a statement's first parameter, an array of what a batch names. The answer to a smaller one comes before
another thread has begun."""


def giving_cursor(way: RightOfWay, kind: type[Cursor[Any]]) -> type[Cursor[Any]]:
    """For a connection's `cursor_factory`, instead of the `kind` that it has."""

    class Giving(kind):  # type: ignore[misc, valid-type]
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            first = params[0] if isinstance(params, list | tuple) and params else None
            if not isinstance(first, str) or len(first) < MUCH:
                return super().execute(query, params, **options)
            with way.given():
                return super().execute(query, params, **options)

        @contextmanager
        def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[Copy]:
            with way.given(), super().copy(statement, params, **options) as copy:
                yield copy

    return Giving
