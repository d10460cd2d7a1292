"""What all tables share."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, MetaData, Text, text

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
    """How an event was joined: `link` is a state of clearsight.links, `revision` grows with each amendment."""
    return (
        Column("correlation_id", Text),
        Column("link", Text, nullable=False),
        Column("revision", Integer, nullable=False, server_default=text("1")),
    )


def coordinates() -> tuple[Column[Any], ...]:
    return (
        Column("topic", Text, nullable=False),
        Column("kafka_partition", Integer, nullable=False),
        Column("kafka_offset", BigInteger, nullable=False),
    )


def landed_at() -> Column[Any]:
    return Column("landed_at", Instant, nullable=False, server_default=text("now()"))
