"""Records that could not be landed: kept with their bytes, reason and coordinates, in the batch's transaction.

Their rows are the last that a transaction locks, sorted by coordinates.
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import msgspec
from psycopg import Cursor

from clearsight.instants import from_us
from clearsight.topics import TopicNames
from stream_processors.batch import Letter
from stream_processors.hidden import events_after
from stream_processors.positions import Partition
from stream_processors.records import RawRecord

# A letter that a person dismissed, or that has landed since, stays so.
_KEEP = """
INSERT INTO rpt.dead_letter AS d (topic, kafka_partition, kafka_offset, record_key, record_value, headers, reason,
                                  appended_at, events_after)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (topic, kafka_partition, kafka_offset, md5(record_value)) DO UPDATE
SET attempts = d.attempts + 1, last_seen_at = now(), reason = excluded.reason
"""


def keep(cursor: Cursor[Any], letters: list[Letter], names: TopicNames) -> None:
    if not letters:
        return
    ordered = sorted(letters, key=lambda letter: _coordinates(letter.record))
    first: dict[Partition, int] = {}
    for letter in ordered:
        first.setdefault(Partition(letter.record.topic, letter.record.partition), letter.record.offset)
    after = events_after(cursor, names, first)
    cursor.executemany(_KEEP, [_row(letter, after) for letter in ordered])


def _row(letter: Letter, after: dict[Partition, datetime]) -> tuple[Any, ...]:
    record = letter.record
    headers = {name: None if value is None else base64.b64encode(value).decode() for name, value in record.headers}
    reason = letter.reason.replace("\x00", "␀")
    appended_at = from_us(record.appended_ms * 1000) if record.appended_ms > 0 else None
    return (
        *_coordinates(record),
        record.key,
        record.value,
        msgspec.json.encode(headers).decode(),
        reason,
        appended_at,
        after.get(Partition(record.topic, record.partition)),
    )


def _coordinates(record: RawRecord) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset
