"""What a worker does with a batch of records, and with time. The Faust app calls it; nothing here knows Faust."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import orjson
import psycopg
import stamina
from confluent_kafka import KafkaException, Producer
from psycopg import Connection
from psycopg.types.json import set_json_loads

from clearsight.errors import Unavailable, first_line_of
from clearsight.events import Event, StreamPosition
from clearsight.settings import Settings, required
from clearsight.topics import AUDIT_MAX_BYTES, TopicNames
from stream_processors import gaps, marks
from stream_processors.batch import Batch, Span, assemble
from stream_processors.database_errors import away, passes
from stream_processors.deadline import Closing
from stream_processors.decode import Decoder
from stream_processors.isolate import land_isolating
from stream_processors.land import Landed, Landing
from stream_processors.metrics import Meter, Unmetered
from stream_processors.positions import UNPUBLISHED_BATCHES, Ownership
from stream_processors.publish import Publisher
from stream_processors.records import RawRecord
from stream_processors.right_of_way import RightOfWay
from stream_processors.source import Source
from stream_processors.undecodable import Undecodable

log = logging.getLogger(__name__)

set_json_loads(orjson.loads)


TOPICS_EVERY_S = 3.0
OUTBOX_ROUNDS = 10
"""Of a tick: what batches publish waits behind them."""


class Worker:
    """One worker. `read`, `land` and `tick` may run in three threads, each method in one at a time.

    What has landed is published and committed by a thread of its own, in order, while the next batch lands.
    """

    def __init__(
        self,
        settings: Settings,
        connect: Callable[[], Connection[Any]] | None = None,
        meter: Meter | None = None,
    ) -> None:
        """`connect` opens connections to the reporting database; as it is, those of `connector`."""
        self._meter = meter or Unmetered()
        names = TopicNames(settings.kafka.topic_prefix)
        self._settings = settings
        self._names = names
        self._mapping = settings.mapping
        self._connect = connect or connector(settings)
        ownership = Ownership(f"{socket.gethostname()}:{os.getpid()}")
        self._way = RightOfWay()
        self._landing = Landing(self._connect, self._mapping, names, ownership, way=self._way)
        self._decode: Callable[[RawRecord], Event] = Decoder(self._mapping, names)
        consumed = names.consumed(self._mapping.tables())
        self.source = Source(settings.kafka, settings.worker, consumed, names.rank, ownership, self._connect)
        self._publisher = Publisher(_producer(settings), names.audit, self._way)
        self._publishing: Connection[Any] | None = None
        self._publications: deque[Future[None]] = deque()
        self._broken: BaseException | None = None
        """Why publishing stopped: nothing after it may be published or committed."""
        self._publish_thread = ThreadPoolExecutor(1, "publishing")
        self._undecodable = Undecodable(settings.worker.undecodable_limit)
        self._closing = Closing(self._mapping, settings.worker.deadline_s)
        self._timing: Connection[Any] | None = None
        self._newest: StreamPosition | None = None
        self._marked = -1
        self._topics_checked_s = time.monotonic()

    def check(self) -> None:
        """Raises Unavailable where the reporting database, Kafka or one of its topics is not there to begin with."""
        try:
            with closing(self._connect()) as connection:
                self._undecodable.remember(connection)
        except psycopg.OperationalError as error:
            raise Unavailable(
                f"the reporting database did not answer: {first_line_of(error)}", "check CLEARSIGHT_REPORT__WRITER_DSN"
            ) from None
        self.source.topics.check()

    def read(self) -> Batch:
        """The next records, decoded: this is done while the batch before lands."""
        return self.decoded(self.source.poll())

    def decoded(self, records: list[RawRecord]) -> Batch:
        with self._meter.step("decode"):
            return assemble(records, self._decode, self._way.paced)

    def land(self, batch: Batch) -> None:
        """Land a batch of which `source.landing` was told; what it landed is published and committed afterwards.

        Raises what Landing raises, Unavailable where the database stays away or an earlier batch could not be published.
        """
        try:
            self._undecodable.look(batch)
            self._await_publications(UNPUBLISHED_BATCHES)
            limit = self._settings.worker.undecodable_limit
            done = [(part.spans, landed) for part, landed in land_isolating(batch, self._decode, self._land, limit)]
        except BaseException:
            self.source.gone()
            raise
        self._note_progress(batch)
        self._publications.append(self._publish_thread.submit(self._publish, done))

    def tick(self) -> None:
        """Once a second: close what is overdue, publish what waits, and mark how far the stream has come.

        Raises what publishing raised, also when no further batch comes; PositionLost where a topic was made again.
        """
        if self._broken is not None:
            raise self._broken
        try:
            connection = self._timing = _usable(self._timing, self._connect)
            self._closing.turn(connection)
            gaps.bound(connection, self._names)
            self._publish_thread.submit(self._publish_outbox).result()
            self._mark(connection)
            self._check_topics()
        except (psycopg.Error, KafkaException, Unavailable) as error:
            if isinstance(error, psycopg.Error) and not passes(error):
                raise
            log.warning("not done this time, again in a second: %s", first_line_of(error))

    def _check_topics(self) -> None:
        if time.monotonic() - self._topics_checked_s > TOPICS_EVERY_S:
            self.source.check_topics()
            self._topics_checked_s = time.monotonic()

    def close(self) -> None:
        """Publish what has landed and leave the group. Nothing may be landing any more."""
        self._publish_thread.shutdown()
        self.source.abandon()
        self.source.close()
        self._landing.close()
        for connection in (self._publishing, self._timing):
            if connection is not None:
                connection.close()

    def _land(self, batch: Batch) -> Landed:
        try:
            for attempt in self._while(away):
                with attempt:
                    if attempt.num > 1:
                        log.warning("the reporting database is away; trying the batch again (attempt %d)", attempt.num)
                    with self._meter.step("land"):
                        landed = self._landing.land(batch)
                    self._meter.landed(len(landed.changes), len(landed.logs), len(landed.again), len(batch.letters))
                    return landed
        except psycopg.Error as error:
            if not away(error):
                raise
            raise Unavailable(
                f"the reporting database stayed away: {first_line_of(error)}",
                "start it; the worker goes on where it was",
            ) from None
        raise AssertionError("unreachable: the last attempt raises")

    def _await_publications(self, allowed: int) -> None:
        """Wait until at most this many batches are unpublished. Raises what publishing raised."""
        while self._publications and (len(self._publications) >= allowed or self._publications[0].done()):
            self._publications.popleft().result()

    def _publish(self, done: list[tuple[list[Span], Landed]]) -> None:
        try:
            if self._broken is not None:
                raise self._broken
            for attempt in self._while(passes):  # a transaction that waits for Kafka may meet its limit
                with attempt, self._meter.step("publish"):
                    connection = self._publishing = _usable(self._publishing, self._connect)
                    for _, landed in done:
                        self._publisher.landed(connection, landed)
                    if any(landed.amended for _, landed in done):
                        self._publisher.outbox(connection)
        except BaseException as error:
            self._broken = error
            self.source.gone()
            raise
        self.source.landed(_furthest([span for spans, _ in done for span in spans]))

    def _while(self, passing: Callable[[Exception], bool]) -> Iterable[stamina.Attempt]:
        """Attempts for as long as the reporting database may be away."""
        limit_s = self._settings.worker.database_retry_s
        return stamina.retry_context(on=passing, attempts=None, timeout=limit_s, wait_initial=0.1, wait_max=2.0)

    def _publish_outbox(self) -> None:
        connection = self._publishing = _usable(self._publishing, self._connect)
        for _ in range(OUTBOX_ROUNDS):
            if not self._publisher.outbox(connection):
                return

    def _note_progress(self, batch: Batch) -> None:
        if batch.positions:
            self._newest = max(batch.positions, key=lambda position: position.position)

    def _mark(self, connection: Connection[Any]) -> None:
        if self._newest is None or self._newest.position <= self._marked:
            return
        source = self._mapping.source
        with connection.cursor() as cursor:
            through = marks.through(cursor, source, self._newest)
        if through is None or through.position <= self._marked:
            return
        offsets = self.source.topics.end_offsets()
        with connection.transaction(), connection.cursor() as cursor:
            marks.keep_changes(cursor, source, through.time_us, through.position, offsets)
        self._marked = through.position


_HAS_TRANSACTION_TIMEOUT = 170_000


def connector(settings: Settings, kind: type[Connection[Any]] = Connection) -> Callable[[], Connection[Any]]:
    """Opens connections of clearsight_writer whose transactions cannot hang: a frozen worker must not block the next."""
    dsn = required(settings.report.writer_dsn, "report.writer_dsn")
    # Every statement looks up the keys of a batch. Plans are kept, and one made while a table was small would read all of it.
    options = (
        "-c timezone=UTC -c idle_in_transaction_session_timeout=15s"
        " -c synchronous_commit=on -c application_name=clearsight-worker"
        " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
    )

    def connect() -> Connection[Any]:
        connection = kind.connect(
            dsn,
            autocommit=True,
            options=options,
            connect_timeout=5,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
        )

        if connection.info.server_version >= _HAS_TRANSACTION_TIMEOUT:
            connection.execute("SET transaction_timeout = '60s'")
        return connection

    return connect


def _producer(settings: Settings) -> Producer:
    return Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 20,
            "delivery.report.only.error": True,  # whoever flushes learns of the others
            "message.max.bytes": AUDIT_MAX_BYTES,
            "logger": log,
        }
    )


def _usable(connection: Connection[Any] | None, connect: Callable[[], Connection[Any]]) -> Connection[Any]:
    return connect() if connection is None or connection.closed or connection.broken else connection


def _furthest(spans: list[Span]) -> list[Span]:
    """One span a partition: the last one counts."""
    return list({(span.topic, span.partition): span for span in spans}.values())
