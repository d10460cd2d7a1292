"""Closes what stays unjoined. Its state is in Postgres, so it survives restarts; one worker at a time does it.

A change without context is `unlinked`, that is made out of band, as soon as contexts of later transactions have landed:
all messages lie in one partition in commit order, so its own cannot come any more. Else, and for log lines, the deadline
decides. Before either says so, it joins once more.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection, Cursor

from clearsight.events import TransactionKey
from clearsight.instants import from_us, to_us
from clearsight.mapping import Mapping
from stream_processors import amend, correlate, runs
from stream_processors.arrays import array
from stream_processors.dimensions import DimensionKeys

_LIMIT = 5_000
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
WITH keys(tx_id, committed_at) AS (SELECT * FROM unnest(%(tx)s::bigint[], %(at)s::timestamptz[])), changes AS (
    UPDATE rpt.fact_row_change f SET link = 'unlinked', revision = f.revision + 1
    FROM keys k WHERE f.tx_id = k.tx_id AND f.occurred_at = k.committed_at AND f.link = 'pending'
    RETURNING f.event_id, f.occurred_at
), actions AS (
    UPDATE rpt.fact_user_action f SET link = 'unlinked', revision = f.revision + 1
    FROM keys k WHERE f.tx_id = k.tx_id AND f.occurred_at = k.committed_at AND f.link = 'pending'
), states AS (
    UPDATE rpt.fact_scenario_state_change f SET link = 'unlinked', revision = f.revision + 1
    FROM keys k WHERE f.tx_id = k.tx_id AND f.committed_at = k.committed_at AND f.link = 'pending'
    RETURNING f.event_id, f.occurred_at
)
INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at)
SELECT 'change', event_id, occurred_at FROM changes UNION ALL SELECT 'state_change', event_id, occurred_at FROM states
"""

_OVERDUE_LOGS = """
SELECT DISTINCT correlation_key FROM (
    SELECT correlation_key FROM rpt.fact_cloudwatch_log
    WHERE link = 'pending' AND landed_at < now() - make_interval(secs => %s) ORDER BY landed_at LIMIT %s) overdue
"""

_UNLINK_LOGS = """
WITH logs AS (
    UPDATE rpt.fact_cloudwatch_log SET link = 'unlinked', revision = revision + 1
    WHERE correlation_key = ANY(%s) AND link = 'pending' AND landed_at < now() - make_interval(secs => %s)
    RETURNING event_id, occurred_at
)
INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at) SELECT 'log', event_id, occurred_at FROM logs
"""


class Closed(NamedTuple):
    transactions: int
    correlations: int


def close_overdue(connection: Connection[Any], mapping: Mapping, deadline_s: float) -> Closed:
    """Close what is overdue, up to a limit, in one transaction that takes its locks in the same order as a batch."""
    with connection.transaction(), connection.cursor() as cursor:
        if not cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK]).fetchall()[0][0]:
            return Closed(0, 0)
        transactions = {
            TransactionKey(tx_id, to_us(at)): lsn
            for tx_id, at, lsn in cursor.execute(_OVERDUE_CHANGES, [deadline_s, _LIMIT]).fetchall()
        }
        logs = [row[0] for row in cursor.execute(_OVERDUE_LOGS, [deadline_s, _LIMIT]).fetchall()]
        if transactions or logs:
            _close(cursor, transactions, logs, mapping, deadline_s)
        return Closed(len(transactions), len(logs))


_LOCK_CORRELATIONS = """
SELECT correlation_id, correlation_key FROM rpt.correlation
WHERE correlation_id = ANY(%s::text[]) OR correlation_key = ANY(%s::bigint[])
ORDER BY correlation_id FOR UPDATE
"""


def _close(
    cursor: Cursor[Any], transactions: dict[TransactionKey, int], logs: list[int], mapping: Mapping, deadline_s: float
) -> None:
    contexts = correlate.lock_transactions(cursor, transactions, {})
    ids = {context.correlation_id for context in contexts.values()}
    locked = dict(cursor.execute(_LOCK_CORRELATIONS, [array(ids), array(logs)]).fetchall())
    DimensionKeys.lock_scenarios(cursor, amend.scenarios_of(cursor, transactions))
    users = dict(
        cursor.execute(
            "SELECT user_id, user_key FROM rpt.dim_user WHERE user_id = ANY(%s)",
            [[context.user_id for context in contexts.values() if context.user_id]],
        ).fetchall()
    )
    joined = amend.by_context(
        cursor,
        {
            key: amend.Given(known.correlation_id, locked[known.correlation_id], users.get(known.user_id or ""))
            for key, known in contexts.items()
        },
    )
    touches = [touch for found in joined for touch in correlate.touches_of(*found)]
    correlate.touch(cursor, touches)
    dirty = correlate.touched_runs(cursor, locked.values())
    runs.lock(cursor, dirty)
    moved = amend.logs_by_touch(cursor, locked.values())
    runs.recompute(cursor, dirty, (), runs.Lines({}, moved.runs), mapping)

    alone = [key for key in transactions if key not in contexts]
    if alone:
        keys = {"tx": [key.tx_id for key in alone], "at": [from_us(key.committed_us) for key in alone]}
        cursor.execute(_UNLINK, keys)
    if logs:
        cursor.execute(_UNLINK_LOGS, [logs, deadline_s])
