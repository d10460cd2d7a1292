"""What has landed: the newest watermarks that hold on every partition, gaps, dead letters and what still waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    ScalarSelect,
    Select,
    Subquery,
    Table,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from clearsight.coverage import COUNT_LIMIT, Counts, Coverage, Gap, Watermark, joinable_after
from clearsight.coverage import coverage as shape
from sql.models import consumer_position, dead_letter, fact_cloudwatch_log, fact_row_change, gap, watermark

GAPS_SHOWN = 100


async def coverage(connection: AsyncConnection, groups: Sequence[str], until: datetime | None = None) -> Coverage:
    """Coverage of an answer that ends at `until` (None: open), read in the snapshot of the answer itself."""
    marks = [Watermark(*row) for row in (await connection.execute(_WATERMARKS))]
    counts = (await connection.execute(_COUNTS, {"joinable_after": joinable_after(marks)})).one()
    gaps = [Gap(*row) for row in (await connection.execute(_GAPS))]
    return shape(
        marks,
        Counts(
            pending=min(counts.pending_changes + counts.pending_logs, COUNT_LIMIT),
            pending_since=min(filter(None, (counts.changes_since, counts.logs_since)), default=None),
            unlinked=counts.unlinked,
            dead_letters=counts.dead_letters,
        ),
        gaps,
        groups,
        counts.now,
        until,
    )


def _watermarks_statement() -> Select[Any]:
    """For each source and log group the newest watermark whose offsets have all been reached."""
    names = select(watermark.c.kind, watermark.c.name).distinct().subquery("names")
    wanted = func.jsonb_each_text(watermark.c.offsets).table_valued("key", "value").alias("wanted")
    reached = exists().where(
        consumer_position.c.topic == func.split_part(wanted.c.key, "/", 1),
        consumer_position.c.kafka_partition == cast(func.split_part(wanted.c.key, "/", 2), BigInteger),
        consumer_position.c.next_offset >= cast(wanted.c.value, BigInteger),
    )
    newest = (
        select(watermark.c.through_at, watermark.c.position)
        .where(
            watermark.c.kind == names.c.kind,
            watermark.c.name == names.c.name,
            ~exists(select(literal(1)).select_from(wanted).where(~reached)),
        )
        .order_by(watermark.c.watermark_id.desc())
        .limit(1)
        .lateral("newest")
    )
    return select(names.c.kind, names.c.name, newest.c.through_at, newest.c.position).select_from(
        names.join(newest, true())
    )


def _oldest(fact: Table, *conditions: ColumnElement[bool]) -> ScalarSelect[datetime]:
    """Of all that are pending, not of the first that are counted; read from the end of a partial index."""
    pending = select(fact.c.occurred_at).where(fact.c.link == "pending", *conditions)
    return pending.order_by(fact.c.occurred_at).limit(1).scalar_subquery()


def _waiting(fact: Table, link: str) -> Subquery:
    return select(fact.c.occurred_at).where(fact.c.link == link).limit(COUNT_LIMIT).subquery()


def _counts_statement() -> Select[Any]:
    changes, logs = _waiting(fact_row_change, "pending"), _waiting(fact_cloudwatch_log, "pending")
    unlinked = _waiting(fact_row_change, "unlinked")
    # earlier lines belong to requests that changed nothing
    joinable = fact_cloudwatch_log.c.occurred_at > bindparam("joinable_after", type_=DateTime(timezone=True))
    letters = select(dead_letter.c.dead_letter_id).limit(COUNT_LIMIT).subquery()
    return select(
        func.now().label("now"),
        select(func.count()).select_from(changes).scalar_subquery().label("pending_changes"),
        _oldest(fact_row_change).label("changes_since"),
        select(func.count()).select_from(logs).scalar_subquery().label("pending_logs"),
        _oldest(fact_cloudwatch_log, joinable).label("logs_since"),
        select(func.count()).select_from(unlinked).scalar_subquery().label("unlinked"),
        select(func.count()).select_from(letters).scalar_subquery().label("dead_letters"),
    )


_WATERMARKS = _watermarks_statement()
_COUNTS = _counts_statement()
_GAPS = (
    select(gap.c.topic, gap.c.kafka_partition, gap.c.from_offset, gap.c.to_offset, gap.c.reason, gap.c.detected_at)
    .order_by(gap.c.gap_id.desc())
    .limit(GAPS_SHOWN)
)
