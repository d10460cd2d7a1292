"""Lands what Postgres accepts of a batch: where it refuses a value, the batch is halved until the record is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg

from clearsight.errors import LandingError
from clearsight.events import Event, Rejected
from stream_processors.batch import Batch, assemble
from stream_processors.land import Landed
from stream_processors.records import RawRecord
from stream_processors.undecodable import MEND

_FEWEST_TO_JUDGE = 100


def refuses_value(error: psycopg.Error) -> bool:
    """Whether Postgres will never take a value of this batch: out of range, not text, too long for an index."""
    return isinstance(error, psycopg.DataError) or (error.sqlstate or "").startswith("54")


def land_isolating(
    batch: Batch,
    decode: Callable[[RawRecord], Event],
    land: Callable[[Batch], Landed],
    undecodable_limit: float,
) -> Iterator[tuple[Batch, Landed]]:
    """Land a batch, in one or, where it must be, in several; yield each as soon as it has landed.

    Raises LandingError where so many records are undecodable that the topic, not the record, must be wrong.
    """
    records = batch.records
    if len(records) >= _FEWEST_TO_JUDGE and batch.undecodable_share() > undecodable_limit:
        raise LandingError(
            f"{len(batch.letters)} of {len(records)} records cannot be decoded; the first: {batch.letters[0].reason}",
            MEND,
        )
    try:
        landed = land(batch)
    except psycopg.Error as error:
        if not refuses_value(error):
            raise
        reason = f"PostgreSQL refuses a value: {type(error).__name__} ({error.sqlstate})"
        if len(records) == 1:
            refused = assemble(records, lambda record: Rejected(at=record.at, reason=reason))
            yield refused, land(refused)
            return
        half = len(records) // 2
        for part in (records[:half], records[half:]):
            yield from land_isolating(assemble(part, decode), decode, land, 1.0)
    else:
        yield batch, landed
