"""CloudWatch's event ids: 56 digits that sort by event time, ingestion time, batch and place in the batch.

The layout is not documented; every real id that we saw has it. Compose ids for the simulator, take them apart
defensively everywhere else.
"""

from __future__ import annotations

from typing import NamedTuple

DIGITS = 56
FUTURE_MS = 2 * 3600 * 1000
"""So far ahead of its time CloudWatch takes a line, and pushes it."""
_TIMESTAMP_SHIFT = 144
_INGESTION_SHIFT = 80
_BATCH_SHIFT = 16
_BATCH_MASK = (1 << 64) - 1
_PLACE_MASK = (1 << 16) - 1


class Parts(NamedTuple):
    timestamp: int
    """Epoch milliseconds, as is `ingestion`."""
    ingestion: int
    batch: int
    place: int


def compose(timestamp: int, ingestion: int, batch: int, place: int) -> int:
    """The id as a number; times in epoch milliseconds, `batch` below 2^64, `place` in the batch below 2^16."""
    return timestamp << _TIMESTAMP_SHIFT | ingestion << _INGESTION_SHIFT | batch << _BATCH_SHIFT | place


def first_at(timestamp: int) -> int:
    """The smallest id that an event of this millisecond can have."""
    return timestamp << _TIMESTAMP_SHIFT


def text(event_id: int) -> str:
    return str(event_id).zfill(DIGITS)


def parts(event_id: int) -> Parts:
    return Parts(
        event_id >> _TIMESTAMP_SHIFT,
        event_id >> _INGESTION_SHIFT & _BATCH_MASK,
        event_id >> _BATCH_SHIFT & _BATCH_MASK,
        event_id & _PLACE_MASK,
    )
