"""The state of the join: it lives here, in the same transaction as the facts."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Integer, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from sql.models.base import METADATA, Instant, coordinates, landed_at

transaction_context = Table(
    "transaction_context",
    METADATA,
    Column("tx_id", BigInteger, primary_key=True, autoincrement=False),
    Column("committed_at", Instant, primary_key=True),
    Column("commit_lsn", BigInteger, nullable=False),
    Column("correlation_id", Text, index=True),
    Column("user_id", Text),
    Column("use_case", Text),
    Column("context_lsn", BigInteger),
    Column("other_ids", ARRAY(Text)),
)

correlation = Table(
    "correlation",
    METADATA,
    Column("correlation_id", Text, primary_key=True),
    Column("first_seen_at", Instant, nullable=False),
    Column("correlation_key", BigInteger, Identity(), nullable=False, unique=True),
)

correlation_touch = Table(
    "correlation_touch",
    METADATA,
    Column("correlation_key", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", Text, primary_key=True),
    Column("key", BigInteger, primary_key=True, autoincrement=False),
)

row_snapshot = Table(
    "row_snapshot",
    METADATA,
    Column("snapshot_id", Text, primary_key=True),
    Column("part", Text, nullable=False),
    Column("table_schema", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("row_key", Text, nullable=False),
    Column("scenario_key", BigInteger, index=True),
    Column("image", JSONB, nullable=False),
    Column("epoch", Integer, nullable=False),
    *coordinates(),
    landed_at(),
)
