"""Who owns a partition, how far it has landed, and where a worker starts to read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Cursor

from clearsight.errors import Fenced
from clearsight.instants import from_us
from stream_processors.batch import Span


class Partition(NamedTuple):
    topic: str
    number: int


class Identity(NamedTuple):
    """Which log a partition belongs to: another id is another log, whatever its name."""

    cluster_id: str
    topic_id: str


class Landed(NamedTuple):
    """What the reporting database knows of a partition. `last_batch` is the first offset of the batch landed last."""

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

    The smaller of Kafka's committed offset and the landed position; without a committed offset the first offset of the
    last landed batch; without a landed position the beginning, so that an empty or restored reporting database is filled
    again. What Kafka no longer holds is a gap, never skipped in silence.
    """
    if landed is None:
        return _not_before(0, log)
    if landed.identity != identity:
        return Start(log.low, Gap(0, log.low, "the topic or cluster was recreated: what it held before is gone"))
    if landed.next_offset > log.high:
        return Start(log.low, Gap(log.high, landed.next_offset, "the topic is shorter than what had landed of it"))
    if log.committed is not None:
        return _not_before(min(log.committed, landed.next_offset), log)
    return _not_before(landed.next_offset if landed.last_batch is None else landed.last_batch, log)


def _not_before(offset: int, log: Log) -> Start:
    if offset >= log.low:
        return Start(offset, None)
    return Start(log.low, Gap(offset, log.low, "retention deleted records before they had landed"))


_TAKE = """
INSERT INTO rpt.consumer_position AS p (topic, kafka_partition, next_offset, owner_epoch, owner, cluster_id, topic_id)
SELECT topic, number, 0, 1, %(owner)s, %(cluster)s, topic_id
FROM unnest(%(topics)s::text[], %(numbers)s::int[], %(topic_ids)s::text[]) AS taken(topic, number, topic_id)
ORDER BY topic, number
ON CONFLICT (topic, kafka_partition) DO UPDATE SET owner_epoch = p.owner_epoch + 1, owner = excluded.owner, updated_at = now()
RETURNING topic, kafka_partition, next_offset, owner_epoch, cluster_id, topic_id,
    (SELECT b.first_offset FROM rpt.batch b WHERE b.topic = p.topic AND b.kafka_partition = p.kafka_partition
       AND b.next_offset = p.next_offset ORDER BY b.batch_id DESC LIMIT 1)
"""

_RESET = """
UPDATE rpt.consumer_position SET next_offset = %s, cluster_id = %s, topic_id = %s
WHERE topic = %s AND kafka_partition = %s AND owner_epoch = %s
"""

_RECORD_GAP = """
INSERT INTO rpt.gap (topic, kafka_partition, from_offset, to_offset, reason)
SELECT %(topic)s, %(number)s, %(from)s, %(to)s, %(reason)s
WHERE NOT EXISTS (SELECT 1 FROM rpt.gap WHERE topic = %(topic)s AND kafka_partition = %(number)s
                  AND from_offset = %(from)s AND to_offset IS NOT DISTINCT FROM %(to)s)
"""

_ADVANCE = """
INSERT INTO rpt.consumer_position AS p (topic, kafka_partition, next_offset, owner_epoch, cluster_id, topic_id)
SELECT topic, number, next_offset, epoch, '', ''
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS landed(topic, number, next_offset, epoch)
ORDER BY topic, number
ON CONFLICT (topic, kafka_partition) DO UPDATE
SET next_offset = greatest(p.next_offset, excluded.next_offset), updated_at = now()
WHERE p.owner_epoch = excluded.owner_epoch
RETURNING 1
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
        found: dict[Partition, Landed | None] = {}
        for topic, number, next_offset, epoch, cluster_id, topic_id, last_batch in cursor.fetchall():
            place = Partition(topic, number)
            self._epochs[place] = epoch
            landed = Landed(next_offset, Identity(cluster_id, topic_id), last_batch)
            found[place] = None if next_offset == 0 and last_batch is None else landed
        return found

    def start(self, cursor: Cursor[Any], place: Partition, start: Start, identity: Identity) -> None:
        """Write down where reading starts after a gap; a recreated topic's position starts again with it."""
        if start.gap is None:
            return
        gap = {"topic": place.topic, "number": place.number, "from": start.gap.from_offset, "to": start.gap.to_offset}
        cursor.execute(_RECORD_GAP, {**gap, "reason": start.gap.reason})
        cursor.execute(_RESET, (start.offset, *identity, *place, self._epochs[place]))

    def release(self, places: Iterable[Partition]) -> None:
        for place in places:
            self._epochs.pop(place, None)

    def owns(self, topic: str, number: int) -> bool:
        return (topic, number) in self._epochs

    def advance(self, cursor: Cursor[Any], spans: list[Span]) -> None:
        """The first statement of a batch: move the positions on, if this worker still owns them.

        Raises Fenced where another worker took a partition meanwhile; nothing may be written then.
        """
        epochs = [self._epochs.get(Partition(span.topic, span.partition), -1) for span in spans]
        columns = zip(*((span.topic, span.partition, span.next_offset) for span in spans), strict=True)
        cursor.execute(_ADVANCE, (*(list(column) for column in columns), epochs))
        if len(cursor.fetchall()) != len(spans):
            raise Fenced(
                "another worker owns a partition of this batch now", "nothing: the other worker goes on from here"
            )
        cursor.executemany(_RECORD_BATCH, [(*span[:4], _at(span.first_us), _at(span.last_us)) for span in spans])


def _at(time_us: int | None) -> Any:
    return None if time_us is None else from_us(time_us)
