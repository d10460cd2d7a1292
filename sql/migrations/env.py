"""Alembic's environment: the connection is handed in by sql.migrate."""

from __future__ import annotations

from alembic import context

from sql.models import METADATA, SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
with context.begin_transaction():
    context.run_migrations()
