"""Keeps partitions in step: one that is read far ahead of the others meets rows before their context. Pure.

Compared are the broker's append times: the connector writes all topics in commit order and the forwarder as lines become
visible, so reading in step by them catches up in the order in which a worker that never stopped would have seen it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from stream_processors.positions import Partition


class Progress(NamedTuple):
    """How far a partition has been read: append time of its last record (ms), and whether Kafka holds more."""

    appended_ms: int
    has_more: bool


def ahead(progress: Mapping[Partition, Progress], allowed_ms: int) -> set[Partition]:
    """The partitions to pause: more than `allowed_ms` ahead of the slowest one that still has records to read.

    The slowest itself is never paused, so reading always goes on.
    """
    waiting = [found.appended_ms for found in progress.values() if found.has_more]
    if not waiting:
        return set()
    limit = min(waiting) + allowed_ms
    return {place for place, found in progress.items() if found.appended_ms > limit}
