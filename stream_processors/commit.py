"""Where a record stands in the order of commits: epoch and LSN, and the time of its commit. Pure."""

from __future__ import annotations

from functools import lru_cache

import msgspec

from clearsight.origin import FIRST_EPOCH, HEADER, Origin, position
from stream_processors.envelope import Source
from stream_processors.records import RawRecord


def commit_us(source: Source) -> int:
    """When it was committed, in µs since 1970."""
    return source.ts_us if source.ts_us is not None else source.ts_ms * 1000


def origin_of(record: RawRecord) -> Origin | None:
    """Which stream wrote it. Raises ValueError where the header is not ours."""
    for name, value in record.headers:
        if name == HEADER and value is not None:
            return _parsed(value)
    return None


@lru_cache(maxsize=16)
def _parsed(value: bytes) -> Origin:
    """One stream has one origin: it is not parsed for each record."""
    return Origin.parse(value.decode())


def epoch_of(record: RawRecord) -> int:
    """Of the stream that wrote it: LSNs of two epochs are not compared."""
    if not record.headers:
        return FIRST_EPOCH
    origin = origin_of(record)
    return FIRST_EPOCH if origin is None else origin.epoch


def commit_position(source: Source, epoch: int) -> int:
    """Epoch and commit LSN in one number."""
    return position(epoch, commit_lsn_of(source) or source.lsn or 0)


def commit_lsn_of(source: Source) -> int:
    """`sequence` is the JSON text '["<LSN of the last commit>","<LSN>"]', either null; null counts as 0."""
    if not source.sequence:
        return 0
    plain = source.sequence.split('"', 2)
    if plain[0] == "[" and len(plain) == 3 and plain[1].isdecimal():
        return int(plain[1])
    first = msgspec.json.decode(source.sequence, type=list[str | None])
    return int(first[0]) if first and first[0] else 0
