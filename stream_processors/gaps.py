"""Gaps: records that were never read. When their events happened, and what a person says about them; the gap itself stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, Cursor

from clearsight.topics import TopicNames
from stream_processors.hidden import events_after, is_of_logs
from stream_processors.positions import Partition

_UNBOUNDED = """
SELECT gap_id, topic, kafka_partition, from_offset, after_batch, detected_at,
       CASE WHEN detected_at < now() - interval '1 minute' THEN detected_at END
FROM rpt.gap
WHERE events_before IS NULL AND after_batch IS NOT NULL
"""

_LAST_BEFORE = """
SELECT last_event_at FROM rpt.batch
WHERE topic = %s AND kafka_partition = %s AND batch_id <= %s AND last_event_at IS NOT NULL
ORDER BY batch_id DESC LIMIT 1
"""
_FIRST_AFTER = """
SELECT first_event_at FROM rpt.batch
WHERE topic = %s AND kafka_partition = %s AND batch_id > %s AND first_event_at IS NOT NULL
ORDER BY batch_id LIMIT 1
"""

_BOUND = "UPDATE rpt.gap SET events_after = coalesce(events_after, %s), events_before = %s WHERE gap_id = %s"

_ACKNOWLEDGE = """
UPDATE rpt.gap SET acknowledged_at = now(), acknowledged_by = %s, acknowledged_because = %s WHERE gap_id = ANY(%s)
RETURNING gap_id
"""


def bound(connection: Connection[Any], names: TopicNames) -> None:
    """Give gaps that have none yet the times between which their events lie.

    The connector writes in commit order, also what it sends again: what a gap hides of changes lies between the last batch
    before it and the first one after. Log lines come in no order. All of it was written before the gap was found, and where
    nothing comes after it for a while, that is what is known.
    """
    with connection.transaction(), connection.cursor() as cursor:
        for gap_id, topic, number, from_offset, after_batch, detected_at, quiet in cursor.execute(
            _UNBOUNDED
        ).fetchall():
            place = Partition(topic, number)
            # offsets of a recreated topic mean nothing to the watermarks before it
            marks = events_after(cursor, names, {place: from_offset}) if from_offset else {}
            after = marks.get(place)
            before = detected_at
            if not is_of_logs(topic, names):
                after = after or _time(cursor, _LAST_BEFORE, (topic, number, after_batch))
                before = _time(cursor, _FIRST_AFTER, (topic, number, after_batch)) or quiet
            cursor.execute(_BOUND, (after, before and min(before, detected_at), gap_id))


def acknowledge(connection: Connection[Any], gap_ids: Sequence[int], by: str, because: str) -> set[int]:
    """Keep why these gaps are there, instead of what was said before; return those that exist."""
    rows = connection.execute(_ACKNOWLEDGE, (by, because, list(gap_ids))).fetchall()
    return {gap_id for (gap_id,) in rows}


def _time(cursor: Cursor[Any], query: str, where: tuple[str, int, int]) -> datetime | None:
    found = cursor.execute(query.encode(), where).fetchone()
    return found[0] if found else None
