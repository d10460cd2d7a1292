"""What the stream shows of the schema of audited tables."""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Boolean, Column, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from sql.models.base import METADATA, Instant, commit_order, landed_at

row_shape = Table(
    "row_shape",
    METADATA,
    Column("table_schema", Text, primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("aspect", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("runs", JSONB, nullable=False),
)

fact_schema_change = Table(
    "fact_schema_change",
    METADATA,
    Column("event_id", UUID, primary_key=True),
    Column("occurred_at", Instant, nullable=False),
    Column("table_schema", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("added", ARRAY(Text), nullable=False),
    Column("dropped", ARRAY(Text), nullable=False),
    Column("retyped", JSONB),
    Column("withdrawn", Boolean, nullable=False),
    Column("change_event_id", UUID, nullable=False),
    *commit_order(),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    landed_at(),
    Index("ix_schema_change_table", "table_schema", "table_name"),
    Index("ix_schema_change_time", "occurred_at"),
)
