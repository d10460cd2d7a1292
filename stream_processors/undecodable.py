"""Stops a worker that finds nothing but undecodable records in a topic: then the topic is wrong, not the record.

A batch that is full of them is refused as a whole (isolate.py). Where they come a few at a time, what counts is how many
came one after the other, also by workers before this one: else a topic would drain into dead letters, restart by restart.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from psycopg import Connection

from clearsight.errors import LandingError
from stream_processors.batch import Batch

IN_A_ROW = 100

MEND = (
    "check the connector's converters and the mapping file; nothing of this batch was landed."
    " To land them as dead letters all the same, set CLEARSIGHT_WORKER__UNDECODABLE_LIMIT=1 until they are through"
)

# Of each partition as many as end, without a hole, where its position stands.
_LAST_ONES = """
SELECT topic, count(*) FROM (
    SELECT d.topic, d.kafka_offset, p.next_offset,
           row_number() OVER (PARTITION BY d.topic, d.kafka_partition ORDER BY d.kafka_offset DESC) AS place
    FROM (SELECT DISTINCT topic, kafka_partition, kafka_offset FROM rpt.dead_letter) d
    JOIN rpt.consumer_position p USING (topic, kafka_partition)
    WHERE d.kafka_offset < p.next_offset AND d.kafka_offset >= p.next_offset - %s
) AS newest WHERE kafka_offset = next_offset - place GROUP BY topic
"""


class Undecodable:
    """How many records of each topic were undecodable, one after the other, up to now."""

    def __init__(self, limit: float) -> None:
        """`limit` is the setting's: at 1 nothing stops the worker."""
        self._limit = limit
        self._in_a_row: Counter[str] = Counter()

    def remember(self, connection: Connection[Any]) -> None:
        """Go on counting where the last worker stopped."""
        self._in_a_row = Counter(dict(connection.execute(_LAST_ONES, [IN_A_ROW]).fetchall()))

    def look(self, batch: Batch) -> None:
        """Raises LandingError where the row got too long: nothing of the batch may be landed then."""
        if not batch.letters:
            for span in batch.spans:
                del self._in_a_row[span.topic]
            return
        wrong = {(letter.record.topic, letter.record.partition, letter.record.offset) for letter in batch.letters}
        for record in batch.records:
            if (record.topic, record.partition, record.offset) in wrong:
                self._in_a_row[record.topic] += 1
            elif record.value is not None:
                del self._in_a_row[record.topic]
        if self._limit < 1 and (long := [topic for topic, count in self._in_a_row.items() if count >= IN_A_ROW]):
            reason = next(letter.reason for letter in batch.letters)
            raise LandingError(
                f"the last {self._in_a_row[long[0]]} records of {long[0]} cannot be decoded; one of them: {reason}",
                MEND,
            )
