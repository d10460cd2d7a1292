"""Our side: the worker lands everything that the topics hold into a reporting database that has nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psutil
import psycopg
from ground import Ground
from load import Load
from psycopg import sql
from raw_topics import Ends, consumed_ends, forget_group

from clearsight.errors import LandingError
from clearsight.settings import HOME_VARIABLE

KEPT = ["alembic_version", "dim_date"]
"""Tables that a migration fills, not the worker."""

LANDED = ("fact_row_change", "fact_user_action", "fact_scenario_state_change", "fact_cloudwatch_log")
"""Facts that a batch brings; the others are derived from them."""

POLL_S = 0.1
STANDSTILL_S = 60.0


@dataclass(frozen=True)
class Landing:
    """One run: from the beginning of its first batch until everything that the topics held can be seen."""

    seconds: float
    fact_rows: int
    amended_share: float
    peak_rss_bytes: int
    digest: str
    """The same for the same facts."""

    def events_per_s(self, load: Load) -> float:
        return load.events / self.seconds

    @property
    def fact_rows_per_s(self) -> float:
        return self.fact_rows / self.seconds


def land(
    ground: Ground,
    load: Load,
    say: Callable[[str], None],
    when_running: Callable[[], None] = lambda: None,
    *,
    workers: int = 1,
    before: Callable[[], None] = lambda: None,
) -> Landing:
    """Land the topics from their beginning; `before` may put other facts into the empty database. The worker is stopped
    before and afterwards.

    Raises LandingError where a change or a line is missing or doubled afterwards: such a rate would mean nothing.
    """
    say("emptying the reporting database")
    _reset(ground)
    before()
    settle(ground)
    with ground.reporting() as connection:
        landing, since = landed(ground, say, when_running, workers)
        _require_all(connection, load, since)
    return landing


def landed(
    ground: Ground, say: Callable[[str], None], when_running: Callable[[], None] = lambda: None, workers: int = 1
) -> tuple[Landing, datetime]:
    """Land what the topics hold beyond the worker's position; also tells when that began."""
    until = consumed_ends(ground.settings)
    with ground.reporting() as connection:
        ((since,),) = connection.execute("SELECT clock_timestamp()").fetchall()
        say("starting the worker")
        others = [_another_worker(ground) for _ in range(1, workers)]
        try:
            ground.stack.restart("worker")
            when_running()
            seconds, peak = _until_landed(ground, connection, until, say, since)
            ground.stop("worker")
        finally:
            _end(others)
        say("counting the facts")
        rows, amended = _facts(connection, since)
        digest = _digest(connection, since)
    return Landing(seconds, rows, round(amended / rows, 4), peak, digest), since


def _another_worker(ground: Ground) -> subprocess.Popen[bytes]:
    environment = {**os.environ, HOME_VARIABLE: str(ground.stack.home)}
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "clearsight", "worker"], env=environment, stdout=quiet, stderr=quiet)


def _end(others: list[subprocess.Popen[bytes]]) -> None:
    for other in others:
        other.terminate()
    for other in others:
        other.wait(STANDSTILL_S)


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


def settle(ground: Ground) -> None:
    """What the run before left to write goes to disk now, and not within the next one."""
    with ground.administrator("report") as connection:
        connection.execute("CHECKPOINT")


def _until_landed(
    ground: Ground, connection: psycopg.Connection[Any], until: Ends, say: Callable[[str], None], since: datetime
) -> tuple[float, int]:
    """Seconds from the start of the first batch until every position has reached its end; the worker's peak of RSS."""
    process, peak, reached, moved_at_s = ground.process("worker"), 0, 0, time.monotonic()
    while True:
        peak = max(peak, _rss(ground, process))
        ((seconds,),) = connection.execute(
            "SELECT extract(epoch FROM clock_timestamp() - min(landed_at))::float FROM rpt.batch WHERE landed_at >= %s",
            [since],
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


def _require_all(connection: psycopg.Connection[Any], load: Load, since: datetime) -> None:
    ((changes,),) = connection.execute(
        "SELECT count(*) FROM rpt.fact_row_change WHERE table_name = 'inputs' AND landed_at >= %s", [since]
    ).fetchall()
    ((lines, distinct),) = connection.execute(
        "SELECT count(*), count(DISTINCT cloudwatch_id) FROM rpt.fact_cloudwatch_log WHERE landed_at >= %s", [since]
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


def _facts(connection: psycopg.Connection[Any], since: datetime) -> tuple[int, int]:
    """How many rows have landed, and how many of them were amended after they had."""
    rows = amended = 0
    for fact in LANDED:
        table = sql.Identifier("rpt", fact)
        query = "SELECT count(*), count(*) FILTER (WHERE revision > 1) FROM {} WHERE landed_at >= %s"
        ((count, later),) = connection.execute(sql.SQL(query).format(table), [since]).fetchall()
        rows, amended = rows + count, amended + later
    return rows, amended


_DIGEST = """
SELECT md5(string_agg(content, ',' ORDER BY content)) FROM (
    SELECT 'change ' || count(*) || ' ' || sum(hashtextextended(concat_ws('|', f.event_id, f.op, f.row_key, f.link,
           f.correlation_id, f.commit_lsn, f.lsn, f.total_order, s.scenario_id, u.user_id), 0)) AS content
    FROM rpt.fact_row_change f LEFT JOIN rpt.dim_scenario s USING (scenario_key) LEFT JOIN rpt.dim_user u USING (user_key)
    WHERE f.landed_at >= %(since)s
    UNION ALL
    SELECT 'action ' || count(*) || ' ' || sum(hashtextextended(concat_ws('|', f.event_id, f.action, f.link,
           f.correlation_id, s.scenario_id, u.user_id), 0))
    FROM rpt.fact_user_action f LEFT JOIN rpt.dim_scenario s USING (scenario_key) LEFT JOIN rpt.dim_user u USING (user_key)
    WHERE f.landed_at >= %(since)s
    UNION ALL
    SELECT 'log ' || count(*) || ' ' || sum(hashtextextended(concat_ws('|', f.event_id, f.cloudwatch_id, f.link,
           f.correlation_id, s.scenario_id), 0))
    FROM rpt.fact_cloudwatch_log f LEFT JOIN rpt.dim_scenario s USING (scenario_key) WHERE f.landed_at >= %(since)s
) facts
"""


def _digest(connection: psycopg.Connection[Any], since: datetime) -> str:
    ((digest,),) = connection.execute(_DIGEST, {"since": since}).fetchall()
    return str(digest)
