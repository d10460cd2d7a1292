"""Closes what stays unjoined. Its state is in Postgres, so it survives restarts; one worker at a time does it.

A change without context is `unlinked`, that is made out of band, as soon as contexts of later transactions have landed:
all messages lie in one partition in commit order, so its own cannot come any more. Else, and for log lines, the deadline
decides. Before either says so, it joins once more.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from psycopg import Connection, Cursor
from psycopg.errors import TransactionTimeout

from clearsight.events import TransactionKey
from clearsight.instants import from_us, to_us
from clearsight.mapping import Mapping
from stream_processors import amend, concerned, correlate, left_over, runs, several
from stream_processors.arrays import array
from stream_processors.dimensions import DimensionKeys
from stream_processors.left_over import Left

_AT_ONCE = 5_000
"""Transactions, and correlations, of a turn."""

_QUICK_S = 2.0
"""A turn that takes no longer may take more the next time."""

_ADVISORY_LOCK = 4_715_307  # any number: it keeps two workers from doing the same at once

_OVERDUE_CHANGES = """
SELECT DISTINCT tx_id, occurred_at, commit_lsn FROM (
    SELECT tx_id, occurred_at, commit_lsn FROM rpt.fact_row_change
    WHERE link = 'pending'
      AND (commit_lsn > 0 AND commit_lsn < (SELECT max(position) FROM rpt.watermark WHERE kind = 'contexts')
           OR landed_at < now() - make_interval(secs => %s))
    ORDER BY landed_at LIMIT %s) overdue
"""

_UNLINK = """
WITH found AS (
    SELECT f.event_id, f.occurred_at FROM unnest(%(tx)s::bigint[], %(at)s::timestamptz[]) AS k(tx_id, committed_at)
    JOIN rpt.{fact} f ON f.tx_id = k.tx_id AND f.{committed} = k.committed_at AND f.link = 'pending' LIMIT %(at_once)s
), unlinked AS (
    UPDATE rpt.{fact} f SET link = 'unlinked', revision = f.revision + 1
    FROM found WHERE f.event_id = found.event_id AND f.occurred_at = found.occurred_at
    RETURNING f.event_id, f.occurred_at
)
"""
_TOLD = (
    "INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at) SELECT '{kind}', event_id, occurred_at FROM unlinked"
)
_UNLINKS = (
    _UNLINK.format(fact="fact_user_action", committed="occurred_at") + "SELECT FROM unlinked",
    _UNLINK.format(fact="fact_scenario_state_change", committed="committed_at") + _TOLD.format(kind="state_change"),
    _UNLINK.format(fact="fact_row_change", committed="occurred_at") + _TOLD.format(kind="change"),
)
"""Changes last: as long as they are pending, these transactions are overdue."""

_OVERDUE_LOGS = """
SELECT DISTINCT correlation_key FROM (
    SELECT correlation_key FROM rpt.fact_cloudwatch_log
    WHERE link = 'pending' AND landed_at < now() - make_interval(secs => %s) ORDER BY landed_at LIMIT %s) overdue
