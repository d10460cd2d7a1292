"""Reads the raw topics in batches with confluent-kafka. Used by one thread at a time; callbacks run inside `poll`.

Partitions come with an owner's epoch (positions.py) and start where the reporting database and Kafka say, not where the
consumer group alone would. A revocation waits until the batch in flight has landed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import stamina
from confluent_kafka import (
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)
from psycopg import Connection

from clearsight.callbacks import Callbacks
from clearsight.errors import LandingError, PositionLost, Unavailable, first_line_of
from clearsight.settings import KafkaSettings, WorkerSettings
from stream_processors.batch import Span
from stream_processors.consumer import leave, options, record_of
from stream_processors.in_step import InStep
from stream_processors.membership import Membership
from stream_processors.positions import Identity, Log, Ownership, Partition, start_of
from stream_processors.raw_topics import REQUEST_TIMEOUT_S, RawTopics, unavailable
from stream_processors.records import RawRecord

log = logging.getLogger(__name__)

_LANDING_TIMEOUT_S = 120.0
_LEAVING_TIMEOUT_S = 10.0
_IDLE_S = 0.25
IN_STEP_LIMIT_S = 10.0


class Source:
    """The consumer of one worker."""

    def __init__(
        self,
        kafka: KafkaSettings,
        worker: WorkerSettings,
        topics: list[str],
        rank: Callable[[str], int],
        ownership: Ownership,
        connect: Callable[[], Connection[Any]],
        dealing_limit_s: float = 20.0,
    ) -> None:
        """`dealing_limit_s` is how long Kafka or the database may be away while partitions are dealt."""
        self._topics = topics
        self._worker = worker
        self._ownership = ownership
        self._connect = connect
        self._dealing_limit_s = dealing_limit_s
        self._callbacks = Callbacks()
        self.topics = RawTopics(kafka.bootstrap_servers, topics)
        self._consumer = Consumer(options(kafka, worker))
        self._in_step = InStep(rank, worker.in_step_ms)
        self._moved_at_s = time.monotonic()
        self._counting = threading.Lock()
        self._on_their_way = 0
        self._idle = threading.Event()
        self._idle.set()
        self._landed: dict[Partition, int] = {}
        """Next offsets of what has landed since the last commit."""
        self._identity: dict[Partition, Identity] = {}
        """Of what is read, as it was when it was assigned."""
        self._membership = Membership(time.monotonic, self.topics.answers)
        self.assigned = False

    def open(self) -> None:
        """Join the group."""
        keeping = self._callbacks.keeping
        self._consumer.subscribe(
            self._topics,
            on_assign=keeping(self._assign),
            on_revoke=keeping(self._revoke),
            on_lost=keeping(self._lose),
        )

    def poll(self) -> list[RawRecord]:
        """Up to `batch_max_events` records of owned partitions, or some megabytes of them, in step; [] after a quarter of a
        second without any.

        Raises PositionLost where Kafka does not have the next record, Unavailable where the consumer cannot go on, and
        LandingError where a batch did not land before its partitions were taken away.
        """
        self._commit()
        self._membership.check()
        limit = self._worker.batch_max_events
        self._read(limit, 0)
        ready = self._in_step.take(limit, self._end)
        if not ready:
            self._read(limit, _IDLE_S)
            ready = self._in_step.take(limit, self._end)
        if ready or not self._in_step.waiting:
            self._moved_at_s = time.monotonic()
        elif time.monotonic() - self._moved_at_s > IN_STEP_LIMIT_S:
            log.warning("a partition that has records gave none for %.0f s; the others go on", IN_STEP_LIMIT_S)
            ready = self._in_step.take(limit, self._end, whatever=True)
        self._pause()
        return ready

    def _read(self, limit: int, idle_s: float) -> None:
        """Wait for a record, read what comes within `batch_wait_ms` of it. Partitions may come and go meanwhile: nothing
        may have been taken of them yet, and the first record goes with its partition."""
        first = self._consumer.poll(idle_s)
        self._check_callbacks()
        if first is None:
            return
        self._add(first)
        for message in self._consumer.consume(limit - 1, self._worker.batch_wait_ms / 1000):
            self._add(message)
        self._check_callbacks()

    def _check_callbacks(self) -> None:
        try:
            self._callbacks.check()
        except KafkaException as error:
            raise unavailable(error.args[0]) from None
        except psycopg.OperationalError as error:
            raise Unavailable(
                f"the reporting database did not answer: {first_line_of(error)}",
                "start it; the worker goes on where it was",
            ) from None

    def _add(self, message: Message) -> None:
        record = record_of(message)
        if record is not None and self._ownership.owns(record.topic, record.partition):
            self._in_step.add(record)

    def _pause(self) -> None:
        """What a pause leaves behind was fetched in vain, so it comes last: only what stays full once a batch is taken."""
        pause, resume = self._in_step.pauses()
        if pause:
            self._consumer.pause([TopicPartition(*place) for place in pause])
        if resume:
            self._consumer.resume([TopicPartition(*place) for place in resume])

    def landing(self) -> None:
        """A batch is on its way from here to its commit."""
        with self._counting:
            self._on_their_way += 1
            self._idle.clear()

    def landed(self, spans: list[Span]) -> None:
        """A batch has landed and was published: the next `poll` commits it to Kafka. Safe to call from another thread.

        A commit of another thread would wait for a rebalance's callback, which waits for this batch.
        """
        with self._counting:
            self._landed.update({Partition(span.topic, span.partition): span.next_offset for span in spans})
        self.gone()

    def _commit(self) -> None:
        """Without waiting: if it is lost, the position in Postgres stands, and what is read again is recognised."""
        with self._counting:
            landed, self._landed = self._landed, {}
        if not landed:
            return
        try:
            self._consumer.commit(
                offsets=[TopicPartition(*place, offset) for place, offset in landed.items()], asynchronous=True
            )
        except KafkaException as error:
            log.warning("offsets were not committed to Kafka: %s", error.args[0].str())

    def gone(self) -> None:
        """A batch is no longer on its way."""
        with self._counting:
            self._on_their_way = max(0, self._on_their_way - 1)
            if self._on_their_way == 0:
                self._idle.set()

    def abandon(self) -> None:
        """Nothing is on its way any more; a batch that no one took is read again."""
        with self._counting:
            self._on_their_way = 0
            self._idle.set()

    def check_topics(self) -> None:
        """Safe to call from another thread. Raises PositionLost where a topic that is read was deleted and made again: its
        offsets begin anew, and the consumer does not tell. KafkaException where Kafka or the topic is away."""
        reading = dict(self._identity)
        if not reading:
            return
        now = self.topics.identities(list(reading))
        for place, identity in reading.items():
            if now[place] != identity and self._identity.get(place) == identity:
                raise PositionLost(
                    f"the topic {place.topic} was deleted and made again",
                    "start the worker again: it reads it from its beginning after a recorded gap",
                )

    def close(self) -> None:
        """Leave the group, or where Kafka does not let go in time, end without: what has landed stands in Postgres."""
        if not leave(self._consumer, _LEAVING_TIMEOUT_S):
            log.warning(
                "Kafka did not answer for %.0f s; this worker ends without leaving its group", _LEAVING_TIMEOUT_S
            )

    def _end(self, place: Partition) -> int:
        _, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        return high

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Become the owner, and begin to read. The group waits meanwhile, so what is away may come back."""
        away = (KafkaException, psycopg.OperationalError)
        for attempt in stamina.retry_context(on=away, attempts=None, timeout=self._dealing_limit_s, wait_max=2.0):
            with attempt:
                starts = self._take(consumer, partitions)
        consumer.assign(starts)
        consumer.resume(starts)  # a pause survives the loss of a partition
        self._membership.dealt()
        self.assigned = True
        log.info("owns %d partitions", len(starts))

    def _take(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Where to read each of them from."""
        places = [Partition(found.topic, found.partition) for found in partitions]
        identities = self.topics.identities(places)
        logs = self._logs(consumer, partitions)
        starts = []
        with self._connect() as connection, connection.transaction(), connection.cursor() as cursor:
            landed = self._ownership.take(cursor, identities)
            for place in places:
                start = start_of(landed[place], logs[place], identities[place])
                self._ownership.start(cursor, place, start, identities[place])
                if start.gap:
                    log.warning("gap in %s/%d: %s", place.topic, place.number, start.gap.reason)
                starts.append(TopicPartition(*place, start.offset))
        first_time = [start for start in starts if logs[Partition(start.topic, start.partition)].committed is None]
        if first_time:
            # from here on "nothing committed" means that this group has landed nothing of it
            consumer.commit(offsets=first_time, asynchronous=False)
        for found in starts:
            place = Partition(found.topic, found.partition)
            self._in_step.begin(place, found.offset, logs[place].high)
        self._identity |= identities
        return starts

    def _logs(self, consumer: Consumer, partitions: list[TopicPartition]) -> dict[Partition, Log]:
        """What Kafka holds of each partition."""
        found = {}
        for place in consumer.committed(partitions, timeout=REQUEST_TIMEOUT_S):
            low, high = consumer.get_watermark_offsets(place, timeout=REQUEST_TIMEOUT_S)
            committed = place.offset if place.offset >= 0 else None
            found[Partition(place.topic, place.partition)] = Log(low, high, committed)
        return found

    def _revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not self._idle.wait(_LANDING_TIMEOUT_S):
            raise LandingError(
                "a batch did not land before its partitions were revoked", "look at the reporting database's locks"
            )
        self._commit()
        self._lose(_consumer, partitions)

    def _lose(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = [Partition(found.topic, found.partition) for found in partitions]
        with self._counting:
            for place in places:
                self._landed.pop(place, None)
        for place in places:
            self._identity.pop(place, None)
        self._ownership.release(places)
        self._in_step.drop(places)
        self._membership.lost()
