"""Views, for queries by SQLAlchemy. Their SQL is in the migration that made each last."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB, UUID

from sql.models.base import SCHEMA, Instant
from sql.models.facts import fact_cloudwatch_log

_VIEWS = MetaData(schema=SCHEMA)

view_user = Table(
    "view_user",
    _VIEWS,
    Column("user_key", BigInteger),
    Column("user_id", Text),
    Column("name", Text),  # null for who may not see it
    Column("email", Text),
    Column("first_seen_at", Instant),
)

view_log = Table("view_log", _VIEWS, *(Column(column.name, column.type) for column in fact_cloudwatch_log.columns))
"""The log lines; in those of several scenarios the ids of others are masked for who may not see them. Readers have no other
way to them."""

view_scenario_audit_trail = Table(
    "view_scenario_audit_trail",
    _VIEWS,
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
