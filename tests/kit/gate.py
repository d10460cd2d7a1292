"""Holds a batch before its commit, so that the transaction of another one overlaps with its own."""

from __future__ import annotations

import threading

from kit.watched import COMMIT, WatchedConnection

LIMIT_S = 120
BATCH = "UPDATE rpt.consumer_position"
"""What only the transaction of a batch does."""


class Gate:
    """Closed until it is opened. A batch that is landed through a connection of it waits there with everything written."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._lands = False
        self._reached, self._opened = threading.Event(), threading.Event()

    def connect(self) -> WatchedConnection:
        return WatchedConnection.opened(self._dsn, self._step)

    @property
    def reached(self) -> bool:
        return self._reached.is_set()

    def open(self) -> None:
        self._opened.set()

    def _step(self, _connection: WatchedConnection, what: str) -> None:
        self._lands |= BATCH in what
        if self._lands and what == COMMIT:
            self._reached.set()
            assert self._opened.wait(LIMIT_S), "nobody opened the gate"
