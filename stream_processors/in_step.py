"""Keeps partitions in step while catching up: rows must not be read far ahead of their context, nor log lines ahead of the
rows that they belong to, or nearly everything lands pending and is amended. Pure.

Compared are the broker's append times: the connector writes all topics in commit order and the forwarder as lines become
visible, so reading by them is the order in which a worker that never stopped would have read. Records wait here, in order
of their partition, until their time has come; a partition that is caught up holds nobody back. In a burst a context may be
appended a second after its rows; these wait for their place in commit order, which both have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from stream_processors.positions import Partition
from stream_processors.records import RawRecord

FULL, ROOMY = 4_000, 1_000
"""Records of one partition that wait before it is paused, and before it is read again."""
FULL_BYTES, ROOMY_BYTES = 8 * 1024 * 1024, 2 * 1024 * 1024
"""The same by their size."""
ALL_BYTES = 32 * 1024 * 1024
"""Of all partitions: from here on none is read of which records wait."""
BATCH_BYTES = 8 * 1024 * 1024
"""A batch ends with the record that reaches this: landing it takes several times as much memory."""

SLACK_MS = 500
"""How far contexts go ahead of rows, and rows of log lines, among what has been read. The connector's producer sends each
partition's batches by themselves, and the one with all contexts is the busiest."""
WAIT_MS = 200
"""How far contexts must have been read before a row goes, while there are more: it delays what has just come, too."""

_NEVER = 1 << 62
_RANKS = 3
_ROWS = 1
_SEQUENCE = b'"sequence":"[\\"'
_LSN_DIGITS = 20


class _Lane:
    """A partition and its records that wait, each for `slack_ms` after it was appended. `next_offset` is to be read next,
    `newest` is the record before it, and `end` was the partition's end when it began."""

    __slots__ = ("bytes", "end", "newest", "next_offset", "place", "queue", "rank", "slack_ms")

    def __init__(self, place: Partition, rank: int, slack_ms: int, offset: int, end: int) -> None:
        self.place = place
        self.rank = rank
        self.slack_ms = slack_ms
        self.queue: deque[RawRecord] = deque()
        self.bytes = 0
        self.next_offset = offset
        self.end = end
        self.newest: RawRecord | None = None

    def add(self, record: RawRecord) -> None:
        self.queue.append(record)
        self.bytes += record.size
        self.next_offset = record.offset + 1
        self.newest = record

    def pop(self) -> RawRecord:
        record = self.queue.popleft()
        self.bytes -= record.size
        return record

    def put_back(self, record: RawRecord) -> None:
        self.queue.appendleft(record)
        self.bytes += record.size

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

    def give_back(self, lane: _Lane) -> None:
        """The last one."""
        record = self.records.pop()
        lane.put_back(record)
        self._left_bytes += record.size


