"""Where a forwarder goes on: its checkpoints on the compacted state topic, and the ids that the output topic holds.

The output topic is the truth of what was delivered. It is stamped with append time, and a line that is polled is appended
after it happened, so everything that a coming window may show again lies behind the offset of that window's start. A
pushed line may be dated `FUTURE_MS` ahead, and is looked for that much earlier.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping

import msgspec

from clearsight.logline import ForwarderState
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import UNREADABLE
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.topic_reader import Offsets, Record, TopicReader

log = logging.getLogger(__name__)

CLOCK_SKEW_MS = 60_000
"""How far the broker's clock may run behind that of the lines."""

QUIET_S = 0.4
"""How long the output topic must not grow: a killed forwarder's last request may still be on its way."""

TAIL_RECORDS = 2_000

_decode_state = msgspec.json.Decoder(ForwarderState).decode


class Delivered(msgspec.Struct, gc=False):
    """What a record on the output topic says of its line."""

    event_id: str
    event_time: int
    account: str
    region: str
    log_group: str


_decode_delivered = msgspec.json.Decoder(Delivered).decode


def encode_state(state: ForwarderState) -> bytes:
    return msgspec.json.encode(state)


class _Unreadable:
    """The records of a topic that cannot be decoded: they are passed over, but not without a word."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._count = 0
        self._first: Record | None = None

    def add(self, record: Record) -> None:
        self._count += 1
        self._first = self._first or record

    def warn(self, therefore: str) -> None:
        if self._first is not None:
            log.warning(
                "%d records of %s cannot be decoded, the first at partition %d, offset %d: %s",
                *(self._count, self._topic, self._first.partition, self._first.offset, therefore),
            )


def read_states(reader: TopicReader, topic: str, groups: set[str]) -> dict[str, ForwarderState]:
    """The newest checkpoint of each group. Reads backwards, because an uncompacted topic is long."""
    lowest, end = reader.first_offsets(topic), reader.end_offsets(topic)
    states: dict[str, ForwarderState] = {}
    unreadable = _Unreadable(topic)
    size = TAIL_RECORDS
    while any(end[partition] > lowest[partition] for partition in end) and not groups <= states.keys():
        first = {partition: max(lowest[partition], end[partition] - size) for partition in end}
        for group, state in _newest(reader, topic, first, end, unreadable).items():
            states.setdefault(group, state)
        end, size = first, size * 4
    unreadable.warn("a group whose checkpoint is among them goes on from an older one")
    return {group: state for group, state in states.items() if group in groups}


def all_states(reader: TopicReader, topic: str) -> list[ForwarderState]:
    """The newest checkpoint of every group that ever had one."""
    unreadable = _Unreadable(topic)
    return list(_newest(reader, topic, reader.first_offsets(topic), reader.end_offsets(topic), unreadable).values())


def _newest(
    reader: TopicReader, topic: str, first: Offsets, end: Offsets, unreadable: _Unreadable
) -> dict[str, ForwarderState]:
    found: dict[str, ForwarderState] = {}
    for record in reader.read(topic, first, end):
        if record.value is None:
            continue
        try:
            state = _decode_state(record.value)
        except UNREADABLE:
            unreadable.add(record)
            continue
        known = found.get(state.group)
        if known is None or state.written >= known.written:
            found[state.group] = state
    return found


def rebuild_seen(
    reader: TopicReader,
    topic: str,
    horizons: Mapping[Origin, int],
    checkpoints: list[Offsets],
    pause: Callable[[float], None] = time.sleep,
    real: Callable[[int], int] = int,
    ahead_ms: int = 0,
) -> dict[Origin, SeenIds]:
    """The delivered ids that coming windows may show again. `horizons`: log group → earliest event time of them.

    `checkpoints` are the offsets of known states: what was delivered after them is read in any case. `real` turns a time of
    the lines into one of the broker. `ahead_ms`: so long before its event time a line may have been delivered.
    """
    seen = {origin: SeenIds() for origin in horizons}
    if not horizons:
        return seen
    wanted = {
        (origin.account, origin.region, origin.group): (horizon, seen[origin].add)
        for origin, horizon in horizons.items()
    }
    unreadable = _Unreadable(topic)
    first = _earliest(reader.offsets_at(topic, real(min(horizons.values()) - ahead_ms) - CLOCK_SKEW_MS), checkpoints)
    while True:
        end = reader.end_offsets(topic)
        for line in _delivered(reader, topic, first, end, unreadable):
            horizon, remember = wanted.get((line.account, line.region, line.log_group), _UNWANTED)
            if line.event_time >= horizon:
                remember(line.event_id, line.event_time)
        pause(QUIET_S)
        if reader.end_offsets(topic) == end:
            unreadable.warn("lines that were delivered in them may be delivered again, and land once all the same")
            return seen
        first = end


_UNWANTED: tuple[int, Callable[[str, int], None]] = (1 << 62, lambda event_id, timestamp: None)


def delivered_after(reader: TopicReader, topic: str, appended: int) -> Iterator[Delivered]:
    """Every line that was delivered at this time of the broker, epoch milliseconds, or later."""
    unreadable = _Unreadable(topic)
    first = reader.offsets_at(topic, appended - CLOCK_SKEW_MS)
    yield from _delivered(reader, topic, first, reader.end_offsets(topic), unreadable)
    unreadable.warn("what was delivered in them is taken for missing")


def _delivered(
    reader: TopicReader, topic: str, first: Offsets, end: Offsets, unreadable: _Unreadable
) -> Iterator[Delivered]:
    for record in reader.read(topic, first, end):
        try:
            yield _decode_delivered(record.value or b"")
        except UNREADABLE:
            unreadable.add(record)


def _earliest(first: Offsets, checkpoints: list[Offsets]) -> Offsets:
    return {
        partition: min([offset, *(c[partition] for c in checkpoints if partition in c)])
        for partition, offset in first.items()
    }
