"""Ids made from the event alone, so that whatever is redelivered is the same event again.

UUID version 8 (RFC 9562 §5.8): 48 bits of the event's own time in milliseconds in front, which keeps the unique index
local, then 74 bits of a hash over what identifies the event.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from clearsight.instants import to_us

_VERSION_AND_VARIANT = (8 << 76) | (0b10 << 62)
_FREE_BITS = ((1 << 128) - 1) ^ (0xF << 76) ^ (0b11 << 62) ^ (((1 << 48) - 1) << 80)
_SEPARATOR = "\x1f"


def id_time_ms(time_us: int) -> int:
    """The time that goes into an id, as 48 bits can hold it."""
    return min(max(time_us // 1000, 0), (1 << 48) - 1)


def event_id(time_ms: int, *parts: object) -> UUID:
    """The id of an event at `time_ms` (epoch milliseconds, 0 ≤ time_ms < 2**48) identified by `parts`.

    None and the text "None" differ; the order of parts matters.
    """
    return UUID(int=_number(time_ms, parts))


def _number(time_ms: int, parts: tuple[object, ...]) -> int:
    text = _SEPARATOR.join(["\x00" if part is None else str(part) for part in parts])
    digest = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(), "big")
    return (time_ms << 80) | (digest & _FREE_BITS) | _VERSION_AND_VARIANT


def ids_at(time_ms: int) -> tuple[UUID, UUID]:
    """Between these two, both included, lie the ids of all events at this time."""
    return UUID(int=time_ms << 80), UUID(int=(time_ms << 80) | ((1 << 80) - 1))


def row_change_id(
    time_ms: int, source: str, table: str, op: str, lsn: int, key: tuple[str | None, ...] | None, total_order: int
) -> UUID:
    """Of a row change. `key` = values of the key columns that the mapping names, None where no key is mapped or known.

    Never the record key (Debezium builds it from today's catalogue), never the LSN alone (COPY rows share it), never
    without `op` (a key change is a delete and a create at one LSN).
    """
    identity = (total_order,) if key is None else key
    return event_id(time_ms, source, table, op, lsn, *identity)


def log_line_id(time_ms: int, account: str, region: str, group: str, cloudwatch_id: str) -> UUID:
    """Of a log line; the same whether it was pulled or pushed."""
    return event_id(time_ms, account, region, group, cloudwatch_id)


def transition_id(time_ms: int, source: str, table: str, key: str, column: str, value: str) -> UUID:
    """Of a lifecycle transition: `value` is the canonical text of the column, so snapshot and stream give the same id."""
    return event_id(time_ms, source, table, key, "transition", column, value)


def action_id(time_ms: int, change: str) -> str:
    """Of the user action that a row change shows, both as text: nothing else is done with it than to write it down."""
    digits = f"{_number(time_ms, (change, 'action')):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def schema_change_id(source: str, schema: str, table: str, aspect: str, before: str, after: str, nth: int) -> UUID:
    """Of the `nth` step of a table from one shape to another. It has no time in front: the first row with the new shape may
    turn out to be an earlier one, and the step stays the same."""
    return event_id(0, source, schema, table, "schema", aspect, before, after, nth)


def id_range(first: datetime, last: datetime) -> tuple[UUID, UUID]:
    """The ids of all events between these times lie between these two."""
    return UUID(int=id_time_ms(to_us(first)) << 80), UUID(int=(id_time_ms(to_us(last)) + 1 << 80) - 1)


def id_time_us(identifier: str) -> int:
    """When an event with this id, written with dashes, happened, to the millisecond."""
    return int(identifier[:8] + identifier[9:13], 16) * 1000
