"""A record as it came from Kafka, and what was landed of it."""

from __future__ import annotations

import msgspec

from clearsight.events import Coordinates


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """Bytes and coordinates; `appended_ms` is the broker's append time, epoch milliseconds."""

    topic: str
    partition: int
    offset: int
    appended_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.value or b"")

    @property
    def at(self) -> Coordinates:
        return Coordinates(self.topic, self.partition, self.offset)
