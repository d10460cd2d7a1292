"""Who owns a partition, how far it has landed, and where a worker starts to read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Cursor

from clearsight.errors import Fenced
from clearsight.instants import from_us
from stream_processors.batch import Span

UNPUBLISHED_BATCHES = 2
"""How many batches may have landed and not be published yet."""


class Partition(NamedTuple):
    topic: str
    number: int


class Identity(NamedTuple):
    """Which log a partition belongs to: another id is another log, whatever its name."""

    cluster_id: str
    topic_id: str


class Landed(NamedTuple):
    """What the reporting database knows of a partition. `last_batch` is where the batches begin that may be unpublished."""

    next_offset: int
    identity: Identity
    last_batch: int | None


class Log(NamedTuple):
    """What Kafka holds of a partition: offsets [low, high) and the group's committed one."""

    low: int
    high: int
    committed: int | None


class Gap(NamedTuple):
    from_offset: int
    to_offset: int | None
    reason: str


class Start(NamedTuple):
    offset: int
    gap: Gap | None


def start_of(landed: Landed | None, log: Log, identity: Identity) -> Start:
    """Where to start (design §6).

    The smaller of Kafka's committed offset and the landed position; without a committed offset where the last batches begin,
    which may not have been published; without a landed position the beginning, so that an empty or restored reporting
    database is filled again. What Kafka no longer holds and had not landed is a gap, never skipped in silence.
    """
    if landed is None:
        return _not_before(0, 0, log)
    if landed.identity != identity:
        return Start(log.low, Gap(0, log.low, "the topic or cluster was recreated: what it held before is gone"))
    if landed.next_offset > log.high:
        return Start(log.low, Gap(log.high, landed.next_offset, "the topic is shorter than what had landed of it"))
    if log.committed is not None:
        return _not_before(min(log.committed, landed.next_offset), landed.next_offset, log)
    offset = landed.next_offset if landed.last_batch is None else landed.last_batch
    return _not_before(offset, landed.next_offset, log)


def _not_before(offset: int, landed: int, log: Log) -> Start:
    """Everything before `landed` has landed: there a record that Kafka deleted is missing from no fact."""
    start = max(offset, log.low)
    if landed >= log.low:
        return Start(start, None)
    return Start(start, Gap(landed, log.low, "retention deleted records before they had landed"))


_TAKE = """
INSERT INTO rpt.consumer_position AS p (topic, kafka_partition, next_offset, owner_epoch, owner, cluster_id, topic_id)
SELECT topic, number, 0, 1, %(owner)s, %(cluster)s, topic_id
FROM unnest(%(topics)s::text[], %(numbers)s::int[], %(topic_ids)s::text[]) AS taken(topic, number, topic_id)
ORDER BY topic, number
ON CONFLICT (topic, kafka_partition) DO UPDATE SET owner_epoch = p.owner_epoch + 1, owner = excluded.owner, updated_at = now(),
    cluster_id = CASE WHEN p.next_offset = 0 THEN excluded.cluster_id ELSE p.cluster_id END,
    topic_id = CASE WHEN p.next_offset = 0 THEN excluded.topic_id ELSE p.topic_id END
RETURNING topic, kafka_partition, next_offset, owner_epoch, cluster_id, topic_id
"""

# In a statement of its own: the one before may have waited for the old owner, and does not see what that one committed.
_LAST_BATCHES = f"""
SELECT topic, kafka_partition, min(first_offset) FROM (
    SELECT b.topic, b.kafka_partition, b.first_offset,
           row_number() OVER (PARTITION BY b.topic, b.kafka_partition ORDER BY b.batch_id DESC) AS age
    FROM rpt.batch b JOIN unnest(%s::text[], %s::int[]) AS taken(topic, kafka_partition) USING (topic, kafka_partition)
) aged WHERE age <= {UNPUBLISHED_BATCHES + 1} GROUP BY 1, 2
"""  # noqa: S608 - a number of ours

_RESET = """
UPDATE rpt.consumer_position SET next_offset = %s, cluster_id = %s, topic_id = %s
WHERE topic = %s AND kafka_partition = %s AND owner_epoch = %s
"""

_RECORD_GAP = """
INSERT INTO rpt.gap (topic, kafka_partition, from_offset, to_offset, reason, after_batch)
SELECT %(topic)s, %(number)s, %(from)s, %(to)s, %(reason)s, landed.batch_id
FROM (SELECT coalesce(max(batch_id), 0) AS batch_id FROM rpt.batch
      WHERE topic = %(topic)s AND kafka_partition = %(number)s) landed
WHERE NOT EXISTS (SELECT 1 FROM rpt.gap WHERE topic = %(topic)s AND kafka_partition = %(number)s
                  AND from_offset = %(from)s AND to_offset IS NOT DISTINCT FROM %(to)s AND after_batch = landed.batch_id)
"""

