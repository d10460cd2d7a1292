"""Between which times the events lie that something unread may hide: a dead letter, or a gap.

A watermark says "everything through this time is in the topics before these offsets", so what stands at or behind its
offset of a partition happened later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Connection, Cursor

from clearsight.topics import TopicNames
from stream_processors.positions import Partition

_EVENTS_AFTER = """
SELECT place.topic, place.number, min(newest.through_at)
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::text[]) AS place(topic, number, reading, kind)
JOIN (SELECT DISTINCT kind, name FROM rpt.watermark) AS marked USING (kind)
CROSS JOIN LATERAL (
    SELECT max(w.through_at) AS through_at FROM rpt.watermark w
    WHERE w.kind = marked.kind AND w.name = marked.name
      AND (w.offsets ->> (place.topic || '/' || place.number))::bigint <= place.reading) AS newest
GROUP BY 1, 2 HAVING bool_and(newest.through_at IS NOT NULL)
"""

_UNBOUNDED = """
SELECT gap_id, topic, kafka_partition, from_offset, after_batch, detected_at FROM rpt.gap
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


def events_after(cursor: Cursor[Any], names: TopicNames, reading: dict[Partition, int]) -> dict[Partition, datetime]:
    """The time after which everything happened that stands at or behind these offsets; none where it is not known."""
    places = sorted(reading)
    kinds = ["logs" if _is_of_logs(place.topic, names) else "changes" for place in places]
    columns = ([place.topic for place in places], [place.number for place in places], [reading[at] for at in places])
    cursor.execute(_EVENTS_AFTER, (*columns, kinds))
    return {Partition(topic, number): through for topic, number, through in cursor.fetchall()}


def bound_gaps(connection: Connection[Any], names: TopicNames) -> None:
    """Give gaps that have none yet the times between which their events lie.

    The connector writes in commit order, also what it sends again: what a gap hides of changes lies between the last batch
    before it and the first one after. Log lines come in no order; they were written before the gap was found.
    """
    with connection.transaction(), connection.cursor() as cursor:
        for gap_id, topic, number, from_offset, after_batch, detected_at in cursor.execute(_UNBOUNDED).fetchall():
            place = Partition(topic, number)
            # offsets of a recreated topic mean nothing to the watermarks before it
            marks = events_after(cursor, names, {place: from_offset}) if from_offset else {}
            after = marks.get(place)
            before = detected_at
            if not _is_of_logs(topic, names):
                after = after or _time(cursor, _LAST_BEFORE, (topic, number, after_batch))
                before = _time(cursor, _FIRST_AFTER, (topic, number, after_batch))
            cursor.execute(
                "UPDATE rpt.gap SET events_after = coalesce(events_after, %s), events_before = %s WHERE gap_id = %s",
                (after, before, gap_id),
            )


def _time(cursor: Cursor[Any], query: str, where: tuple[str, int, int]) -> datetime | None:
    found = cursor.execute(query.encode(), where).fetchone()
    return found[0] if found else None


def _is_of_logs(topic: str, names: TopicNames) -> bool:
    return topic in (names.logs, names.forwarder_state)
