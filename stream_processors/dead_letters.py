"""Records that could not be landed: kept with their bytes, reason and coordinates, in the batch's transaction."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from psycopg import Cursor

from stream_processors.batch import Letter

_KEEP = """
INSERT INTO rpt.dead_letter AS d (topic, kafka_partition, kafka_offset, record_key, record_value, headers, reason)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (topic, kafka_partition, kafka_offset, md5(record_value)) DO UPDATE
SET attempts = d.attempts + 1, last_seen_at = now(), reason = excluded.reason
"""


def keep(cursor: Cursor[Any], letters: list[Letter]) -> None:
    cursor.executemany(_KEEP, [_row(letter) for letter in letters])


def _row(letter: Letter) -> tuple[Any, ...]:
    record = letter.record
    headers = {name: None if value is None else base64.b64encode(value).decode() for name, value in record.headers}
    at = (record.topic, record.partition, record.offset)
    return (*at, record.key, record.value, msgspec.json.encode(headers).decode(), letter.reason.replace("\x00", "␀"))