_LOCK = """
SELECT topic, kafka_partition, owner_epoch, next_offset FROM rpt.consumer_position
JOIN unnest(%s::text[], %s::int[]) AS landed(topic, kafka_partition) USING (topic, kafka_partition)
ORDER BY topic, kafka_partition FOR NO KEY UPDATE OF consumer_position
"""

_ADVANCE = """
UPDATE rpt.consumer_position p SET next_offset = greatest(p.next_offset, l.next_offset), updated_at = now()
FROM unnest(%s::text[], %s::int[], %s::bigint[]) AS l(topic, kafka_partition, next_offset)
WHERE p.topic = l.topic AND p.kafka_partition = l.kafka_partition
"""

_RECORD_BATCH = """
INSERT INTO rpt.batch (topic, kafka_partition, first_offset, next_offset, first_event_at, last_event_at)
VALUES (%s, %s, %s, %s, %s, %s)
"""


class Ownership:
    """The partitions that this worker owns, with the epoch in which it took each."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._epochs: dict[Partition, int] = {}
        self._reached: dict[Partition, int] = {}
        """How far each has landed, as far as this worker saw it committed."""

    def take(self, cursor: Cursor[Any], identities: dict[Partition, Identity]) -> dict[Partition, Landed | None]:
        """Become the owner of these partitions and return what had landed of each; None where nothing ever had."""
        places = sorted(identities)
        if not places:
            return {}
        cluster = identities[places[0]].cluster_id
        cursor.execute(
            _TAKE,
            {
                "owner": self._owner,
                "cluster": cluster,
                "topics": [place.topic for place in places],
                "numbers": [place.number for place in places],
                "topic_ids": [identities[place].topic_id for place in places],
            },
        )
        taken = cursor.fetchall()
        cursor.execute(_LAST_BATCHES, ([place.topic for place in places], [place.number for place in places]))
        last_batches = {Partition(topic, number): first for topic, number, first in cursor.fetchall()}
        found: dict[Partition, Landed | None] = {}
        for topic, number, next_offset, epoch, cluster_id, topic_id in taken:
            place = Partition(topic, number)
            self._epochs[place], self._reached[place] = epoch, next_offset
            landed = Landed(next_offset, Identity(cluster_id, topic_id), last_batches.get(place))
            found[place] = None if next_offset == 0 else landed
        return found

    def start(self, cursor: Cursor[Any], place: Partition, start: Start, identity: Identity) -> None:
        """Write down where reading starts after a gap; a recreated topic's position starts again with it."""
        if start.gap is None:
            return
        gap = {"topic": place.topic, "number": place.number, "from": start.gap.from_offset, "to": start.gap.to_offset}
        cursor.execute(_RECORD_GAP, {**gap, "reason": start.gap.reason})
        cursor.execute(_RESET, (start.offset, *identity, *place, self._epochs[place]))
        self._reached[place] = start.offset

    def release(self, places: Iterable[Partition]) -> None:
        for place in places:
            self._epochs.pop(place, None)
            self._reached.pop(place, None)

    def owns(self, topic: str, number: int) -> bool:
        return (topic, number) in self._epochs

    def advance(self, cursor: Cursor[Any], spans: list[Span]) -> None:
        """The first statements of a batch: lock the positions and move them on, if this worker still owns them.

        Raises Fenced where another worker took a partition meanwhile, or where the database has forgotten what had landed
        (an older copy of it took over): nothing may be written then, and a new start reads again what is missing.
        """
        topics, numbers = [span.topic for span in spans], [span.partition for span in spans]
        cursor.execute(_LOCK, (topics, numbers))
        found = {Partition(topic, number): (epoch, reached) for topic, number, epoch, reached in cursor.fetchall()}
        for place in map(Partition, topics, numbers):
            epoch, reached = found.get(place, (None, 0))
            if epoch is None or epoch != self._epochs.get(place):
                raise Fenced(
                    f"another worker owns {place.topic}/{place.number} now", "nothing: that worker goes on from here"
                )
            if reached < self._reached.get(place, 0):
                raise Fenced(
                    f"the reporting database lost what had landed of {place.topic}/{place.number} after offset {reached}",
                    "start the worker again: it reads from there",
                )
        cursor.execute(_ADVANCE, (topics, numbers, [span.next_offset for span in spans]))
        cursor.executemany(_RECORD_BATCH, [(*span[:4], _at(span.first_us), _at(span.last_us)) for span in spans])

    def advanced(self, spans: list[Span]) -> None:
        """The batch that advanced to here is committed."""
        for span in spans:
            place = Partition(span.topic, span.partition)
            self._reached[place] = max(self._reached.get(place, 0), span.next_offset)


def _at(time_us: int | None) -> Any:
    return None if time_us is None else from_us(time_us)
