"""A worker process that dies at a step: `python -m kit.dying_worker STEP`, settings by environment.

It is the product's worker in all but its connections, which look at each statement before the database gets it. Death
between any two statements of a landing is tried within a process (test_every_statement.py); here it is real.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from kit.watched import COMMIT as BEFORE_COMMIT
from kit.watched import COMMITTED, WatchedConnection

from clearsight.settings import load_settings, required
from stream_processors.worker import Worker

DIED = 42
IDLE_POLLS = 8

STATEMENTS = {
    "ownership": "INSERT INTO rpt.consumer_position",
    "positions": "UPDATE rpt.consumer_position",
    "row changes": "COPY rpt.fact_row_change",
    "deadline": "pg_try_advisory_xact_lock",
    "unlinked": "SET link = 'unlinked'",
    "marks": "DELETE FROM rpt.heartbeat",
    "outbox emptied": "DELETE FROM rpt.audit_outbox",
}
"""Steps that begin with a statement: the worker dies right before it."""

COMMIT, PUBLISH, OFFSETS = "commit", "publish", "offsets"
STEPS = (*STATEMENTS, COMMIT, PUBLISH, OFFSETS)
"""All of them: commit is where everything is written, publish where it is committed, offsets where it is published."""


class Death:
    """Comes at a step of a batch or of what is done between batches."""

    def __init__(self, step: str) -> None:
        self._step = step
        self._landing: set[WatchedConnection] = set()
        """In a batch's transaction."""

    def reached(self, connection: WatchedConnection, what: str) -> None:
        if STATEMENTS["positions"] in what:
            self._landing.add(connection)
        if connection in self._landing and what in (BEFORE_COMMIT, COMMITTED):
            self.at(COMMIT if what == BEFORE_COMMIT else PUBLISH)
            self._landing -= {connection} if what == COMMITTED else set()
        for step, words in STATEMENTS.items():
            if words in what:
                self.at(step)

    def at(self, step: str) -> None:
        if step == self._step:
            os._exit(DIED)


def main(step: str) -> None:
    death = Death(step)
    settings = load_settings()
    dsn = required(settings.report.writer_dsn, "report.writer_dsn")
    worker = Worker(settings, lambda: WatchedConnection.opened(dsn, death.reached))
    landed = worker.source.landed

    def hand_over(spans: Any) -> None:
        death.at(OFFSETS)
        landed(spans)

    worker.source.landed = hand_over  # type: ignore[method-assign]
    run(worker)


def run(worker: Worker) -> None:
    """Land what there is, batch by batch, then leave in order."""
    worker.source.open()
    idle = 0
    while idle < IDLE_POLLS:
        batch = worker.read()
        idle = idle + 1 if not batch.records and _has_read_all(worker) else 0
        if batch.records:
            worker.source.landing()
            worker.land(batch)
    worker.tick()
    worker.close()


def _has_read_all(worker: Worker) -> bool:
    """What its partitions held when it got them, however slow Kafka is."""
    in_step = worker.source._in_step
    lanes = in_step._lanes.values()
    return bool(lanes) and not in_step.waiting and all(lane.next_offset >= lane.end for lane in lanes)


if __name__ == "__main__":
    main(sys.argv[1])
