"""A worker process that freezes once, with a batch in its hands: `python -m kit.freezing_worker STEP`, settings by
environment. It reads and lands in one thread: thawed, it goes on with that batch before it hears of anything else.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from kit.dying_worker import run
from kit.watched import COMMIT, WatchedConnection, WatchedCursor
from psycopg import Connection

from clearsight.settings import load_settings
from stream_processors.worker import Worker, connector

FIRST_LOCK = "FOR NO KEY UPDATE OF consumer_position"
STEPS = {"before its first lock": FIRST_LOCK, "before its commit": COMMIT}


class Freeze:
    def __init__(self, step: str) -> None:
        self._at = STEPS[step]
        self._landing: WatchedConnection | None = None
        self._is_over = False

    def reached(self, connection: WatchedConnection, what: str) -> None:
        if FIRST_LOCK in what:
            self._landing = connection
        here = what == COMMIT if self._at == COMMIT else self._at in what
        if here and connection is self._landing and not self._is_over:
            self._is_over = True
            os.kill(os.getpid(), signal.SIGSTOP)


def main(step: str) -> None:
    freeze = Freeze(step)
    settings = load_settings()
    connect_as_product = connector(settings, WatchedConnection)

    def connect() -> Connection[Any]:
        connection = connect_as_product()
        assert isinstance(connection, WatchedConnection)
        connection.cursor_factory, connection.reached = WatchedCursor, freeze.reached
        return connection

    run(Worker(settings, connect))


if __name__ == "__main__":
    main(sys.argv[1])
