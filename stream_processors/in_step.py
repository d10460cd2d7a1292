"""Keeps partitions in step while catching up: rows must not be read far ahead of their context, nor log lines ahead of the
rows that they belong to, or nearly everything lands pending and is amended. Pure.

Compared are the broker's append times: the connector writes all topics in commit order and the forwarder as lines become
visible, so reading by them is the order in which a worker that never stopped would have read. Records wait here, in order
of their partition, until their time has come; a partition that is caught up holds nobody back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heapreplace

from stream_processors.positions import Partition
from stream_processors.records import RawRecord

FULL, ROOMY = 4_000, 1_000
"""Records of one partition that wait before it is paused, and before it is read again."""

SLACK_MS = 500
"""How much later than a row its context may have been appended, and than that the log lines about it: the connector's
producer sends each partition's batches by themselves, and the one with all contexts is the busiest. Measured: 190 ms."""

_NEVER = 1 << 62
_RANKS = 3


class InStep:
    """Records that wait for their turn. `rank` says who goes first: contexts 0, rows 1, log lines 2."""

    def __init__(self, rank: Callable[[str], int], lead_ms: int) -> None:
        self._rank = rank
        self._lead_ms = lead_ms
        self._slack_ms = min(SLACK_MS, lead_ms // 2)
        self._waiting: dict[Partition, deque[RawRecord]] = {}
        self._next: dict[Partition, tuple[int, int]] = {}
        """Offset to be read next, and append time of the record before it (ms)."""
        self._paused: set[Partition] = set()

    def begin(self, place: Partition, offset: int) -> None:
        """This partition is read from here."""
        self._waiting[place] = deque()
        self._next[place] = (offset, 0)

    def add(self, record: RawRecord) -> None:
        place = Partition(record.topic, record.partition)
        self._waiting[place].append(record)
        self._next[place] = (record.offset + 1, record.appended_ms)

    def drop(self, places: Iterable[Partition]) -> None:
        """Forget these partitions: they are another worker's, or are read from another offset."""
        for place in places:
            self._waiting.pop(place, None)
            self._next.pop(place, None)
            self._paused.discard(place)

    def take(self, at_most: int, end_of: Callable[[Partition], int], whatever: bool = False) -> list[RawRecord]:
        """The records whose turn it is, by append time, contexts that much before rows and rows before log lines as a context
        may be late; `end_of` gives a partition's end offset as last known.

        With `whatever`, also those whose turn it is not: a partition that cannot be read must not stop the others for ever.
        """
        limits = [_NEVER] * _RANKS if whatever else self._limits(end_of)
        slack_ms = [rank * self._slack_ms for rank in range(_RANKS)]
        heads = []
        for place, queue in self._waiting.items():
            if queue:
                rank = self._rank(place.topic)
                heads.append((queue[0].appended_ms + slack_ms[rank], rank, place))
        heapify(heads)
        taken: list[RawRecord] = []
        while heads and len(taken) < at_most:
            _, rank, place = heads[0]
            queue = self._waiting[place]
            if queue[0].appended_ms > limits[rank]:
                heappop(heads)
                continue
            taken.append(queue.popleft())
            if queue:
                heapreplace(heads, (queue[0].appended_ms + slack_ms[rank], rank, place))
            else:
                heappop(heads)
        return taken

    @property
    def waiting(self) -> bool:
        return any(self._waiting.values())

    def pauses(self) -> tuple[set[Partition], set[Partition]]:
        """Partitions to pause now, and to read again now."""
        full = {place for place, queue in self._waiting.items() if len(queue) >= FULL}
        roomy = {place for place in self._paused if len(self._waiting.get(place, ())) <= ROOMY}
        pause = full - self._paused
        self._paused = (self._paused | pause) - roomy
        return pause, roomy

    def _limits(self, end_of: Callable[[Partition], int]) -> list[int]:
        """For each rank the append time up to which its records may go."""
        frontier = [_NEVER] * _RANKS
        for place, (offset, appended_ms) in self._next.items():
            if offset < end_of(place):
                rank = self._rank(place.topic)
                frontier[rank] = min(frontier[rank], appended_ms)
        return [
            min(min(frontier[:rank], default=_NEVER) - self._slack_ms, min(frontier[rank:]) + self._lead_ms)
            for rank in range(_RANKS)
        ]
