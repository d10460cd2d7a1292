"""Who may ask: keys of the API, of which only a hash is kept, and logins of the database."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, LargeBinary, Table, Text, text

from sql.models.base import METADATA, Instant

api_key = Table(
    "api_key",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("user_id", Text),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("note", Text),
    Column("created_at", Instant, nullable=False, server_default=text("now()")),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
)

bi_login = Table(
    "bi_login",
    METADATA,
    Column("login", Text, primary_key=True),  # the name of a database login
    Column("role", Text, nullable=False),
    Column("user_id", Text),
    Column("note", Text),
)
