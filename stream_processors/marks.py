"""Watermarks: what an answer may claim to cover.

A mark says "everything up to `through_at` is in the raw topics before `offsets`"; it holds once every partition has landed
up to there. Kinds: `changes` (end offsets sampled after the heartbeat that says so was read), `logs` (from the forwarder's
own checkpoints), `contexts` (the commit LSN up to which no context can come any more).

That a heartbeat was read does not say that what was committed before it is in Kafka: other partitions may have other leaders,
and a record may still be on its way to one. But the connector confirms to the replication slot only what Kafka has
acknowledged, and the next heartbeats tell how far that is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from psycopg import Cursor

from clearsight.coverage import ENDED
from clearsight.events import StreamPosition
from clearsight.instants import from_us, to_us
from stream_processors.batch import Batch

_KEEP = "INSERT INTO rpt.watermark (kind, name, through_at, position, offsets) VALUES (%s, %s, %s, %s, %s)"

_PRUNE = """
DELETE FROM rpt.watermark w USING (
    SELECT watermark_id, row_number() OVER (PARTITION BY kind, name ORDER BY watermark_id DESC) AS age FROM rpt.watermark
) aged WHERE aged.watermark_id = w.watermark_id AND aged.age > 200
"""

_THROUGH = """
SELECT through.position, through.beat_at
FROM (SELECT acknowledged FROM rpt.heartbeat WHERE source = %(source)s ORDER BY position DESC LIMIT 1) AS newest
LEFT JOIN LATERAL (SELECT position, beat_at FROM rpt.heartbeat
                   WHERE source = %(source)s AND commit_lsn <= newest.acknowledged
                   ORDER BY position DESC LIMIT 1) AS through ON true
"""

# A day is more than any snapshot's rows lie behind the heartbeats around it.
_PRUNE_HEARTBEATS = """
DELETE FROM rpt.heartbeat h USING (
    SELECT position FROM rpt.heartbeat WHERE source = %(source)s ORDER BY position LIMIT 100
) AS oldest WHERE h.source = %(source)s AND h.position = oldest.position AND h.beat_at < %(through)s - interval '1 day'
"""


class Through(NamedTuple):
    """All that was committed up to here is in the raw topics."""

    position: int
    time_us: int


def through(cursor: Cursor[Any], source: str, newest: StreamPosition) -> Through | None:
    """How far the connector's heartbeats say that Kafka has it all; None where they do not say it yet.

    A stream without such heartbeats, a capture that is replayed, lies there whole: `newest` counts.
    """
    row = cursor.execute(_THROUGH, {"source": source}).fetchone()
    if row is None:
        return Through(newest.position, newest.occurred_us)
    return None if row[0] is None else Through(row[0], to_us(row[1]))


def keep(cursor: Cursor[Any], source: str, logs_topic: str, batch: Batch) -> None:
    """Write what a batch says of the contexts and of the logs. `through_at` of contexts is informative only."""
    through = batch.contexts_through()
    if through:
        newest = max(span.last_us or 0 for span in batch.spans)
        _write(cursor, "contexts", source, from_us(newest), through, {})
    for group in {found.state.group: found.state for found in batch.progress}.values():
        offsets = {f"{logs_topic}/{partition}": offset for partition, offset in group.offsets.items()}
        reached = from_us(group.through * 1000) if group.ended is None else ENDED
        _write(cursor, "logs", group.group, reached, None, offsets)


def keep_changes(cursor: Cursor[Any], source: str, through_us: int, position: int, offsets: dict[str, int]) -> None:
    """Write that every change committed up to a position is before these end offsets ("topic/partition" → offset)."""
    _write(cursor, "changes", source, from_us(through_us), position, offsets)
    cursor.execute(_PRUNE)
    cursor.execute(_PRUNE_HEARTBEATS, {"source": source, "through": from_us(through_us)})


def _write(
    cursor: Cursor[Any], kind: str, name: str, through: datetime, position: int | None, offsets: dict[str, int]
) -> None:
    cursor.execute(_KEEP, (kind, name, through, position, msgspec.json.encode(offsets).decode()))
