"""What the raw topics carry, decoded: the input of every rule."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from clearsight.logline import ForwarderState, LogLine
from clearsight.mapping import AnyTable, Part
from clearsight.order import CommitPosition
from clearsight.origin import Identity, Origin
from clearsight.shapes import Shape


class Coordinates(msgspec.Struct, frozen=True, gc=False):
    topic: str
    partition: int
    offset: int


class TransactionKey(msgspec.Struct, frozen=True, order=True, gc=False):
    """A source transaction: the 32-bit id can come again, the commit time with it cannot."""

    tx_id: int
    committed_us: int


class RowChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An insert (c), update (u), delete (d) or truncate (t) of an audited table. Ids are text."""

    at: Coordinates
    event_id: UUID
    occurred_us: int
    op: str
    part: Part
    mapped: AnyTable
    table_schema: str
    table_name: str
    row_key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    before_json: str | None
    after_json: str | None
    changed: tuple[str, ...]
    transaction: TransactionKey | None
    epoch: int
    commit_lsn: int
    lsn: int
    total_order: int
    scenario_id: str | None
    run_id: str | None
    node: str | None
    correlation_id: str | None
    flags: tuple[str, ...] = ()
    types: Shape | None = None
    """Of the columns, where the record came with its schema."""

    @property
    def position(self) -> CommitPosition:
        return CommitPosition(self.epoch, self.commit_lsn, self.lsn, self.total_order)


class SnapshotRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A row as a snapshot saw it (op r): evidence of state, not a change. No LSN or time of it is to be trusted."""

    at: Coordinates
    snapshot_id: str
    part: Part
    mapped: AnyTable
    table_schema: str
    table_name: str
    row_key: str
    image: dict[str, Any]
    image_json: str
    seen_us: int
    epoch: int
    scenario_id: str | None
    run_id: str | None
    began_at: int | None = None
    """The position at which its snapshot was taken, where the stream begins anew with it."""


class Context(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The application's context message of one transaction. Of several, the first in the log counts."""

    at: Coordinates
    transaction: TransactionKey
    commit_lsn: int
    lsn: int
    correlation_id: str
    user_id: str | None
    use_case: str | None


class Attempt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A context message outside a transaction: it survives a rollback, so it tells of work whose rows may never come.
    Its time is that of the transaction before it in the log."""

    at: Coordinates
    occurred_us: int
    correlation_id: str
    user_id: str | None
    scenario_id: str | None


class SourceSign(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the source says of itself in a heartbeat."""

    registered: Origin | None
    """What the stream that it came by was registered as."""
    identity: Identity
    acknowledged: int | None
    """Kafka has every transaction that was committed up to this position; None where there is no slot."""
    tables: dict[str, str]
    """Those that are published, "schema.table" → an id that changes when the table was left out for a while."""
    appended_ms: int


class StreamPosition(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A heartbeat or the end of a transaction: how far the source's stream has come."""

    at: Coordinates
    occurred_us: int
    position: int
    commit_lsn: int
    sign: SourceSign | None = None
    """Of a heartbeat that the connector's own query made."""


class LogEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    at: Coordinates
    event_id: UUID
    occurred_us: int
    line: LogLine
    category: str | None
    flags: tuple[str, ...]


class ForwarderProgress(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    at: Coordinates
    state: ForwarderState


class Passed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record that says nothing of its own: a tombstone, a transaction's begin, another application's message."""

    at: Coordinates
    why: str


class Rejected(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A record that could not be decoded: it becomes a dead letter."""

    at: Coordinates
    reason: str


Event = RowChange | SnapshotRow | Context | Attempt | StreamPosition | LogEvent | ForwarderProgress | Passed | Rejected
