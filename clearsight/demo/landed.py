"""What landed, against what really happened: as sets, with how often."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from clearsight.asking import EVERYTHING
from clearsight.demo.truth import Change, Mark, Truth
from clearsight.errors import Unavailable

K = TypeVar("K")
POLL_S = 0.5
SHOWN = 3


@dataclass(frozen=True)
class Comparison(Generic[K]):
    expected: Counter[K]
    found: Counter[K]

    @property
    def landed(self) -> int:
        return (self.expected & self.found).total()

    @property
    def lost(self) -> Counter[K]:
        return self.expected - self.found

    @property
    def surplus(self) -> Counter[K]:
        """Landed more often than it happened, or without having happened."""
        return self.found - self.expected


@dataclass(frozen=True)
class Landed:
    """The state of the reporting database at one look."""

    changes: Comparison[Change]
    lines: Comparison[str]
    correlated: int
    """Landed changes and lines with a correlation id."""
    pending: int = 0
    """Landed changes that wait for their context."""

    @property
    def lost(self) -> int:
        return self.changes.lost.total() + self.lines.lost.total()

    @property
    def duplicated(self) -> int:
        return self.changes.surplus.total() + self.lines.surplus.total()

    @property
    def correlated_share(self) -> float:
        found = self.changes.found.total() + self.lines.found.total()
        return round(self.correlated / found, 4) if found else 0.0

    def missing(self) -> str:
        """What is lost, in words: how much, and the first few."""
        changes = [f"{c.table} {c.op} {c.row_key} in transaction {c.txid}" for c in sorted(self.changes.lost)]
        lines = [f"log line {event_id}" for event_id in sorted(self.lines.lost)]
        first = "; ".join((*changes[:SHOWN], *lines[:SHOWN]))
        return f"{len(changes)} row changes and {len(lines)} log lines have not landed: {first}"


class Reporting:
    """The facts, read with the API's own rights. Raises Unavailable."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def look(self, expected_changes: Counter[Change], expected_lines: Counter[str], since: Mark) -> Landed:
        with self._connect() as connection:
            changes = connection.execute(
                "SELECT tx_id, table_schema || '.' || table_name, op::text, row_key, count(*), count(correlation_id),"
                " count(*) FILTER (WHERE link = 'pending') FROM rpt.fact_row_change WHERE tx_id >= %s GROUP BY 1, 2, 3, 4",
                (since.txid,),
            ).fetchall()
            lines = connection.execute(
                "SELECT cloudwatch_id, count(*), count(correlation_id)"
                " FROM rpt.view_log WHERE cloudwatch_id >= %s GROUP BY 1",
                (min(expected_lines, default=""),),
            ).fetchall()
        return Landed(
            Comparison(expected_changes, Counter({Change(*row[:4]): row[4] for row in changes})),
            Comparison(expected_lines, Counter({row[0]: row[1] for row in lines})),
            correlated=sum(row[5] for row in changes) + sum(row[2] for row in lines),
            pending=sum(row[6] for row in changes),
        )

    def _connect(self) -> psycopg.Connection:
        try:
            return psycopg.connect(self._dsn, options=EVERYTHING)
        except psycopg.OperationalError:
            raise Unavailable("the reporting database does not answer", "start the stack: clearsight up") from None


def wait_until_landed(
    truth: Truth,
    reporting: Reporting,
    since: Mark,
    timeout_s: float,
    progress: Callable[[Landed], None],
    poll_s: float = POLL_S,
    clock_s: Callable[[], float] = time.monotonic,
) -> Landed:
    """Look until everything is there, no change waits for its context and nothing moves any more, or nothing more has come
    for `timeout_s`.

    What is missing then is in the answer.
    """
    changes, lines = truth.changes(since), truth.log_lines(since)
    give_up_s = clock_s() + timeout_s
    before: Landed | None = None
    while True:
        landed = reporting.look(changes, lines, since)
        progress(landed)
        if before and landed.lost < before.lost:
            give_up_s = clock_s() + timeout_s
        settled = landed.lost == landed.pending == 0 and landed == before
        if settled or clock_s() > give_up_s:
            return landed
        before = landed
        time.sleep(poll_s)
