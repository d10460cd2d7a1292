"""Debezium's records and the heartbeat's message, as far as they are read."""

from __future__ import annotations

import msgspec


class Source(msgspec.Struct, gc=False):
    ts_ms: int
    lsn: int | None = None
    txId: int | None = None
    ts_us: int | None = None
    sequence: str | None = None
    schema: str = ""
    table: str = ""
    snapshot: str | bool | None = None


class InTransaction(msgspec.Struct, gc=False):
    id: str | None = None
    total_order: int = 0


class Message(msgspec.Struct, gc=False):
    prefix: str
    content: str = ""


class Envelope(msgspec.Struct, gc=False):
    """Debezium's data change event; `payload` where it came with its schema."""

    op: str | None = None
    source: Source | None = None
    before: msgspec.Raw = msgspec.Raw()
    after: msgspec.Raw = msgspec.Raw()
    transaction: InTransaction | None = None
    message: Message | None = None
    payload: msgspec.Raw = msgspec.Raw()
    schema: msgspec.Raw = msgspec.Raw()


class TransactionMarker(msgspec.Struct, gc=False):
    """The end of a transaction; `payload` where it came with its schema."""

    status: str | None = None
    id: str = ""
    ts_ms: int = 0
    payload: msgspec.Raw = msgspec.Raw()


class Told(msgspec.Struct, gc=False):
    """What connectors/debezium/heartbeat.py asks the source."""

    system: str
    timeline: str
    acknowledged: int | None
    tables: list[tuple[str, str, str]]
