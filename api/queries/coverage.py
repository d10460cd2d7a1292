"""What has landed: the newest watermarks that hold on every partition, gaps, dead letters and what still waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Interval,
    Select,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import NamedFromClause

from api.queries.prepared import prepared
from clearsight.coverage import (
    CLOCK_SKEW,
    COUNT_LIMIT,
    JOIN_GRACE,
    Acknowledged,
    Counts,
    Coverage,
    Gap,
    Watermark,
)
from clearsight.coverage import coverage as shape
from sql.models import SCHEMA, consumer_position, watermark

GAPS_SHOWN = 100
BEGINNING, END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

_SINCE, _UNTIL = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))


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
    (found,) = await _EVERYTHING.rows(connection, {"since": since or BEGINNING, "until": until or END})
    return shape(
        msgspec.json.decode(found.marks, type=list[Watermark]),
        Counts(
            pending=min(found.pending_changes + found.pending_logs, COUNT_LIMIT),
            pending_since=min(filter(None, (found.changes_since, found.logs_since)), default=None),
            unlinked=found.unlinked,
            dead_letters=found.dead_letters,
        ),
        [_gap(each) for each in msgspec.json.decode(found.gaps, type=list[_Gap])],
        groups,
        found.now,
        until,
    )


class _Gap(msgspec.Struct):
    """As the database tells it."""

    gap_id: int
    topic: str
    kafka_partition: int | None
    from_offset: int | None
    to_offset: int | None
    reason: str | None
    detected_at: datetime
    events_after: datetime | None
    events_before: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_because: str | None


def _gap(found: _Gap) -> Gap:
    at, by, because = found.acknowledged_at, found.acknowledged_by, found.acknowledged_because
    return Gap(
        found.gap_id,
        found.topic,
        found.kafka_partition,
        found.from_offset,
        found.to_offset,
        found.reason,
        found.detected_at,
        found.events_after,
        found.events_before,
        Acknowledged(at, by, because) if at else None,
    )


def _watermarks_statement() -> Select[Any]:
    """For each source and log group the newest watermark whose offsets have all been reached."""
    names = (
        select(watermark.c.kind, watermark.c.name)
        .where(or_(watermark.c.kind == "changes", watermark.c.kind == "logs"))
        .distinct()
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


def _everything_statement() -> Select[Any]:
    """All that coverage is made of, in one look at the database. Rows as JSON.

    Counts come by a function of the database, which counts what nobody may see as well: an answer to somebody who sees a
    part is not complete while what waits may belong to it.
    """
    columns = ("now", "pending_changes", "changes_since", "pending_logs", "logs_since", "unlinked", "dead_letters")
    marks = _watermarks_statement().cte("marks")
    slowest = select(func.min(marks.c.through_at) - JOIN_GRACE).where(marks.c.kind == "changes").scalar_subquery()
    uncertain = getattr(func, SCHEMA).uncertain(
        _SINCE,
        _UNTIL,
        func.coalesce(slowest, BEGINNING, type_=DateTime(timezone=True)),
        literal(CLOCK_SKEW, Interval),
        literal(COUNT_LIMIT, BigInteger),
    )
    found = uncertain.table_valued(*columns).alias("found")
    return select(*(found.c[name] for name in columns), _as_json(marks, "marks"), _as_json(_gaps(), "gaps"))


def _gaps() -> NamedFromClause:
    """Those that may hide events of the question; why they are there is told only to who sees everything."""
    given = (_SINCE, _UNTIL, literal(CLOCK_SKEW, Interval), literal(GAPS_SHOWN, BigInteger))
    told: NamedFromClause = getattr(func, SCHEMA).gaps_told(*given).table_valued(*_Gap.__struct_fields__).alias("gaps")
    return told


def _as_json(rows: NamedFromClause, name: str) -> ColumnElement[str]:
    told = func.coalesce(cast(func.jsonb_agg(func.to_jsonb(rows.table_valued())), Text), "[]")
    return select(told).select_from(rows).scalar_subquery().label(name)


_EVERYTHING = prepared(_everything_statement())
