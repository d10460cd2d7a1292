"""The application's tables, as its code sees them (`schema.sql` creates them)."""

from __future__ import annotations

from sqlalchemy import Column, DateTime, MetaData, Numeric, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(schema="forecast")

users = Table("users", metadata, Column("user_id", Uuid, primary_key=True), Column("name", Text), Column("email", Text))

scenarios = Table(
    "scenarios",
    metadata,
    Column("scenario_id", Uuid, primary_key=True),
    Column("name", Text),
    Column("owner_id", Uuid),
    Column("status", Text),
    Column("submitted_at", DateTime(timezone=True)),
    Column("approved_at", DateTime(timezone=True)),
    Column("locked_at", DateTime(timezone=True)),
    Column("archived_at", DateTime(timezone=True)),
)

inputs = Table(
    "inputs",
    metadata,
    Column("input_id", Uuid, primary_key=True),
    Column("scenario_id", Uuid),
    Column("node", Text),
    Column("name", Text),
    Column("value_number", Numeric),
    Column("value_text", Text),
    Column("value_json", JSONB(none_as_null=True)),
    Column("updated_at", DateTime(timezone=True)),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("scenario_id", Uuid),
    Column("started_by", Uuid),
    Column("status", Text),
    Column("finished_at", DateTime(timezone=True)),
    Column("error_message", Text),
    Column("failed_node", Text),
)

run_nodes = Table(
    "run_nodes",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("node", Text, primary_key=True),
    Column("status", Text),
    Column("result", Numeric),
    Column("duration_ms", Numeric),
    Column("error", Text),
)
