"""Keeps partitions in step while catching up: rows must not be read far ahead of their context, nor log lines ahead of the
rows that they belong to, or nearly everything lands pending and is amended. Pure.

Compared are the broker's append times: the connector writes all topics in commit order and the forwarder as lines become
visible, so reading by them is the order in which a worker that never stopped would have read. Records wait here, in order
of their partition, until their time has come; a partition that is caught up holds nobody back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from stream_processors.positions import Partition
from stream_processors.records import RawRecord

FULL, ROOMY = 4_000, 1_000
"""Records of one partition that wait before it is paused, and before it is read again."""
FULL_BYTES, ROOMY_BYTES = 4 * 1024 * 1024, 2 * 1024 * 1024
"""The same by their size."""
BATCH_BYTES = 8 * 1024 * 1024
"""A batch ends with the record that reaches this: landing it takes several times as much memory."""

SLACK_MS = 500
"""How much later than a row its context may have been appended, and than that the log lines about it: the connector's
producer sends each partition's batches by themselves, and the one with all contexts is the busiest. Measured: 190 ms."""

_NEVER = 1 << 62
_RANKS = 3


class _Lane:
    """A partition and its records that wait, each for `slack_ms` after it was appended. `next_offset` is to be read next,
    `appended_ms` is of the record before it."""

    __slots__ = ("appended_ms", "bytes", "next_offset", "place", "queue", "rank", "slack_ms")

    def __init__(self, place: Partition, rank: int, slack_ms: int, offset: int) -> None:
        self.place = place
        self.rank = rank
        self.slack_ms = slack_ms
        self.queue: deque[RawRecord] = deque()
        self.bytes = 0
        self.next_offset = offset
        self.appended_ms = 0

    def add(self, record: RawRecord) -> None:
        self.queue.append(record)
        self.bytes += record.size
        self.next_offset = record.offset + 1
        self.appended_ms = record.appended_ms

    def pop(self) -> RawRecord:
        record = self.queue.popleft()
        self.bytes -= record.size
        return record

    @property
    def full(self) -> bool:
        return len(self.queue) >= FULL or self.bytes >= FULL_BYTES

    @property
    def roomy(self) -> bool:
        return len(self.queue) <= ROOMY and self.bytes <= ROOMY_BYTES

    def head(self) -> tuple[int, int, Partition]:
        return self.queue[0].appended_ms + self.slack_ms, self.rank, self.place


class _Taken:
    """Records of a batch, and how much room it has left."""

    def __init__(self, at_most: int, at_most_bytes: int) -> None:
        self.records: list[RawRecord] = []
        self._at_most = at_most
        self._left_bytes = at_most_bytes

    @property
    def room(self) -> bool:
        return len(self.records) < self._at_most and self._left_bytes > 0

    def take(self, lane: _Lane, last_ms: int) -> None:
        """A partition's records up to this append time, at least the first: it is the first of all."""
        left = self._at_most - len(self.records)
        while left > 0 and self._left_bytes > 0:
            record = lane.pop()
            self.records.append(record)
            self._left_bytes -= record.size
            left -= 1
            if not lane.queue or lane.queue[0].appended_ms > last_ms:
                return


class InStep:
    """Records that wait for their turn. `rank` says who goes first: contexts 0, rows 1, log lines 2."""

    def __init__(self, rank: Callable[[str], int], lead_ms: int) -> None:
        self._rank = rank
        self._lead_ms = lead_ms
        self._slack_ms = min(SLACK_MS, lead_ms // 2)
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._paused: set[Partition] = set()

    def begin(self, place: Partition, offset: int) -> None:
        """This partition is read from here."""
        rank = self._rank(place.topic)
        self._lanes[place] = _Lane(place, rank, rank * self._slack_ms, offset)

    def add(self, record: RawRecord) -> None:
        self._lanes[record.topic, record.partition].add(record)

    def drop(self, places: Iterable[Partition]) -> None:
        """Forget these partitions: they are another worker's, or are read from another offset."""
        for place in places:
            self._lanes.pop(place, None)
            self._paused.discard(place)

    def take(self, at_most: int, end_of: Callable[[Partition], int], whatever: bool = False) -> list[RawRecord]:
        """The records whose turn it is, by append time, contexts that much before rows and rows before log lines as a context
        may be late; `end_of` gives a partition's end offset as last known.

        With `whatever`, also those whose turn it is not: a partition that cannot be read must not stop the others for ever.
        """
        limits = [_NEVER] * _RANKS if whatever else self._limits(end_of)
        heads = [lane.head() for lane in self._lanes.values() if lane.queue]
        heapify(heads)
        taken = _Taken(at_most, BATCH_BYTES)
        while heads and taken.room:
            _, rank, place = heappop(heads)
            lane = self._lanes[place]
            if lane.queue[0].appended_ms > limits[rank]:
                continue
            taken.take(lane, min(limits[rank], _last_ms(heads, lane)))
            if lane.queue:
                heappush(heads, lane.head())
        return taken.records

    @property
    def waiting(self) -> bool:
        return any(lane.queue for lane in self._lanes.values())

    def pauses(self) -> tuple[set[Partition], set[Partition]]:
        """Partitions to pause now, and to read again now."""
        full = {lane.place for lane in self._lanes.values() if lane.full}
        roomy = {place for place in self._paused if self._lanes[place].roomy}
        pause = full - self._paused
        self._paused = (self._paused | pause) - roomy
        return pause, roomy

    def _limits(self, end_of: Callable[[Partition], int]) -> list[int]:
        """For each rank the append time up to which its records may go."""
        frontier = [_NEVER] * _RANKS
        for lane in self._lanes.values():
            if lane.next_offset < end_of(lane.place):
                frontier[lane.rank] = min(frontier[lane.rank], lane.appended_ms)
        return [
            min(min(frontier[:rank], default=_NEVER) - self._slack_ms, min(frontier[rank:]) + self._lead_ms)
            for rank in range(_RANKS)
        ]


def _last_ms(heads: list[tuple[int, int, Partition]], lane: _Lane) -> int:
    """Up to which append time a partition's records go before those of the next one."""
    if not heads:
        return _NEVER
    next_ms, *next_one = heads[0]
    return next_ms - lane.slack_ms - (0 if [lane.rank, lane.place] < next_one else 1)
