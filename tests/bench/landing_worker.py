"""Our side: the worker lands everything that the topics hold into an empty reporting database."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
from ground import Ground
from load import Load
from psycopg import sql
from raw_topics import Ends, consumed_ends, forget_group

from clearsight.errors import LandingError

KEPT = ["alembic_version", "dim_date"]
"""Tables that a migration fills, not the worker."""

POLL_S = 0.1
STANDSTILL_S = 60.0


@dataclass(frozen=True)
class Landing:
    """One run: from the beginning of its first batch until everything that the topics held can be seen."""

    seconds: float
    fact_rows: int
    amended_share: float
    peak_rss_bytes: int

    def events_per_s(self, load: Load) -> float:
        return load.events / self.seconds

    @property
    def fact_rows_per_s(self) -> float:
        return self.fact_rows / self.seconds


def land(
    ground: Ground, load: Load, say: Callable[[str], None], when_running: Callable[[], None] = lambda: None
) -> Landing:
    """Land the topics from their beginning. The worker is stopped before and afterwards.

    Raises LandingError where a change or a line is missing or doubled afterwards: such a rate would mean nothing.
    """
    say("emptying the reporting database")
    _reset(ground)
    until = consumed_ends(ground.settings)
    say("starting the worker")
    ground.stack.restart("worker")
    when_running()
    with ground.reporting() as connection:
        seconds, peak = _until_landed(ground, connection, until, say)
        _require_all(connection, load)
        rows, amended = _facts(connection)
    ground.stop("worker")
    return Landing(seconds, rows, round(amended / rows, 4), peak)


def _reset(ground: Ground) -> None:
    """As if nothing had ever landed: no rows, no positions, nothing committed to Kafka."""
    forget_group(ground.settings)
    with ground.reporting() as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'rpt'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition AND relname <> ALL(%s)",
            [KEPT],
        ).fetchall()
        tables = sql.SQL(", ").join(sql.Identifier("rpt", name) for (name,) in rows)
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(tables))
    settle(ground)


def settle(ground: Ground) -> None:
    """What the run before left to write goes to disk now, and not within the next one."""
    with ground.administrator("report") as connection:
        connection.execute("CHECKPOINT")


def _until_landed(
    ground: Ground, connection: psycopg.Connection[Any], until: Ends, say: Callable[[str], None]
) -> tuple[float, int]:
    """Seconds from the start of the first batch until every position has reached its end; the worker's peak of RSS."""
    process, peak, reached, moved_at_s = ground.process("worker"), 0, 0, time.monotonic()
    while True:
        peak = max(peak, _rss(ground, process))
        ((seconds,),) = connection.execute(
            "SELECT extract(epoch FROM clock_timestamp() - (SELECT min(landed_at) FROM rpt.batch))::float"
        ).fetchall()
        rows = connection.execute("SELECT topic, kafka_partition, next_offset FROM rpt.consumer_position").fetchall()
        landed = {(topic, number): offset for topic, number, offset in rows}
        if all(landed.get(place, 0) >= end for place, end in until.items()):
            return seconds, peak
        before, reached = reached, sum(min(landed.get(place, 0), end) for place, end in until.items())
        if reached != before:
            moved_at_s = time.monotonic()
        if time.monotonic() - moved_at_s > STANDSTILL_S:
            behind = [
                f"{topic}/{number}" for (topic, number), end in until.items() if landed.get((topic, number), 0) < end
            ]
            raise LandingError(
                f"nothing has landed for {STANDSTILL_S:.0f} s; behind: {', '.join(behind)}", "look at the worker's log"
            )
        say(f"{reached:,} of {sum(until.values()):,} records")
        time.sleep(POLL_S)


def _rss(ground: Ground, process: psutil.Process) -> int:
    """Bytes. Raises StackError with the worker's last lines where it has died."""
    with suppress(psutil.NoSuchProcess):
        if found := process.memory_info().rss:  # 0 of one that ended and was not waited for
            return int(found)
    ground.process("worker")
    raise LandingError("the worker ended and another one was started", "run the benchmark again")


def _require_all(connection: psycopg.Connection[Any], load: Load) -> None:
    ((changes,),) = connection.execute(
        "SELECT count(*) FROM rpt.fact_row_change WHERE table_name = 'inputs'"
    ).fetchall()
    ((lines, distinct),) = connection.execute(
        "SELECT count(*), count(DISTINCT cloudwatch_id) FROM rpt.fact_cloudwatch_log"
    ).fetchall()
    if (changes, lines, distinct) != (load.changes, load.lines, load.lines):
        raise LandingError(
            f"{changes:,} of {load.changes:,} changes and {lines:,} ({distinct:,} different) of {load.lines:,} log lines landed",
            "look for what the worker lost or doubled",
        )


def facts(connection: psycopg.Connection[Any]) -> list[str]:
    """The names of all fact tables."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'rpt'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition AND relname LIKE 'fact\\_%' ORDER BY relname"
    ).fetchall()
    return [name for (name,) in rows]


def _facts(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """How many rows there are, and how many of them were amended after they had landed."""
    rows = amended = 0
    for fact in facts(connection):
        table = sql.Identifier("rpt", fact)
        ((count, later),) = connection.execute(
            sql.SQL("SELECT count(*), count(*) FILTER (WHERE revision > 1) FROM {}").format(table)
        ).fetchall()
        rows, amended = rows + count, amended + later
    return rows, amended
