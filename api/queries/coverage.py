"""What has landed: the newest watermarks that hold on every partition, gaps, dead letters and what still waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Interval,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    func,
    literal,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from clearsight.coverage import (
    CLOCK_SKEW,
    COUNT_LIMIT,
    Acknowledged,
    Counts,
    Coverage,
    Gap,
    Watermark,
    joinable_after,
)
from clearsight.coverage import coverage as shape
from sql.models import SCHEMA, consumer_position, gap, watermark

GAPS_SHOWN = 100
BEGINNING, END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

_SINCE, _UNTIL = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))


def touching(after: ColumnElement[Any], before: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether events that happened after the one and before the other time may belong to the question."""
    return and_(
        func.coalesce(before, END) >= _SINCE - CLOCK_SKEW,
        func.coalesce(after, BEGINNING) <= _UNTIL + CLOCK_SKEW,
    )


async def coverage(
    connection: AsyncConnection,
    groups: Sequence[str],
    until: datetime | None = None,
    *,
    since: datetime | None = None,
) -> Coverage:
    """Coverage of an answer about the time from `since` (None: it rests on everything before its end) to `until` (None:
    open), read in the snapshot of the answer itself.
    """
    marks = [Watermark(*row) for row in (await connection.execute(_WATERMARKS))]
    about = {"since": since or BEGINNING, "until": until or END}
    counts = (await connection.execute(_COUNTS, {"joinable_after": joinable_after(marks), **about})).one()
    gaps = [_gap(*row) for row in (await connection.execute(_GAPS, about))]
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


def _gap(*row: Any) -> Gap:
    *columns, at, by, because = row
    return replace(Gap(*columns), acknowledged=Acknowledged(at, by, because) if at else None)


def _watermarks_statement() -> Select[Any]:
    """For each source and log group the newest watermark whose offsets have all been reached."""
    names = (
        select(watermark.c.kind, watermark.c.name).where(watermark.c.kind.in_(("changes", "logs"))).distinct()
    ).subquery("names")
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


def _counts_statement() -> Select[Any]:
    """By a function of the database, which counts what nobody may see as well: an answer to somebody who sees a part is not
    complete while what waits may belong to it."""
    columns = ("now", "pending_changes", "changes_since", "pending_logs", "logs_since", "unlinked", "dead_letters")
    uncertain = getattr(func, SCHEMA).uncertain(
        _SINCE,
        _UNTIL,
        bindparam("joinable_after", type_=DateTime(timezone=True)),
        literal(CLOCK_SKEW, Interval),
        literal(COUNT_LIMIT, BigInteger),
    )
    found = uncertain.table_valued(*columns).alias("found")
    return select(*(found.c[name] for name in columns))


_WATERMARKS = _watermarks_statement()
_COUNTS = _counts_statement()
_GAPS = (
    select(
        gap.c.gap_id,
        gap.c.topic,
        gap.c.kafka_partition,
        gap.c.from_offset,
        gap.c.to_offset,
        gap.c.reason,
        gap.c.detected_at,
        gap.c.events_after,
        gap.c.events_before,
        gap.c.acknowledged_at,
        gap.c.acknowledged_by,
        gap.c.acknowledged_because,
    )
    .where(touching(gap.c.events_after, gap.c.events_before))
    .order_by(gap.c.gap_id.desc())
    .limit(GAPS_SHOWN)
)
