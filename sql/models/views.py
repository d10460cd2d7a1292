"""The one timeline, for queries by SQLAlchemy. Its SQL is in the migration that made it last."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from sql.models.base import SCHEMA, Instant

view_scenario_audit_trail = Table(
    "view_scenario_audit_trail",
    MetaData(schema=SCHEMA),
    Column("scenario_key", BigInteger),
    Column("scenario_id", Text),
    Column("event_id", UUID),
    Column("occurred_at", Instant),
    Column("kind", Text),  # action, change, state_change, log
    Column("event_type", Text),  # input.changed, run.updated, scenario.locked, log.error, …
    Column("summary", Text),
    Column("user_id", Text),
    Column("user_name", Text),
    Column("run_id", Text),
    Column("node", Text),
    Column("level", Text),
    Column("category", Text),
    Column("correlation_id", Text),
    Column("correlation_source", Text),
    Column("link", Text),
    Column("revision", Integer),
    Column("details", JSONB),
    Column("approximate_order", Boolean),
    Column("epoch", Integer),
    Column("commit_lsn", BigInteger),
    Column("lsn", BigInteger),
    Column("total_order", BigInteger),
)
