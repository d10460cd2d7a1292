"""Dimensions: a thing that was seen, created when first seen. `*_id` is the application's own id, as text."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Date, ForeignKey, Identity, Integer, Table, Text, text

from sql.models.base import METADATA, SCHEMA, Instant


def _as_of() -> tuple[Column[int], Column[int]]:
    """The commit position of the row that the descriptive columns come from; only a later one replaces them."""
    return (
        Column("as_of_commit_lsn", BigInteger, nullable=False, server_default=text("-1")),
        Column("as_of_lsn", BigInteger, nullable=False, server_default=text("-1")),
    )


dim_user = Table(
    "dim_user",
    METADATA,
    Column("user_key", BigInteger, Identity(), primary_key=True),
    Column("user_id", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("email", Text),
    Column("first_seen_at", Instant, nullable=False),
    *_as_of(),
)

user_id = Table(
    "user_id",
    METADATA,
    Column("user_key", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", Text, nullable=False, unique=True),
)
"""What a viewer sees of other users: who did something, without name and address. Kept by a trigger."""

dim_scenario = Table(
    "dim_scenario",
    METADATA,
    Column("scenario_key", BigInteger, Identity(), primary_key=True),
    Column("scenario_id", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("owner", Text, index=True),
    Column("status", Text),
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    Column("first_seen_at", Instant, nullable=False),
    *_as_of(),
)

dim_run = Table(
    "dim_run",
    METADATA,
    Column("run_key", BigInteger, Identity(), primary_key=True),
    Column("run_id", Text, nullable=False, unique=True),
    Column("scenario_key", BigInteger, ForeignKey(f"{SCHEMA}.dim_scenario.scenario_key"), index=True),
    Column("first_seen_at", Instant, nullable=False),
)

dim_date = Table(
    "dim_date",
    METADATA,
    Column("date", Date, primary_key=True),
    Column("year", Integer, nullable=False),
    Column("quarter", Integer, nullable=False),
    Column("month", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("iso_week", Integer, nullable=False),
    Column("iso_weekday", Integer, nullable=False),
)
