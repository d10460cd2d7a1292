"""What an answer covers. Silence is reported: an answer says up to when it is whole, and what may be missing.

`complete` is true when nothing is known to be missing from the answer up to its end:

- the changes of the source, and the lines of every log group, have landed through the end of the question (its `to`, or
  the finish of the run that it is about; an open question ends where the slowest of them has landed);
- no change at or before that end still waits for its context, and no line for a change with its correlation id. A line
  waits for that only while changes of JOIN_GRACE after it have not landed: later, its request has changed nothing;
- no gap and no open dead letter is on record that may hide something of the question's time: from its `from` (a run rests
  on everything before it) to that end. A gap that a person has acknowledged is missing all the same; a dead letter that a
  person has dismissed is not counted.

It does not say that the application wrote all it should have, nor that CloudWatch has delivered what it still holds
beyond the forwarder's overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clearsight.origin import lsn_of

EVERY_CHANGE = "*"
"""Stands for the topics of all tables."""

ENDED = datetime(9999, 1, 1, tzinfo=UTC)
"""Through which a log group that is read no longer has landed: once its last lines have, nobody waits for it."""

COUNT_LIMIT = 1000
"""Pending and unlinked events are counted up to this many."""


JOIN_GRACE = timedelta(seconds=15)
"""How long after a log line its request's transaction may commit: pending lines of before what has landed of the changes,
and so long before, belong to requests that changed nothing."""

CLOCK_SKEW = timedelta(minutes=1)
"""How far the clocks of source, CloudWatch and Kafka may differ."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """Everything of this source or log group through `through_at` has landed, on all partitions."""

    kind: str
    name: str
    through_at: datetime
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A person has said why a gap is there. Who and why is null for who does not see everything."""

    at: datetime
    by: str | None
    because: str | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Records that were never read, or never written: then `partition` and `from_offset` are null, and `topic` is
    EVERY_CHANGE where it is about all tables. `to_offset` null: not known how many.

    The events that it may hide lie between `events_after` and `events_before`; null: not known, or not over yet.
    `reason` is null for who does not see everything.
    """

    id: int
    topic: str
    partition: int | None
    from_offset: int | None
    to_offset: int | None
    reason: str | None
    detected_at: datetime
    events_after: datetime | None = None
    events_before: datetime | None = None
    acknowledged: Acknowledged | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    pending: int
    """Events that wait for their context."""
    pending_since: datetime | None
    """The oldest of them that may still be joined."""
    unlinked: int
    """Row changes without context: changed out of band."""
    dead_letters: int
    """Open ones."""


@dataclass(frozen=True, slots=True)
class ChangesCoverage:
    through: datetime | None
    """Commit time through which every change has landed; null: not known."""
    position: str | None
    """The same as the source's log position, as PostgreSQL writes it."""
    lag_s: float | None
    """How far `through` lies behind the database's clock."""


@dataclass(frozen=True, slots=True)
class LogsCoverage:
    group: str
    through: datetime | None


@dataclass(frozen=True, slots=True)
class Coverage:
    complete: bool
    changes: ChangesCoverage
    logs: list[LogsCoverage]
    pending: int
    unlinked: int
    gaps: list[Gap]
    dead_letters: int


def coverage(
    watermarks: Sequence[Watermark],
    counts: Counts,
    gaps: Sequence[Gap],
    groups: Sequence[str],
    now: datetime,
    until: datetime | None = None,
) -> Coverage:
    """Shape what the reporting database knows about its own work.

    `groups` are the log groups that should be read: one that never reported is listed with a null `through`, and one that
    is read no longer is not waited for. Where they are not known, those that reported are taken.
    `until` is the end of the question; counts and gaps are those that touch its time.
    """
    sources = [mark for mark in watermarks if mark.kind == "changes"]
    slowest = min(sources, key=lambda mark: mark.through_at, default=None)
    read = {mark.name: mark.through_at for mark in watermarks if mark.kind == "logs" and mark.through_at < ENDED}
    logs = [LogsCoverage(group, read.get(group)) for group in sorted({*groups} or read)]
    throughs = [slowest.through_at if slowest else None, *(group.through for group in logs)]
    return Coverage(
        complete=_landed(throughs, until)
        and _settled(throughs, counts, until)
        and not gaps
        and not counts.dead_letters,
        changes=ChangesCoverage(
            through=slowest.through_at if slowest else None,
            position=position_text(slowest.position) if slowest and slowest.position is not None else None,
            lag_s=round(max((now - slowest.through_at).total_seconds(), 0.0), 3) if slowest else None,
        ),
        logs=logs,
        pending=counts.pending,
        unlinked=counts.unlinked,
        gaps=list(gaps),
        dead_letters=counts.dead_letters,
    )


def _landed(throughs: Sequence[datetime | None], until: datetime | None) -> bool:
    return all(through is not None and (until is None or through >= until) for through in throughs)


def _settled(throughs: Sequence[datetime | None], counts: Counts, until: datetime | None) -> bool:
    if counts.pending_since is None:
        return True
    end = until or min((through for through in throughs if through is not None), default=None)
    return end is not None and counts.pending_since > end


def position_text(position: int) -> str:
    """A log position as PostgreSQL writes it, "16/B374D848"."""
    lsn = lsn_of(position)
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def position_lsn(text: str) -> int:
    """The log position that PostgreSQL writes as "16/B374D848"."""
    high, low = text.split("/")
    return (int(high, 16) << 32) | int(low, 16)
