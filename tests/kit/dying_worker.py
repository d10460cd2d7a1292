"""A worker process that dies between two steps of a batch: `python -m kit.dying_worker STEP`, settings by environment.

It is the product's worker in all but its connections, which look at each statement before the database gets it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import Connection, Cursor, Transaction

from clearsight.settings import load_settings, required
from stream_processors.worker import Worker

DIED = 42
IDLE_POLLS = 8

STATEMENTS = {
    "positions": "UPDATE rpt.consumer_position",
    "contexts": "INSERT INTO rpt.transaction_context",
    "correlations": "INSERT INTO rpt.correlation ",
    "dimensions": "INSERT INTO rpt.dim_scenario",
    "amendments": "INSERT INTO rpt.audit_outbox",
    "touches": "INSERT INTO rpt.correlation_touch",
    "shapes": "FROM rpt.row_shape",
    "row changes": "COPY rpt.fact_row_change",
    "user actions": "COPY rpt.fact_user_action",
    "log lines": "COPY rpt.fact_cloudwatch_log",
    "transitions": "INSERT INTO rpt.fact_scenario_state_change",
    "runs": "INSERT INTO rpt.fact_run_diagnostic",
    "marks": "INSERT INTO rpt.watermark",
    "outbox emptied": "DELETE FROM rpt.audit_outbox",
}
"""Steps that begin with a statement: the worker dies right before it."""

COMMIT, PUBLISH, OFFSETS = "commit", "publish", "offsets"
STEPS = (*STATEMENTS, COMMIT, PUBLISH, OFFSETS)
"""All of them: commit is where everything is written, publish where it is committed, offsets where it is published."""

Reached = Callable[[str], None]


class WatchedCursor(Cursor[Any]):
    """Tells its connection each statement before it goes out."""

    connection: WatchedConnection

    def execute(self, query: Any, *args: Any, **options: Any) -> Any:
        self.connection.watch(query)
        return super().execute(query, *args, **options)

    def executemany(self, query: Any, params: Any, **options: Any) -> None:
        if params:
            self.connection.watch(query)
        super().executemany(query, params, **options)

    def copy(self, statement: Any, *args: Any, **options: Any) -> Any:
        self.connection.watch(statement)
        return super().copy(statement, *args, **options)


class WatchedConnection(Connection[Any]):
    reached: Reached
    _depth = 0
    _lands = False
    """Whether the transaction in progress is that of a batch."""

    def watch(self, query: bytes | str) -> None:
        statement = query.decode() if isinstance(query, bytes) else query
        for step, words in STATEMENTS.items():
            if words in statement:
                self._lands |= step == "positions"
                self.reached(step)

    @contextmanager
    def transaction(self, *args: Any, **options: Any) -> Iterator[Transaction]:
        self._depth += 1
        try:
            with super().transaction(*args, **options) as transaction:
                yield transaction
                if self._lands and self._depth == 1:
                    self.reached(COMMIT)
            if self._lands and self._depth == 1:
                self.reached(PUBLISH)
        finally:
            self._depth -= 1
            self._lands &= self._depth > 0


def main(step: str) -> None:
    def reached(at: str) -> None:
        if at == step:
            os._exit(DIED)

    settings = load_settings()
    dsn = required(settings.report.writer_dsn, "report.writer_dsn")

    def connect() -> Connection[Any]:
        connection = WatchedConnection.connect(
            dsn, autocommit=True, options="-c timezone=UTC", cursor_factory=WatchedCursor
        )
        connection.reached = reached
        return connection

    worker = Worker(settings, connect)
    landed = worker.source.landed

    def hand_over(spans: Any) -> None:
        reached(OFFSETS)
        landed(spans)

    worker.source.landed = hand_over  # type: ignore[method-assign]
    run(worker)


def run(worker: Worker) -> None:
    """Land what there is, batch by batch, then leave in order."""
    worker.source.open()
    idle = 0
    while idle < IDLE_POLLS:
        batch = worker.read()
        idle = idle + 1 if worker.source.assigned and not batch.records else 0
        if batch.records:
            worker.source.landing()
            worker.land(batch)
    worker.tick()
    worker.close()


if __name__ == "__main__":
    main(sys.argv[1])
