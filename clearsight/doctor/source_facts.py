"""What the doctor looks at in the application's database, and what it is held against."""

from __future__ import annotations

import msgspec

from clearsight.mapping import Mapping
from clearsight.proposal.catalogue import Catalogue


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What the role may do with a mapped table."""

    unreadable: tuple[str, ...]
    """Columns that it may not read."""
    writable: tuple[str, ...]
    """Of INSERT, UPDATE, DELETE and TRUNCATE, what it may."""
    enters: bool = True
    """It may use the table's schema."""
    rows_hidden: bool
    """Row-level security applies to it."""


class Publication(msgspec.Struct, frozen=True, kw_only=True):
    operations: frozenset[str]
    by_name: bool
    """Tables are named; false for FOR ALL TABLES and FOR TABLES IN SCHEMA."""
    via_root: bool
    """Partitions are published as the table that they are parts of."""
    stored: bool
    """Stored generated columns are published."""
    tables: dict[str, tuple[str, ...]]
    """Table → the columns that are published; () where all are."""
    filters: dict[str, str]
    """Table → its row filter."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    plugin: str | None
    database: str | None
    active: bool
    wal_status: str | None
    reason: str | None
    retained_bytes: int


class SourceFacts(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    wal_level: str
    database: str
    role: str
    replication: bool
    attributes: tuple[str, ...]
    may_emit: bool
    emit_function: str
    slot_limit: int
    slots: int
    sender_limit: int
    senders: int
    keep_bytes: int | None
    """max_slot_wal_keep_size; None where it is unlimited."""
    idle_timeout_s: int
    catalogue: Catalogue
    """Of the mapped schemas."""
    rights: dict[str, Rights]
    """On the mapped tables, those that exist."""
    publication: Publication | None
    slot: Slot | None


class Wanted(msgspec.Struct, frozen=True):
    """What the settings and the mapping file say about the source."""

    mapping: Mapping
    publication: str
    slot: str
    connector: str
    """The connector's URL at Kafka Connect."""
    topic_prefix: str = "clearsight"
