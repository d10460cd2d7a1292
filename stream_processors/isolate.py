"""Lands what Postgres accepts of a batch: where it refuses a value, the batch is halved until the record is found; where all
of it takes longer than a transaction may, it is halved until each part is quick enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg

from clearsight.errors import LandingError
from clearsight.events import Event, Rejected
from stream_processors.batch import Batch, assemble
from stream_processors.database_errors import refuses_value, too_much
from stream_processors.land import Landed
from stream_processors.records import RawRecord
from stream_processors.undecodable import MEND

_FEWEST_TO_JUDGE = 100


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
        if not refuses_value(error) and not too_much(error):
            raise
        if len(records) == 1:
            yield _alone(records, error, land)
            return
        half = len(records) // 2
        for part in (records[:half], records[half:]):
            yield from land_isolating(assemble(part, decode), decode, land, 1.0)
    else:
        yield batch, landed


def _alone(records: list[RawRecord], error: psycopg.Error, land: Callable[[Batch], Landed]) -> tuple[Batch, Landed]:
    """A refused record as a dead letter. One that takes too long is none: nothing is wrong with it."""
    if too_much(error):
        at = records[0].at
        raise LandingError(
            f"the record {at.topic}/{at.partition}@{at.offset} takes longer to land than a transaction may",
            "see what PostgreSQL waits for, then start the worker again",
        )
    reason = f"PostgreSQL refuses a value: {type(error).__name__} ({error.sqlstate})"
    refused = assemble(records, lambda record: Rejected(at=record.at, reason=reason))
    return refused, land(refused)
