"""Times as they come from Debezium and the application, as microseconds since the epoch, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

EARLIEST_US = (datetime(2000, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
DAY_US = 86_400_000_000


def from_us(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def to_us(instant: datetime) -> int:
    return (instant.astimezone(UTC) - _EPOCH) // _MICROSECOND


def parse_us(value: object) -> int | None:
    """A column's time. Text is ISO 8601 (without offset: UTC); a number is told apart by its size, as Debezium's time
    modes do: below 10^6 days, below 10^14 milliseconds, else microseconds. None where it is no time (null, infinity).
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        if abs(value) < 1_000_000:
            return value * DAY_US
        return value * 1000 if abs(value) < 100_000_000_000_000 else value
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return to_us(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def clamp_us(time_us: int, now_us: int) -> tuple[int, bool]:
    """A time that the partitions can hold, [2000, now + 1 day], and whether it had to be changed."""
    latest = now_us + DAY_US
    if time_us < EARLIEST_US:
        return EARLIEST_US, True
    return (latest, True) if time_us > latest else (time_us, False)
