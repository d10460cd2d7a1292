"""Which events were delivered, for as long as a window may show them again. Pure.

An id is kept as the 64 bits of its hash, most of them in sorted arrays: about 15 bytes an id. Two ids are taken for one
where their hashes agree and they are of the same ten seconds: with a thousand lines a second for a year, once in some
ten million years. The hash is keyed anew in each process, so nobody can write lines that agree.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import deque

BUCKET_MS = 10_000
LOOSE_LEAST = 128
MOST_STRAYS = 100_000
MOST_OPEN = 8
"""Buckets, of ten seconds each."""


class _Bucket:
    """Hashes are loose while it is open. After that, new ones are until they are a quarter of all; then they are sorted
    in."""

    __slots__ = ("_is_open", "_loose", "_sorted")

    def __init__(self) -> None:
        self._sorted = array("q")
        self._loose: set[int] = set()
        self._is_open = True

    def add(self, number: int) -> None:
        self._loose.add(number)
        if not self._is_open and len(self._loose) > max(LOOSE_LEAST, len(self._sorted) // 4):
            self.close()

    def close(self) -> None:
        self._is_open = False
        self._sorted = array("q", sorted({*self._sorted, *self._loose}))
        self._loose = set()

    def has(self, number: int) -> bool:
        return number in self._loose or self._in_sorted(number)

    def __len__(self) -> int:
        return len(self._sorted) + sum(1 for number in self._loose if not self._in_sorted(number))

    def _in_sorted(self, number: int) -> bool:
        place = bisect_left(self._sorted, number)
        return place < len(self._sorted) and self._sorted[place] == number


class SeenIds:
    """Ids of one log group in buckets of event time, so that old ones go without being looked at. What is older than that
    when it comes, as only pushed lines are, is remembered for a while by its number."""

    def __init__(self) -> None:
        self._buckets: dict[int, _Bucket] = {}
        self._open: deque[_Bucket] = deque()
        self._strays: dict[int, None] = {}
        self._horizon: int | None = None

    def add(self, event_id: str, timestamp: int) -> None:
        if self._is_stray(timestamp):
            self._strays[hash(event_id)] = None
            if len(self._strays) > MOST_STRAYS:
                del self._strays[next(iter(self._strays))]
            return
        bucket = self._buckets.get(timestamp // BUCKET_MS)
        if bucket is None:
            bucket = self._buckets[timestamp // BUCKET_MS] = self._new_bucket()
        bucket.add(hash(event_id))

    def _new_bucket(self) -> _Bucket:
        """Lines come more or less in order of time: the bucket that was opened long ago is nearly full."""
        bucket = _Bucket()
        self._open.append(bucket)
        if len(self._open) > MOST_OPEN:
            self._open.popleft().close()
        return bucket

    def has(self, event_id: str, timestamp: int) -> bool:
        if self._strays and self._is_stray(timestamp) and hash(event_id) in self._strays:
            return True
        bucket = self._buckets.get(timestamp // BUCKET_MS)
        return bucket is not None and bucket.has(hash(event_id))

    def forget_before(self, horizon: int) -> None:
        """Drop the ids of events that are older, in epoch milliseconds; some of them may stay a bucket longer."""
        self._horizon = horizon
        for bucket in [bucket for bucket in self._buckets if (bucket + 1) * BUCKET_MS <= horizon]:
            del self._buckets[bucket]

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values())) + len(self._strays)

    def _is_stray(self, timestamp: int) -> bool:
        return self._horizon is not None and (timestamp // BUCKET_MS + 1) * BUCKET_MS <= self._horizon
