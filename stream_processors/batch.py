"""A batch: decoded records, sorted by kind. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec

from clearsight.events import (
    Attempt,
    Context,
    Event,
    ForwarderProgress,
    LogEvent,
    Rejected,
    RowChange,
    SnapshotRow,
    StreamPosition,
    TransactionKey,
)
from stream_processors.records import RawRecord
from stream_processors.rows import ChangeRow, LogRow, change_row, log_row

_Kind = TypeVar("_Kind", bound=Event)
_Once = TypeVar("_Once", RowChange, LogEvent)
_TIMED = (RowChange, LogEvent, StreamPosition, Attempt)


class Span(NamedTuple):
    """What a batch holds of one partition: offsets [first, next) and event times in microseconds, where it has any."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    first_us: int | None
    last_us: int | None


class Letter(NamedTuple):
    record: RawRecord
    reason: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    records: list[RawRecord]
    changes: list[RowChange]
    """Each event once, in order of arrival."""
    change_rows: list[ChangeRow]
    """Of each of the changes, in their order."""
    snapshots: list[SnapshotRow]
    contexts: dict[TransactionKey, Context]
    """The first of each transaction, in the order of the log."""
    further: list[Context]
    """The others that say something else."""
    attempts: list[Attempt]
    positions: list[StreamPosition]
    logs: list[LogEvent]
    """Each event once."""
    log_rows: list[LogRow]
    """Of each of the logs, in their order."""
    progress: list[ForwarderProgress]
    letters: list[Letter]
    spans: list[Span]

    def transactions(self) -> dict[TransactionKey, int]:
        """Every transaction of the batch with its commit LSN."""
        found = {change.transaction: change.commit_lsn for change in self.changes if change.transaction}
        return found | {key: context.commit_lsn for key, context in self.contexts.items()}

    def contexts_through(self) -> int:
        """Contexts of transactions that began before this commit LSN cannot come any more, once this batch has landed."""
        landed = [context.commit_lsn for context in self.contexts.values()]
        return max([*landed, *(position.commit_lsn for position in self.positions)], default=0)

    def rows(self) -> list[SnapshotRow | RowChange]:
        """Every image of a row, snapshots first."""
        return [*self.snapshots, *self.changes]

    def undecodable_share(self) -> float:
        return len(self.letters) / len(self.records) if self.records else 0.0


def assemble(
    records: list[RawRecord],
    decode: Callable[[RawRecord], Event],
    paced: Callable[[Iterable[Any]], Iterable[Any]] = iter,
) -> Batch:
    """Decode the records of a batch, and make the rows of what they tell. `paced` gives way to others meanwhile."""
    events = [decode(record) for record in paced(records)]
    kinds: dict[type, list[Any]] = {}
    for event in events:
        kind = type(event)
        if kind in kinds:
            kinds[kind].append(event)
        else:
            kinds[kind] = [event]

    def of(kind: type[_Kind]) -> list[_Kind]:
        return kinds.get(kind, [])

    changes, logs = _once(of(RowChange)), _once(of(LogEvent))
    contexts, further = _first_of_each(of(Context))
    return Batch(
        records=records,
        changes=changes,
        change_rows=list(map(change_row, paced(changes))),
        snapshots=of(SnapshotRow),
        contexts=contexts,
        further=further,
        attempts=of(Attempt),
        positions=of(StreamPosition),
        logs=logs,
        log_rows=list(map(log_row, paced(logs))),
        progress=of(ForwarderProgress),
        letters=_letters(records, events) if Rejected in kinds else [],
        spans=_spans(events),
    )


def _once(events: list[_Once]) -> list[_Once]:
    """The first event of each id, in order of arrival."""
    first: dict[UUID, _Once] = {}
    for event in events:
        first.setdefault(event.event_id, event)
    return list(first.values())


def _first_of_each(contexts: list[Context]) -> tuple[dict[TransactionKey, Context], list[Context]]:
    """The first context of each transaction, and the others that name another correlation id or user."""
    backwards = sorted(contexts, key=lambda context: context.lsn, reverse=True)
    first = {context.transaction: context for context in backwards}
    if len(first) == len(contexts):
        return first, []
    different = {(each.transaction, each.correlation_id, each.user_id): each for each in backwards}
    return first, [each for each in different.values() if each is not first[each.transaction]]


def _letters(records: list[RawRecord], events: list[Event]) -> list[Letter]:
    pairs = zip(records, events, strict=True)
    return [Letter(record, event.reason) for record, event in pairs if isinstance(event, Rejected)]


def _spans(events: Iterable[Event]) -> list[Span]:
    by_place: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        at = event.at
        place = (at.topic, at.partition)
        if place in by_place:
            by_place[place].append(event)
        else:
            by_place[place] = [event]
    return [_span(*place, found) for place, found in sorted(by_place.items())]


def _span(topic: str, partition: int, events: list[Event]) -> Span:
    times = [event.occurred_us for event in events if isinstance(event, _TIMED)]
    first, last = min(times, default=None), max(times, default=None)
    return Span(topic, partition, events[0].at.offset, events[-1].at.offset + 1, first, last)
