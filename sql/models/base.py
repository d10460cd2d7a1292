"""What all tables share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Computed, Date, DateTime, ForeignKey, Integer, MetaData, Text, text

SCHEMA = "rpt"
METADATA = MetaData(schema=SCHEMA)

Instant = DateTime(timezone=True)


def scenario_key(**options: Any) -> Column[int]:
    return Column("scenario_key", BigInteger, ForeignKey(f"{SCHEMA}.dim_scenario.scenario_key"), **options)


def run_key(**options: Any) -> Column[int]:
    return Column("run_key", BigInteger, ForeignKey(f"{SCHEMA}.dim_run.run_key"), **options)


def user_key(**options: Any) -> Column[int]:
    return Column("user_key", BigInteger, ForeignKey(f"{SCHEMA}.dim_user.user_key"), **options)


def commit_order() -> tuple[Column[int], ...]:
    """Where a change stands in commit order; a null commit LSN is 0."""
    return (
        Column("epoch", Integer, nullable=False),
        Column("commit_lsn", BigInteger, nullable=False),
        Column("lsn", BigInteger, nullable=False),
        Column("total_order", BigInteger, nullable=False),
    )


def joined() -> tuple[Column[Any], ...]:
    """How an event was joined: `link` is a state of clearsight.links, `revision` grows with each amendment.

    Facts are looked up by `correlation_key`, which grows with time: ids are random, and an index over them is written all
    over at each batch (docs/decisions/0007). It has no foreign key: landing holds the correlation's lock.
    """
    return (
        Column("correlation_id", Text),
        Column("correlation_key", BigInteger),
        Column("link", Text, nullable=False),
        Column("revision", Integer, nullable=False, server_default=text("1")),
    )


def coordinates() -> tuple[Column[Any], ...]:
    return (
        Column("topic", Text, nullable=False),
        Column("kafka_partition", Integer, nullable=False),
        Column("kafka_offset", BigInteger, nullable=False),
    )


def utc_parts(column: str, prefix: str) -> tuple[Column[Any], ...]:
    """`column` as a whole second and as a day, UTC, as Power BI compares them. Stored: below row-level security only a bare
    column can be looked up in an index."""
    return (
        Column(
            f"{prefix}_second", DateTime, Computed(f"date_trunc('second', {column} AT TIME ZONE 'UTC')", persisted=True)
        ),
        Column(f"{prefix}_on", Date, Computed(f"({column} AT TIME ZONE 'UTC')::date", persisted=True)),
    )


def landed_at() -> Column[Any]:
    return Column("landed_at", Instant, nullable=False, server_default=text("now()"))
