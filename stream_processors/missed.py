"""Keeps what never reached the topics as gaps, with the time between which it was: the evidence is in the stream itself.

Heartbeats lie in one partition, in the order of the source's log. They say what was published, by which database and by
which stream (lapses.py); a snapshot that begins the stream anew says it of the time between the heartbeats around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from psycopg import Cursor

from clearsight.coverage import EVERY_CHANGE
from clearsight.events import SourceSign
from clearsight.instants import from_us, to_us
from clearsight.logline import ForwarderState
from clearsight.tables import TableName
from clearsight.topics import TopicNames
from stream_processors.batch import Batch
from stream_processors.lapses import ANEW, Beat, Lapse, Return, between, is_known

_LAST = "SELECT position, beat_at, sign FROM rpt.source_state WHERE source = %s FOR NO KEY UPDATE"

_KEEP_LAST = """
INSERT INTO rpt.source_state (source, position, beat_at, sign) VALUES (%s, %s, %s, %s)
ON CONFLICT (source) DO UPDATE SET position = excluded.position, beat_at = excluded.beat_at, sign = excluded.sign
"""
_KEEP_BEATS = """
INSERT INTO rpt.heartbeat (source, position, commit_lsn, beat_at, acknowledged)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT (source, position) DO NOTHING
"""
_KEEP_START = "INSERT INTO rpt.stream_start (source, position) VALUES (%s, %s) ON CONFLICT DO NOTHING"

_LAPSED = """
INSERT INTO rpt.gap (topic, cause, reason, events_after, events_before) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (topic, cause) DO NOTHING
"""
_LAPSING = """
INSERT INTO rpt.gap (topic, cause, reason, events_after)
SELECT %(topic)s, %(cause)s, %(reason)s, %(after)s
WHERE NOT EXISTS (SELECT 1 FROM rpt.gap WHERE topic = %(topic)s AND cause LIKE %(kind)s AND events_before IS NULL)
ON CONFLICT (topic, cause) DO NOTHING
"""
_RETURNED = "UPDATE rpt.gap SET events_before = %s WHERE topic = %s AND cause LIKE %s AND events_before IS NULL"

# Once the heartbeat after a snapshot has landed, every one before it has.
_STARTS = """
WITH placed AS (
    SELECT s.position, before.position AS since, before.beat_at AS events_after, after.beat_at AS events_before
    FROM rpt.stream_start s
    CROSS JOIN LATERAL (SELECT beat_at FROM rpt.heartbeat h WHERE h.source = s.source AND h.position > s.position
                        ORDER BY h.position LIMIT 1) AS after
    LEFT JOIN LATERAL (SELECT h.position, beat_at FROM rpt.heartbeat h WHERE h.source = s.source AND h.position < s.position
                       ORDER BY h.position DESC LIMIT 1) AS before ON true
    WHERE s.source = %(source)s
), done AS (
    DELETE FROM rpt.stream_start s USING placed WHERE s.source = %(source)s AND s.position = placed.position
)
INSERT INTO rpt.gap (topic, cause, reason, events_after, events_before)
SELECT %(topic)s, 'stream ' || since, %(reason)s, events_after, events_before FROM placed WHERE since IS NOT NULL
ON CONFLICT (topic, cause) DO NOTHING
"""


def keep(cursor: Cursor[Any], source: str, tables: Iterable[str], names: TopicNames, batch: Batch) -> None:
    """Write what this batch shows to be missing, and that what was missing is there again."""
    beats = [
        (Beat(found.position, found.occurred_us, found.sign), found.commit_lsn)
        for found in batch.positions
        if found.sign is not None
    ]
    starts = sorted({row.began_at for row in batch.snapshots if row.began_at is not None})
    if starts:
        cursor.executemany(_KEEP_START, [(source, position) for position in starts])
    if beats:
        _listen(cursor, source, {str(TableName.parse(table)): names.change(table) for table in tables}, beats)
    if starts or beats:
        cursor.execute(_STARTS, {"source": source, "topic": EVERY_CHANGE, "reason": ANEW})
    for group in [found.state for found in batch.progress if found.state.ended == "deleted"]:
        _deleted(cursor, names.logs, group)


def _deleted(cursor: Cursor[Any], topic: str, group: ForwarderState) -> None:
    """What a log group still held when it was deleted."""
    reason = f"the log group {group.group} was deleted: lines that it held and that had not been read are lost"
    after, before = group.through, max(group.through, group.written)
    cursor.execute(
        _LAPSED,
        (topic, f"deleted {group.group} {group.through}", reason, from_us(after * 1000), from_us(before * 1000)),
    )


def _listen(cursor: Cursor[Any], source: str, topics: Mapping[str, str], beats: list[tuple[Beat, int]]) -> None:
    last = _last(cursor, source)
    opened: set[tuple[str, str]] = set()
    fresh = []
    for now, commit_lsn in beats:
        if last is not None and is_known(last, now):
            continue
        for found in between(last, now, topics):
            _write(cursor, found, opened)
        fresh.append((source, now.position, commit_lsn, from_us(now.at_us), now.sign.acknowledged))
        last = now
    if fresh and last is not None:
        cursor.executemany(_KEEP_BEATS, fresh)
        sign = msgspec.json.encode(last.sign).decode()
        cursor.execute(_KEEP_LAST, (source, last.position, from_us(last.at_us), sign))


def _last(cursor: Cursor[Any], source: str) -> Beat | None:
    row = cursor.execute(_LAST, (source,)).fetchone()
    return Beat(row[0], to_us(row[1]), msgspec.convert(row[2], SourceSign)) if row else None


def _write(cursor: Cursor[Any], found: Lapse | Return, opened: set[tuple[str, str]]) -> None:
    """`opened` is what this batch has seen to be missing still: a lapse goes on through many heartbeats."""
    place = (found.topic, found.kind)
    if isinstance(found, Return):
        opened.discard(place)
        cursor.execute(_RETURNED, (from_us(found.before_us), found.topic, f"{found.kind} %"))
        return
    after = None if found.after_us is None else from_us(found.after_us)
    if found.before_us is not None:
        cursor.execute(_LAPSED, (found.topic, found.cause, found.reason, after, from_us(found.before_us)))
    elif place not in opened:
        opened.add(place)
        cursor.execute(
            _LAPSING,
            {
                "topic": found.topic,
                "cause": found.cause,
                "reason": found.reason,
                "after": after,
                "kind": f"{found.kind} %",
            },
        )