"""

_UNLINK_LOGS = """
WITH found AS (
    SELECT event_id, occurred_at FROM rpt.fact_cloudwatch_log
    WHERE correlation_key = ANY(%s) AND link = 'pending' AND landed_at < now() - make_interval(secs => %s) LIMIT %s
), logs AS (
    UPDATE rpt.fact_cloudwatch_log f SET link = 'unlinked', revision = f.revision + 1
    FROM found WHERE f.event_id = found.event_id AND f.occurred_at = found.occurred_at
    RETURNING f.event_id, f.occurred_at
)
INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at) SELECT 'log', event_id, occurred_at FROM logs
"""


_LOCK_RUNS = """
SELECT run_key, scenario_key FROM rpt.dim_run WHERE run_key = ANY(%s::bigint[]) AND scenario_key IS NOT NULL
ORDER BY run_id FOR NO KEY UPDATE
"""


class Closed(NamedTuple):
    """How many were looked at."""

    transactions: int
    correlations: int
    left_over: int


class Closing:
    """Closes in turns, as much in one as a transaction has time for: how many runs are behind a correlation id nobody knows
    before."""

    def __init__(self, mapping: Mapping, deadline_s: float) -> None:
        self._mapping = mapping
        self._deadline_s = deadline_s
        self._at_once = _AT_ONCE

    def turn(self, connection: Connection[Any]) -> Closed:
        """Raises TransactionTimeout where it was too much; the next turn takes less."""
        began_s = time.monotonic()
        try:
            closed = close_overdue(connection, self._mapping, self._deadline_s, self._at_once)
        except TransactionTimeout:
            self._at_once = max(1, self._at_once // 8)
            raise
        if time.monotonic() - began_s < _QUICK_S:
            self._at_once = min(_AT_ONCE, self._at_once * 2)
        return closed


def close_overdue(connection: Connection[Any], mapping: Mapping, deadline_s: float, at_once: int = _AT_ONCE) -> Closed:
    """Close what is overdue and amend what batches left over, up to a limit of each, in one transaction that takes its locks
    in the same order as a batch."""
    with connection.transaction(), connection.cursor() as cursor:
        if not cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK]).fetchall()[0][0]:
            return Closed(0, 0, 0)
        transactions = {
            TransactionKey(tx_id, to_us(at)): lsn
            for tx_id, at, lsn in cursor.execute(_OVERDUE_CHANGES, [deadline_s, at_once]).fetchall()
        }
        logs = [row[0] for row in cursor.execute(_OVERDUE_LOGS, [deadline_s, at_once]).fetchall()]
        rest = left_over.left(cursor, at_once)
        if transactions or logs or any(rest):
            _close(cursor, transactions, logs, rest, mapping, deadline_s)
        return Closed(len(transactions), len(logs), sum(map(len, rest)))


_LOCK_CORRELATIONS = """
SELECT correlation_id, correlation_key FROM rpt.correlation
WHERE correlation_id = ANY(%s::text[]) OR correlation_key = ANY(%s::bigint[])
ORDER BY correlation_id FOR UPDATE
"""


def _close(
    cursor: Cursor[Any],
    overdue: dict[TransactionKey, int],
    logs: list[int],
    rest: Left,
    mapping: Mapping,
    deadline_s: float,
) -> None:
    transactions = overdue | rest.transactions
    contexts = correlate.lock_transactions(cursor, transactions, {})
    ids = {each for context in contexts.values() for each in context.ids}
    locked = dict(cursor.execute(_LOCK_CORRELATIONS, [array(ids), array({*logs, *rest.correlations})]).fetchall())
    placements = dict(cursor.execute(_LOCK_RUNS, [array(rest.runs)]).fetchall())
    scenarios = amend.scenarios_of(cursor, transactions) | several.scenarios_of(cursor, contexts)
    DimensionKeys.lock_scenarios(cursor, scenarios)
    left_over.take(cursor, rest)
    users = dict(
        cursor.execute(
            "SELECT user_id, user_key FROM rpt.dim_user WHERE user_id = ANY(%s)",
            [[context.user_id for context in contexts.values() if context.user_id]],
        ).fetchall()
    )
    given = {key: amend.given(known, locked, users) for key, known in contexts.items()}
    joined = [*amend.by_context(cursor, given, in_part=True), *several.settle(cursor, given)]
    late = amend.changes_by_run(cursor, placements)
    anew = correlate.touch(cursor, concerned.touches((), joined, late))
    dirty = correlate.touched_runs(cursor, locked.values()) | placements.keys()
    dirty |= {found.run for found in joined if found.run is not None}
    runs.lock(cursor, dirty)
    amend.logs_by_run(cursor, placements)
    moved = amend.logs_by_touch(cursor, {*locked.values(), *anew})
    runs.recompute(cursor, dirty, placements, runs.Lines({}, moved.runs), mapping)

    _unlink(cursor, [key for key in overdue if key not in contexts])
    alone = set(logs) - correlate.touched(cursor, logs).keys()
    if alone:
        cursor.execute(_UNLINK_LOGS, [list(alone), deadline_s, left_over.AT_ONCE])


def _unlink(cursor: Cursor[Any], transactions: list[TransactionKey]) -> None:
    """What is too much for now is pending still, and overdue the next time."""
    if not transactions:
        return
    keys = {
        "tx": [key.tx_id for key in transactions],
        "at": [from_us(key.committed_us) for key in transactions],
        "at_once": left_over.AT_ONCE,
    }
    for query in _UNLINKS:
        if cursor.execute(query.encode(), keys).rowcount >= left_over.AT_ONCE:
            return
