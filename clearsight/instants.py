"""Times as they come from Debezium and the application, as microseconds since the epoch, UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

EARLIEST_US = (datetime(2000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
LATEST_US = (datetime(2100, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND - 1
DAY_US = 86_400_000_000
_DATE_WITH_ZONE = re.compile(r"\d{4}-\d\d-\d\dZ")
_INFINITY = 9_223_372_036_000_000_000
"""From here on a number is PostgreSQL's infinity, whatever the unit of its column."""


def from_us(time_us: int) -> datetime:
    """Raises OverflowError before year 1 and after 9999: clamp first what comes from outside."""
    return _EPOCH + timedelta(microseconds=time_us)


def to_us(instant: datetime) -> int:
    return (instant.astimezone(UTC) - _EPOCH) // _MICROSECOND


def parse_us(value: object) -> int | None:
    """A column's time. Text is ISO 8601 (without offset: UTC; Debezium's dates end in Z). A number is told
    apart by its size, as Debezium's time modes do: below 10^6 days, below 10^14 milliseconds, below 10^17 microseconds,
    else nanoseconds. None where it is no time (null, infinity).
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return _number_us(value)
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value[:-1] if _DATE_WITH_ZONE.fullmatch(value) else value)
        return to_us(instant if instant.tzinfo else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _number_us(value: int) -> int | None:
    size = abs(value)
    if size < 1_000_000:
        return value * DAY_US
    if size < 100_000_000_000_000:
        return value * 1000
    if size < 100_000_000_000_000_000:
        return value
    return value // 1000 if size < _INFINITY else None


def clamp_us(time_us: int) -> int:
    """A time that the partitions can hold, from 2000 to 2099. It depends on the time alone: a record that comes again,
    whenever, gets the same.
    """
    return time_us if EARLIEST_US <= time_us <= LATEST_US else min(max(time_us, EARLIEST_US), LATEST_US)


def is_odd(time_us: int, now_us: int) -> bool:
    """Whether a time had to be clamped, or lies more than a day after `now_us`: a clock must be wrong."""
    return not EARLIEST_US <= time_us <= LATEST_US or time_us > now_us + DAY_US
