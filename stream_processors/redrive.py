"""Lands dead letters after all, by the same code as a worker, with their records' original coordinates.

No partition is owned and no position moves: a redrive may run while workers and other redrives land. It takes its locks as
a batch does, from the transactions on, and the letters' rows last. What lands is known by its ids: a letter that is redriven
twice, or whose event has landed meanwhile, changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import psycopg
import stamina
from psycopg import Connection, Cursor

from clearsight.errors import Unavailable
from clearsight.events import Event
from clearsight.instants import from_us
from clearsight.mapping import Mapping
from clearsight.topics import TopicNames
from stream_processors import dead_letters, letters
from stream_processors.arrays import columns
from stream_processors.batch import Batch, Span, assemble
from stream_processors.database_errors import away
from stream_processors.decode import Decoder
from stream_processors.isolate import land_isolating
from stream_processors.land import Landed, Landing
from stream_processors.letters import Selection, Size
from stream_processors.records import RawRecord

CHUNK_LETTERS = 500
CHUNK_BYTES = 16 * 1024 * 1024
_RETRY_S = 30.0

_LOCK = """
SELECT 1 FROM rpt.dead_letter WHERE dead_letter_id = ANY(%s) ORDER BY topic, kafka_partition, kafka_offset FOR NO KEY UPDATE
"""
_RESOLVE = """
UPDATE rpt.dead_letter SET state = 'resolved', closed_at = now(), closed_by = %s, closed_because = 'landed by a redrive',
    attempts = attempts + 1, last_seen_at = now()
WHERE dead_letter_id = ANY(%s) AND state <> 'resolved'
"""
_PUBLISH = """
INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at)
SELECT * FROM unnest(%s::text[], %s::uuid[], %s::timestamptz[])
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the letters that were tried. `reasons`: why those that failed did, with how many."""

    tried: int
    landed: int
    failed: int
    reasons: dict[str, int]


class Redrive:
    """One redrive, in the name of `by`. With `dry_run` everything is tried, and nothing is kept."""

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        mapping: Mapping,
        names: TopicNames,
        by: str,
        *,
        dry_run: bool = False,
    ) -> None:
        self._connect = connect
        self._names = names
        self._by = by
        self._dry_run = dry_run
        self._decode: Callable[[RawRecord], Event] = Decoder(mapping, names)
        self._landing = Landing(connect, mapping, names, _WhoeverOwns(), self._settle)
        self._ids: dict[RawRecord, int] = {}

    def run(self, selection: Selection, tried: Callable[[int], None] = lambda _: None) -> Outcome:
        """Redrive the chosen letters, some at a time; `tried` is told how many have been tried since it was told last.

        Raises Unavailable where the reporting database stays away: what has landed by then is resolved, the rest as it was.
        """
        landed, reasons = 0, Counter[str]()
        try:
            with self._connect() as connection:
                for ids in chunks(letters.sizes(connection, selection)):
                    for batch in self._chunk(connection, ids):
                        reasons.update(letter.reason for letter in batch.letters)
                        landed += len(batch.records) - len(batch.letters)
                    tried(len(ids))
        except psycopg.OperationalError as error:
            raise Unavailable(
                f"the reporting database stayed away: {type(error).__name__}", "start it, and redrive again"
            ) from None
        finally:
            self._landing.close()
        failed = reasons.total()
        return Outcome(tried=landed + failed, landed=landed, failed=failed, reasons=dict(reasons.most_common()))

    def _chunk(self, connection: Connection[Any], ids: Sequence[int]) -> Iterator[Batch]:
        found = letters.stored(connection, ids)
        self._ids = {letter.record: letter.summary.id for letter in found}
        batch = assemble(list(self._ids), self._decode)
        for done, _ in land_isolating(batch, self._decode, self._land, 1.0):
            yield done

    def _land(self, batch: Batch) -> Landed:
        for attempt in stamina.retry_context(on=away, attempts=None, timeout=_RETRY_S, wait_initial=0.1, wait_max=2.0):
            with attempt:
                try:
                    return self._landing.land(batch)
                except _NotKept as tried:
                    return tried.landed
        raise AssertionError("unreachable: the last attempt raises")

    def _settle(self, cursor: Cursor[Any], batch: Batch, landed: Landed) -> None:
        """The last statements of the transaction that landed these letters."""
        failed = {letter.record for letter in batch.letters}
        resolved = [self._ids[record] for record in batch.records if record not in failed]
        cursor.execute(_LOCK, [[self._ids[record] for record in batch.records]])
        dead_letters.keep(cursor, batch.letters, self._names)
        cursor.execute(_RESOLVE, (self._by, resolved))
        fresh = [
            *(("change", change.event_id, from_us(change.occurred_us)) for change, *_ in landed.changes),
            *(("log", log.event_id, from_us(log.occurred_us)) for log, _ in landed.logs),
            *(("state_change", *state) for state in landed.states),
        ]
        if fresh:
            cursor.execute(_PUBLISH, columns(fresh))
        if self._dry_run:
            raise _NotKept(landed)


class _NotKept(Exception):
    """Ends a transaction that was only tried."""

    def __init__(self, landed: Landed) -> None:
        super().__init__()
        self.landed = landed


class _WhoeverOwns:
    """The right to redrive: it takes nothing from whoever owns the partitions."""

    def advance(self, cursor: Cursor[Any], spans: list[Span]) -> None:
        """No position moves."""

    def advanced(self, spans: list[Span]) -> None:
        """Nothing moved."""


def chunks(
    sizes: Sequence[Size], most_letters: int = CHUNK_LETTERS, most_bytes: int = CHUNK_BYTES
) -> Iterator[list[int]]:
    """The ids, in order, in parts of at most this many letters and, unless one alone is larger, bytes."""
    part: list[int] = []
    held = 0
    for size in sizes:
        if part and (len(part) == most_letters or held + size.bytes > most_bytes):
            yield part
            part, held = [], 0
        part.append(size.id)
        held += size.bytes
    if part:
        yield part