class InStep:
    """Records that wait for their turn. `rank` says who goes first: contexts 0, rows 1, log lines 2."""

    def __init__(self, rank: Callable[[str], int], lead_ms: int) -> None:
        self._rank = rank
        self._lead_ms = lead_ms
        self._slack_ms = min(SLACK_MS, lead_ms // 2)
        self._wait_ms = min(WAIT_MS, lead_ms // 2)
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._paused: set[Partition] = set()

    def begin(self, place: Partition, offset: int, end: int = 0) -> None:
        """This partition is read from here; it held records up to `end`, which Kafka tells late of what is not read yet."""
        rank = self._rank(place.topic)
        self._lanes[place] = _Lane(place, rank, rank * self._slack_ms, offset, end)

    def add(self, record: RawRecord) -> None:
        self._lanes[record.topic, record.partition].add(record)

    def drop(self, places: Iterable[Partition]) -> None:
        """Forget these partitions: they are another worker's, or are read from another offset."""
        for place in places:
            self._lanes.pop(place, None)
            self._paused.discard(place)

    def take(self, at_most: int, end_of: Callable[[Partition], int], whatever: bool = False) -> list[RawRecord]:
        """The records whose turn it is, by append time, contexts a little before rows and rows before log lines; beyond
        `at_most`, the contexts of these rows that have been read. `end_of` gives a partition's end offset as last known.

        With `whatever`, also those whose turn it is not: a partition that cannot be read must not stop the others for ever.
        """
        read_lsn = _NEVER if whatever else self._contexts_read(end_of)
        limits = [_NEVER] * _RANKS if whatever else self._limits(end_of, read_lsn)
        by_order = 0 < read_lsn < _NEVER
        heads = [lane.head() for lane in self._lanes.values() if lane.queue]
        heapify(heads)
        taken = _Taken(at_most, BATCH_BYTES)
        rows: dict[Partition, RawRecord] = {}
        held = False
        while heads and taken.room:
            _, rank, place = heappop(heads)
            lane = self._lanes[place]
            if lane.queue[0].appended_ms > limits[rank]:
                continue
            if by_order and rank == _ROWS and _commit_lsn(lane.queue[0]) > read_lsn:
                held = True
                continue
            taken.take(lane, min(limits[rank], _last_ms(heads, lane)))
            if rank == _ROWS:
                while by_order and _commit_lsn(taken.records[-1]) > read_lsn:  # which its first is not
                    taken.give_back(lane)
                    held = True
                rows[place] = taken.records[-1]
            if lane.queue:
                heappush(heads, lane.head())
        if held and not taken.records:  # else they would wait for what is not read, as long as these wait
            return self._contexts_up_to(_NEVER)
        return taken.records + self._contexts_up_to(max((_commit_lsn(row) for row in rows.values()), default=0))

    def _contexts_up_to(self, commit_lsn: int) -> list[RawRecord]:
        """Those that wait here. A slow broker has them a second or more after their rows."""
        found = []
        for lane in self._lanes.values() if commit_lsn else ():
            while lane.rank < _ROWS and lane.queue and _commit_lsn(lane.queue[0]) <= commit_lsn:
                found.append(lane.pop())
        return found

    def _contexts_read(self, end_of: Callable[[Partition], int]) -> int:
        """The commit LSN up to which contexts have been read: `_NEVER` where there are no more, 0 where they do not tell."""
        read = [
            _commit_lsn(lane.newest) if lane.newest else 0
            for lane in self._lanes.values()
            if lane.rank < _ROWS and lane.next_offset < max(lane.end, end_of(lane.place))
        ]
        return min(read, default=_NEVER)

    @property
    def waiting(self) -> bool:
        return any(lane.queue for lane in self._lanes.values())

    def pauses(self) -> tuple[set[Partition], set[Partition]]:
        """Partitions to pause now, and to read again now."""
        lanes = self._lanes.values()
        waiting_bytes = sum([lane.bytes for lane in lanes])
        full = {lane.place for lane in lanes if lane.full or (lane.queue and waiting_bytes >= ALL_BYTES)}
        again = {lane.place for lane in lanes if lane.roomy and (not lane.queue or waiting_bytes <= ALL_BYTES // 2)}
        roomy = self._paused & again
        pause = full - self._paused
        self._paused = (self._paused | pause) - roomy
        return pause, roomy

    def _limits(self, end_of: Callable[[Partition], int], read_lsn: int) -> list[int]:
        """For each rank the append time up to which its records may go. Rows of which it is known by their place in commit
        order whether their contexts have been read need none for them."""
        frontier = [_NEVER] * _RANKS
        for lane in self._lanes.values():
            if lane.next_offset < max(lane.end, end_of(lane.place)):
                frontier[lane.rank] = min(frontier[lane.rank], lane.newest.appended_ms if lane.newest else 0)
        limits = [
            min(min(frontier[:rank], default=_NEVER) - self._wait_ms, min(frontier[rank:]) + self._lead_ms)
            for rank in range(_RANKS)
        ]
        if read_lsn:
            limits[_ROWS] = min(frontier[_ROWS:]) + self._lead_ms
        return limits


def _commit_lsn(record: RawRecord) -> int:
    """`sequence[0]` of Debezium's source block, found without decoding: it comes after the images of the row, and is the same
    in a transaction's rows and its context. 0 where it is not there."""
    value = record.value or b""
    place = value.rfind(_SEQUENCE)
    if place < 0:
        return 0
    start = place + len(_SEQUENCE)
    digits = value[start : value.find(b"\\", start)]
    return int(digits) if digits.isdigit() and len(digits) <= _LSN_DIGITS else 0


def _last_ms(heads: list[tuple[int, int, Partition]], lane: _Lane) -> int:
    """Up to which append time a partition's records go before those of the next one."""
    if not heads:
        return _NEVER
    next_ms, *next_one = heads[0]
    return next_ms - lane.slack_ms - (0 if [lane.rank, lane.place] < next_one else 1)
