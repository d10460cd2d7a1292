"""What the worker knows about its own work: it is what `coverage` and the start rule read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, LargeBinary, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from sql.models.base import METADATA, Instant

consumer_position = Table(
    "consumer_position",
    METADATA,
    Column("topic", Text, primary_key=True),
    Column("kafka_partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("owner_epoch", BigInteger, nullable=False),
    Column("owner", Text),
    Column("cluster_id", Text, nullable=False),
    Column("topic_id", Text, nullable=False),
    Column("updated_at", Instant, nullable=False, server_default=text("now()")),
)

batch = Table(
    "batch",
    METADATA,
    Column("batch_id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("kafka_partition", Integer, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("first_event_at", Instant),
    Column("last_event_at", Instant),
    Column("landed_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_batch_position", "topic", "kafka_partition", "next_offset"),
    Index("ix_batch_partition", "topic", "kafka_partition", "batch_id"),
)

dead_letter = Table(
    "dead_letter",
    METADATA,
    Column("dead_letter_id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("kafka_partition", Integer, nullable=False),
    Column("kafka_offset", BigInteger, nullable=False),
    Column("record_key", LargeBinary),
    Column("record_value", LargeBinary),
    Column("headers", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("1")),
    Column("first_seen_at", Instant, nullable=False, server_default=text("now()")),
    Column("last_seen_at", Instant, nullable=False, server_default=text("now()")),
    Column("appended_at", Instant),
    Column("events_after", Instant),
    Column("state", Text, nullable=False, server_default=text("'open'")),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    Column("closed_because", Text),
    Index("ix_dead_letter_open", text("coalesce(appended_at, first_seen_at)"), postgresql_where=text("state = 'open'")),
    Index("ux_dead_letter_record", "topic", "kafka_partition", "kafka_offset", text("md5(record_value)"), unique=True),
)

gap = Table(
    "gap",
    METADATA,
    Column("gap_id", BigInteger, Identity(), primary_key=True),
    Column("topic", Text, nullable=False),
    Column("kafka_partition", Integer),
    Column("from_offset", BigInteger),
    Column("to_offset", BigInteger),
    Column("reason", Text, nullable=False),
    Column("detected_at", Instant, nullable=False, server_default=text("now()")),
    Column("after_batch", BigInteger),
    Column("events_after", Instant),
    Column("events_before", Instant),
    Column("acknowledged_at", Instant),
    Column("acknowledged_by", Text),
    Column("acknowledged_because", Text),
    Column("cause", Text),
    Index("ux_gap_cause", "topic", "cause", unique=True),
)

heartbeat = Table(
    "heartbeat",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("commit_lsn", BigInteger, nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("acknowledged", BigInteger),
)

source_state = Table(
    "source_state",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("beat_at", Instant, nullable=False),
    Column("sign", JSONB, nullable=False),
)

stream_start = Table(
    "stream_start",
    METADATA,
    Column("source", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
)

connector_watch = Table(
    "connector_watch",
    METADATA,
    Column("connector", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("restarts", Integer, nullable=False),
    Column("restarted_at", Instant),
    Column("reason", Text),
)

watermark = Table(
    "watermark",
    METADATA,
    Column("watermark_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("through_at", Instant, nullable=False),
    Column("position", BigInteger),
    Column("offsets", JSONB, nullable=False),
    Column("seen_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_watermark_name", "kind", "name", "watermark_id"),
)

amendment = Table(
    "amendment",
    METADATA,
    Column("xid", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("noted_at", Instant, nullable=False, server_default=text("now()")),
    Index("ix_amendment_xid", "xid"),
)
"""What was amended or came out of its turn, for a day. Kept by a trigger of the outbox."""

amendment_left = Table(
    "amendment_left",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("key", BigInteger, primary_key=True),
    Column("at", Instant, primary_key=True),
)
"""Of what facts are still to be amended, because one transaction was too short."""

audit_outbox = Table(
    "audit_outbox",
    METADATA,
    Column("outbox_id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("event_id", UUID, nullable=False),
    Column("occurred_at", Instant, nullable=False),
)
