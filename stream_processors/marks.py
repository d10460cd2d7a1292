"""Watermarks: what an answer may claim to cover.

A mark says "everything up to `through_at` is in the raw topics before `offsets`"; it holds once every partition has landed
up to there. Kinds: `changes` (from heartbeats and ends of transactions, end offsets sampled afterwards), `logs` (from the
forwarder's own checkpoints), `contexts` (the commit LSN up to which no context can come any more).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from psycopg import Cursor

from clearsight.instants import from_us
from stream_processors.batch import Batch

_KEEP = "INSERT INTO rpt.watermark (kind, name, through_at, position, offsets) VALUES (%s, %s, %s, %s, %s)"

_PRUNE = """
DELETE FROM rpt.watermark w USING (
    SELECT watermark_id, row_number() OVER (PARTITION BY kind, name ORDER BY watermark_id DESC) AS age FROM rpt.watermark
) aged WHERE aged.watermark_id = w.watermark_id AND aged.age > 200
"""


def keep(cursor: Cursor[Any], source: str, logs_topic: str, batch: Batch) -> None:
    """Write what a batch says of the contexts and of the logs. `through_at` of contexts is informative only."""
    through = batch.contexts_through()
    if through:
        newest = max(span.last_us or 0 for span in batch.spans)
        _write(cursor, "contexts", source, from_us(newest), through, {})
    for progress in {found.state.group: found.state for found in batch.progress}.values():
        offsets = {f"{logs_topic}/{partition}": offset for partition, offset in progress.offsets.items()}
        _write(cursor, "logs", progress.group, from_us(progress.through * 1000), None, offsets)


def keep_changes(cursor: Cursor[Any], source: str, through_us: int, position: int, offsets: dict[str, int]) -> None:
    """Write that every change committed up to a position is before these end offsets ("topic/partition" → offset)."""
    _write(cursor, "changes", source, from_us(through_us), position, offsets)
    cursor.execute(_PRUNE)


def _write(
    cursor: Cursor[Any], kind: str, name: str, through: datetime, position: int | None, offsets: dict[str, int]
) -> None:
    cursor.execute(_KEEP, (kind, name, through, position, msgspec.json.encode(offsets).decode()))
