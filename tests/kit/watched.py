"""Connections that tell each step of their transactions before the database gets it, so that somebody can die there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, Copy, Cursor, Transaction

COMMIT, COMMITTED = "commit", "committed"
"""Steps beside the statements: right before an outermost transaction's end and right after it."""


class WatchedCursor(Cursor[Any]):
    connection: WatchedConnection

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        self.connection.step(query)
        return super().execute(query, *args, **options)

    def executemany(self, query: Any, params: Any, **options: Any) -> None:
        if params:
            self.connection.step(query)
        super().executemany(query, params, **options)

    @contextmanager
    def copy(self, statement: Any, *args: Any, **options: Any) -> Iterator[Copy]:
        self.connection.step(statement)
        with super().copy(statement, *args, **options) as copy:
            yield copy


class WatchedConnection(Connection[Any]):
    reached: Callable[[WatchedConnection, str], None]
    _depth = 0

    @classmethod
    def opened(cls, dsn: str, reached: Callable[[WatchedConnection, str], None]) -> WatchedConnection:
        """`reached` is told each step of this connection."""
        connection = cls.connect(dsn, autocommit=True, options="-c timezone=UTC", cursor_factory=WatchedCursor)
        connection.reached = reached
        return connection

    def step(self, query: bytes | str) -> None:
        self.reached(self, query.decode() if isinstance(query, bytes) else query)

    @contextmanager
    def transaction(self, *args: Any, **options: Any) -> Iterator[Transaction]:
        self._depth += 1
        try:
            with super().transaction(*args, **options) as transaction:
                yield transaction
                if self._depth == 1:
                    self.reached(self, COMMIT)
            if self._depth == 1:
                self.reached(self, COMMITTED)
        finally:
            self._depth -= 1
