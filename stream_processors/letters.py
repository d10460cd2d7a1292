"""The dead letters that are kept: find them, group them by reason, dismiss them. A letter is closed, never deleted."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from clearsight.instants import to_us
from stream_processors.records import RawRecord

State = Literal["open", "resolved", "dismissed"]
STATES: tuple[State, ...] = ("open", "resolved", "dismissed")


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters; what is None does not matter. `reason` is a part of the reason, in any case of letters.

    `since` and `until` (exclusive) are about when the record was appended to its topic, or first seen where that is unknown.
    """

    ids: tuple[int, ...] | None = None
    reason: str | None = None
    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[State, ...] = ("open",)


class ReasonGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Letters with one reason; a reason's "byte 17" does not make it another."""

    count: int
    reason: str
    state: State
    topics: list[str]
    first_seen_at: datetime
    last_seen_at: datetime
    example_id: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    state: State
    topic: str
    partition: int
    offset: int
    reason: str
    attempts: int
    appended_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    closed_because: str | None
    bytes: int
    """Of the record's value."""


class Stored(msgspec.Struct, frozen=True):
    """A letter and the record in it, as it lay in Kafka."""

    summary: Summary
    record: RawRecord


class Size(msgspec.Struct, frozen=True):
    id: int
    bytes: int


_CHOSEN = """
    (%(ids)s::bigint[] IS NULL OR dead_letter_id = ANY(%(ids)s))
    AND (%(reason)s::text IS NULL OR position(lower(%(reason)s) IN lower(reason)) > 0)
    AND (%(topic)s::text IS NULL OR topic = %(topic)s)
    AND (%(since)s::timestamptz IS NULL OR coalesce(appended_at, first_seen_at) >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR coalesce(appended_at, first_seen_at) < %(until)s)
    AND state = ANY(%(states)s)
"""

_GROUPS = rf"""
SELECT count(*) AS count, regexp_replace(reason, '\m(byte|position) [0-9]+', '\1 …', 'g') AS reason, state,
       array_agg(DISTINCT topic ORDER BY topic) AS topics, min(first_seen_at) AS first_seen_at,
       max(last_seen_at) AS last_seen_at, min(dead_letter_id) AS example_id
FROM rpt.dead_letter WHERE {_CHOSEN} GROUP BY 2, 3 ORDER BY count DESC, example_id LIMIT %(limit)s
"""  # noqa: S608 - a text of ours

_SUMMARY = """
dead_letter_id AS id, state, topic, kafka_partition AS partition, kafka_offset AS offset, reason, attempts, appended_at,
first_seen_at, last_seen_at, closed_at, closed_by, closed_because, coalesce(octet_length(record_value), 0) AS bytes
"""

_LISTED = f"""
SELECT {_SUMMARY} FROM rpt.dead_letter WHERE {_CHOSEN} ORDER BY dead_letter_id LIMIT %(limit)s
"""  # noqa: S608

_COUNT = f"SELECT count(*) FROM rpt.dead_letter WHERE {_CHOSEN}"  # noqa: S608

_SIZES = f"""
SELECT dead_letter_id, coalesce(octet_length(record_value), 0) FROM rpt.dead_letter WHERE {_CHOSEN} ORDER BY dead_letter_id
"""  # noqa: S608

_STORED = f"""
SELECT {_SUMMARY}, record_key, record_value, headers FROM rpt.dead_letter WHERE dead_letter_id = ANY(%s) ORDER BY dead_letter_id
"""  # noqa: S608

_DISMISS = f"""
WITH chosen AS (
    SELECT dead_letter_id FROM rpt.dead_letter WHERE {_CHOSEN}
    ORDER BY topic, kafka_partition, kafka_offset FOR NO KEY UPDATE
)
UPDATE rpt.dead_letter d SET state = 'dismissed', closed_at = now(), closed_by = %(by)s, closed_because = %(because)s
FROM chosen c WHERE d.dead_letter_id = c.dead_letter_id
"""  # noqa: S608


def groups(connection: Connection[Any], selection: Selection, limit: int) -> list[ReasonGroup]:
    """The most frequent reasons first."""
    with connection.cursor(row_factory=class_row(ReasonGroup)) as cursor:
        return cursor.execute(_GROUPS.encode(), _where(selection) | {"limit": limit}).fetchall()


def listed(connection: Connection[Any], selection: Selection, limit: int) -> list[Summary]:
    """Oldest first."""
    with connection.cursor(row_factory=class_row(Summary)) as cursor:
        return cursor.execute(_LISTED.encode(), _where(selection) | {"limit": limit}).fetchall()


def count(connection: Connection[Any], selection: Selection) -> int:
    found = connection.execute(_COUNT.encode(), _where(selection)).fetchone()
    return int(found[0]) if found else 0


def sizes(connection: Connection[Any], selection: Selection) -> list[Size]:
    """Every chosen letter, oldest first."""
    return [Size(*row) for row in connection.execute(_SIZES.encode(), _where(selection)).fetchall()]


def stored(connection: Connection[Any], ids: Sequence[int]) -> list[Stored]:
    """These letters, as far as they exist, with their records."""
    rows = connection.execute(_STORED.encode(), [list(ids)]).fetchall()
    return [_stored(Summary(**dict(zip(_FIELDS, row[:-3], strict=True))), *row[-3:]) for row in rows]


def dismiss(connection: Connection[Any], selection: Selection, by: str, because: str) -> int:
    """Close letters although they have not landed; return how many. Answers no longer count them as missing."""
    done = connection.execute(_DISMISS.encode(), _where(selection) | {"by": by, "because": because})
    return done.rowcount


_FIELDS = Summary.__struct_fields__


def _where(selection: Selection) -> dict[str, Any]:
    return msgspec.structs.asdict(selection) | {
        "ids": None if selection.ids is None else list(selection.ids),
        "states": list(selection.states),
    }


def _stored(summary: Summary, key: bytes | None, value: bytes | None, headers: dict[str, str | None]) -> Stored:
    appended_ms = to_us(summary.appended_at or summary.first_seen_at) // 1000
    decoded = tuple((name, None if text is None else base64.b64decode(text)) for name, text in headers.items())
    record = RawRecord(summary.topic, summary.partition, summary.offset, appended_ms, key, value, decoded)
    return Stored(summary, record)
