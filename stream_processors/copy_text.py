"""Values as fields of PostgreSQL's COPY text format (manual, COPY, "Text Format").

A row's text is made while it is decoded, so that landing only adds what was joined.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from stream_processors.arrays import array

NULL = "\\N"


def field(value: str | None) -> str:
    """A text, or NULL."""
    if value is None:
        return NULL
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if "\n" in value:
        value = value.replace("\n", "\\n")
    if "\r" in value:
        value = value.replace("\r", "\\r")
    if "\t" in value:
        value = value.replace("\t", "\\t")
    return value


def number(value: int | None) -> str:
    """A whole number, or NULL."""
    return NULL if value is None else str(value)


def instant(time_us: int) -> str:
    """A time that a partition can hold, from microseconds since the epoch."""
    second, rest_us = divmod(time_us, 1_000_000)
    return f"{_second(second)}.{rest_us:06d}+00"


@lru_cache(4096)
def texts(values: tuple[str, ...]) -> str:
    """An array of texts."""
    return field(array(values))


@lru_cache(4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%d %H:%M:%S")
