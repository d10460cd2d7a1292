"""Lands state changes: better evidence replaces worse, and the time in the state before follows from the neighbours."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor

from stream_processors.rows import STATE_CHANGE, Row

_UPSERT = f"""
INSERT INTO rpt.fact_scenario_state_change AS f ({STATE_CHANGE})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (event_id, occurred_at) DO UPDATE
SET how_known = excluded.how_known, change_event_id = excluded.change_event_id, user_key = excluded.user_key,
    tx_id = excluded.tx_id, committed_at = excluded.committed_at, correlation_id = excluded.correlation_id,
    correlation_key = excluded.correlation_key,
    link = excluded.link, epoch = excluded.epoch, commit_lsn = excluded.commit_lsn, lsn = excluded.lsn,
    total_order = excluded.total_order, revision = f.revision + 1
WHERE f.how_known = 'snapshot' AND excluded.how_known <> 'snapshot'
"""  # noqa: S608 - the column list is ours

_TIMES = """
WITH ordered AS (
    SELECT event_id, occurred_at, lag(occurred_at) OVER states AS since,
           CASE how_known WHEN 'status' THEN from_state ELSE lag(to_state) OVER states END AS state_before
    FROM rpt.fact_scenario_state_change WHERE scenario_key = ANY(%(scenarios)s)
    WINDOW states AS (PARTITION BY scenario_key ORDER BY occurred_at, epoch, commit_lsn, lsn, event_id)
), amended AS (
    UPDATE rpt.fact_scenario_state_change f
    SET from_state = o.state_before, ms_in_state_before = (extract(epoch FROM o.occurred_at - o.since) * 1000)::bigint,
        revision = f.revision + CASE WHEN f.event_id = ANY(%(landed)s) THEN 0 ELSE 1 END
    FROM ordered o
    WHERE f.event_id = o.event_id AND f.occurred_at = o.occurred_at
      AND (f.from_state, f.ms_in_state_before) IS DISTINCT FROM
          (o.state_before, (extract(epoch FROM o.occurred_at - o.since) * 1000)::bigint)
    RETURNING f.event_id, f.occurred_at
)
INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at)
SELECT 'state_change', event_id, occurred_at FROM amended WHERE event_id <> ALL(%(landed)s)
"""


def land_transitions(cursor: Cursor[Any], rows: list[Row]) -> list[tuple[UUID, datetime]]:
    """Land rows of fact_scenario_state_change of locked scenarios; return their (id, time) for publication."""
    if not rows:
        return []
    cursor.executemany(_UPSERT, rows)
    cursor.execute(_TIMES, {"scenarios": sorted({row[2] for row in rows}), "landed": [row[0] for row in rows]})
    return [(row[0], row[1]) for row in rows]
