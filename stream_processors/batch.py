"""A batch: decoded records, sorted by kind. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

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
    """The first of each transaction."""
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


def assemble(records: list[RawRecord], decode: Callable[[RawRecord], Event]) -> Batch:
    """Decode the records of a batch, and make the rows of what they tell."""
    events = [decode(record) for record in records]
    changes: dict[object, RowChange] = {}
    logs: dict[object, LogEvent] = {}
    contexts: dict[TransactionKey, Context] = {}
    for event in events:
        match event:
            case RowChange():
                changes.setdefault(event.event_id, event)
            case LogEvent():
                logs.setdefault(event.event_id, event)
            case Context():
                contexts.setdefault(event.transaction, event)
    return Batch(
        records=records,
        changes=list(changes.values()),
        change_rows=list(map(change_row, changes.values())),
        snapshots=[event for event in events if isinstance(event, SnapshotRow)],
        contexts=contexts,
        attempts=[event for event in events if isinstance(event, Attempt)],
        positions=[event for event in events if isinstance(event, StreamPosition)],
        logs=list(logs.values()),
        log_rows=list(map(log_row, logs.values())),
        progress=[event for event in events if isinstance(event, ForwarderProgress)],
        letters=[
            Letter(record, event.reason)
            for record, event in zip(records, events, strict=True)
            if isinstance(event, Rejected)
        ],
        spans=_spans(events),
    )


def _spans(events: Iterable[Event]) -> list[Span]:
    by_place: dict[tuple[str, int], tuple[list[int], list[int]]] = {}
    for event in events:
        at, time_us = event.at, getattr(event, "occurred_us", None)
        found = by_place.get((at.topic, at.partition))
        if found is None:
            found = by_place[(at.topic, at.partition)] = ([], [])
        found[0].append(at.offset)
        if time_us is not None:
            found[1].append(time_us)
    return [
        Span(*place, offsets[0], offsets[-1] + 1, min(times, default=None), max(times, default=None))
        for place, (offsets, times) in sorted(by_place.items())
    ]
