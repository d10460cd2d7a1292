"""Which events were delivered, for as long as a window may show them again. Pure."""

from __future__ import annotations

from collections.abc import Hashable

BUCKET_MS = 10_000


class SeenIds:
    """Ids of one log group in buckets of event time, so that old ones go without being looked at."""

    def __init__(self) -> None:
        self._buckets: dict[int, set[Hashable]] = {}

    def add(self, event_id: str, timestamp: int) -> None:
        self._buckets.setdefault(timestamp // BUCKET_MS, set()).add(_compact(event_id))

    def has(self, event_id: str, timestamp: int) -> bool:
        bucket = self._buckets.get(timestamp // BUCKET_MS)
        return bucket is not None and _compact(event_id) in bucket

    def forget_before(self, horizon: int) -> None:
        """Drop the ids of events that are older, in epoch milliseconds; some of them may stay a bucket longer."""
        for bucket in [bucket for bucket in self._buckets if (bucket + 1) * BUCKET_MS <= horizon]:
            del self._buckets[bucket]

    def __len__(self) -> int:
        return sum(map(len, self._buckets.values()))


def _compact(event_id: str) -> Hashable:
    """CloudWatch's 56 digits as a number: half the memory. Anything else as it is."""
    return int(event_id) if event_id.isascii() and event_id.isdigit() and event_id[0] != "0" else event_id
