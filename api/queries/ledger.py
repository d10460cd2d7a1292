"""What is on record about the pipeline's own work, for whoever runs it: more than an answer's coverage tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, Table, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from sql.models import dead_letter, fact_cloudwatch_log, fact_row_change, gap

AGES = (timedelta(minutes=1), timedelta(minutes=15))


@dataclass(frozen=True, slots=True)
class OpenLetters:
    topic: str
    count: int
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Pending events, by how long ago they landed: within a minute, within 15, longer."""

    what: str
    minute: int
    quarter: int
    longer: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """`unexplained_gaps`: those that nobody has acknowledged, of any time."""

    now: datetime
    unexplained_gaps: int
    dead_letters: list[OpenLetters]
    waiting: list[Waiting]

    @property
    def open_dead_letters(self) -> int:
        return sum(found.count for found in self.dead_letters)


async def ledger(connection: AsyncConnection) -> Ledger:
    now, unexplained = (await connection.execute(_NOW)).one()
    return Ledger(
        now=now,
        unexplained_gaps=unexplained,
        dead_letters=[OpenLetters(*row) for row in (await connection.execute(_LETTERS))],
        waiting=[Waiting(*row) for row in (await connection.execute(_WAITING))],
    )


def _waiting(what: str, fact: Table) -> Select[str, int, int, int]:
    minute, quarter = (fact.c.landed_at > func.now() - age for age in AGES)
    return select(
        literal(what).label("what"),
        func.count().filter(minute),
        func.count().filter(quarter, ~minute),
        func.count().filter(~quarter),
    ).where(fact.c.link == "pending")


_NOW = select(
    func.now(),
    select(func.count()).select_from(gap).where(gap.c.acknowledged_at.is_(None)).scalar_subquery(),
)
_LETTERS = (
    select(dead_letter.c.topic, func.count(), func.min(dead_letter.c.first_seen_at))
    .where(dead_letter.c.state == "open")
    .group_by(dead_letter.c.topic)
    .order_by(func.count().desc(), dead_letter.c.topic)
)
_WAITING = union_all(_waiting("row changes", fact_row_change), _waiting("log lines", fact_cloudwatch_log))
