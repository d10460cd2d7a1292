"""After which time the events happened that something unread may hide: a dead letter, or a gap.

A watermark says "everything through this time is in the topics before these offsets", so what stands at or behind its
offset of a partition happened later.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from psycopg import Cursor

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


def events_after(cursor: Cursor[Any], names: TopicNames, reading: dict[Partition, int]) -> dict[Partition, datetime]:
    """The time after which everything happened that stands at or behind these offsets; none where it is not known."""
    places = sorted(reading)
    kinds = ["logs" if is_of_logs(place.topic, names) else "changes" for place in places]
    columns = ([place.topic for place in places], [place.number for place in places], [reading[at] for at in places])
    cursor.execute(_EVENTS_AFTER, (*columns, kinds))
    return {Partition(topic, number): through for topic, number, through in cursor.fetchall()}


def is_of_logs(topic: str, names: TopicNames) -> bool:
    return topic in (names.logs, names.forwarder_state)
