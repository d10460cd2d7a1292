"""A worker that joins does not wait for more than the batch in flight."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kit.waiting import until

from clearsight.errors import PositionLost, Unavailable
from clearsight.settings import KafkaSettings, WorkerSettings
from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from stream_processors.batch import Span
from stream_processors.positions import Ownership
from stream_processors.records import RawRecord
from stream_processors.source import Source

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

TOPIC = "one.partition"
LIMIT_S = 60
BATCH = 200
BACKLOG = 90_000
READ_AHEAD_BATCHES = 90
"""By then more rows wait than may: half of what is read are rows."""
FILLER = b"x" * 1000
"""A fetch brings some hundred records of each partition, not all of one."""
LANDING_S = 0.05
"""Of a batch: the backlog lasts for longer than a worker needs to join."""


def source_of(servers: str, writer_dsn: str, ownership: Ownership, *topics: str) -> Source:
    """Of the topics that it reads the first goes before the second, as contexts go before rows."""

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(writer_dsn, autocommit=True)

    kafka = KafkaSettings(bootstrap_servers=servers)
    worker = WorkerSettings(batch_max_events=BATCH)
    return Source(kafka, worker, list(topics), topics.index, ownership, connect)


class Reader:
    """A source that is polled by a thread of its own, as in the worker."""

    def __init__(self, servers: str, writer_dsn: str, name: str, *topics: str, lands: bool = False) -> None:
        self.ownership = Ownership(name)
        self.source = source_of(servers, writer_dsn, self.ownership, *topics)
        self.offsets: list[int] = []
        self.topics: set[str] = set()
        self.batches = 0
        self.not_owned: list[RawRecord] = []
        self._lands = lands
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self._polling = self._thread.submit(self._poll)

    def _poll(self) -> None:
        self.source.open()
        while not self._stopping.is_set():
            records = self.source.poll()
            if records:
                self.source.landing()
                self.offsets.extend(record.offset for record in records)
                self.topics.update(record.topic for record in records)
                self.not_owned += [each for each in records if not self.ownership.owns(each.topic, each.partition)]
                self.batches += 1
            if records and self._lands:
                self._stopping.wait(LANDING_S)
                self.source.landed([])
        self.source.abandon()
        self.source.close()

    def stop(self) -> None:
        self._stopping.set()
        self._polling.result(LIMIT_S)


def test_a_batch_that_lands_while_another_worker_joins(servers: str, report_database: Any) -> None:
    """The second worker gets nothing of the one partition, and is at work all the same."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(LIMIT_S)
    producer = Producer({"bootstrap.servers": servers})
    producer.produce(TOPIC, b"first")
    producer.flush(LIMIT_S)
    readers = [Reader(servers, report_database.writer_dsn, "first", TOPIC)]
    try:
        first = readers[0].source
        until(lambda: readers[0].offsets == [0])
        readers.append(Reader(servers, report_database.writer_dsn, "second", TOPIC))
        until(lambda: _rebalancing(admin))
        first.landed([Span(TOPIC, 0, 0, 1, None, None)])
        until(lambda: readers[1].source.assigned)
        producer.produce(TOPIC, b"second")
        producer.flush(LIMIT_S)
        until(lambda: 1 in readers[0].offsets + readers[1].offsets)
        for reader in readers:
            reader.source.abandon()
    finally:
        for reader in readers:
            reader.stop()


def test_what_was_read_of_a_partition_that_is_revoked_before_it_lands(servers: str, report_database: Any) -> None:
    """Records wait for their turn in the worker. Those of a partition that goes to another worker are that one's."""
    topic = "two.partitions"
    fill(servers, topic, BACKLOG)
    readers = [Reader(servers, report_database.writer_dsn, "first", topic, lands=True)]
    try:
        until(lambda: readers[0].batches > 1)
        readers.append(Reader(servers, report_database.writer_dsn, "second", topic, lands=True))
        until(lambda: all(reader.source.assigned for reader in readers))
        seen = [reader.batches for reader in readers]
        until(lambda: all(reader.batches > before for reader, before in zip(readers, seen, strict=True)))
    finally:
        for reader in readers:
            reader.stop()
    assert not any(reader.not_owned for reader in readers)


def test_a_partition_that_was_paused_when_its_worker_lost_it(servers: str, report_database: Any) -> None:
    """Rows are read ahead of their contexts up to a limit, then they are paused. Whoever gets them next reads them."""
    topics = ("contexts", "rows")
    for topic in topics:
        fill(servers, topic, 40_000)
    readers = [Reader(servers, report_database.writer_dsn, "first", *topics, lands=True)]
    try:
        until(lambda: readers[0].batches > READ_AHEAD_BATCHES)
        assert readers[0].topics == {"contexts"}
        readers.append(Reader(servers, report_database.writer_dsn, "second", *topics, lands=True))
        until(lambda: all(reader.source.assigned for reader in readers))
        for reader in readers:
            reader.topics.clear()
        until(lambda: all("rows" in reader.topics for reader in readers))
    finally:
        for reader in readers:
            reader.stop()


def test_a_topic_that_is_made_again_while_it_is_read(servers: str, report_database: Any) -> None:
    """Its offsets begin anew, and records below the old position would not be read. The consumer itself only notices where
    the new topic is shorter than the old one."""
    topic = "made.again"
    fill(servers, topic, 0)
    source = source_of(servers, report_database.writer_dsn, Ownership("first"), topic)
    source.open()
    try:
        until(lambda: source.poll() or source.assigned)  # and not any more: it might hear that the topic is gone
        source.check_topics()
        admin = AdminClient({"bootstrap.servers": servers})
        admin.delete_topics([topic])[topic].result(LIMIT_S)
        until(lambda: topic not in admin.list_topics(timeout=LIMIT_S).topics)
        with pytest.raises(KafkaException):
            source.check_topics()
        fill(servers, topic, 100)
        with pytest.raises(PositionLost, match=f"the topic {topic} was deleted and made again"):
            source.check_topics()
    finally:
        source.abandon()
        source.close()


def fill(servers: str, topic: str, records: int) -> None:
    """A topic of two partitions."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(LIMIT_S)
    producer = Producer({"bootstrap.servers": servers})
    for number in range(records):
        producer.produce(topic, FILLER, partition=number % 2)
    assert producer.flush(LIMIT_S) == 0


def _rebalancing(admin: AdminClient) -> bool:
    group = admin.describe_consumer_groups(["clearsight-worker"])["clearsight-worker"].result(LIMIT_S)
    return group.state.name == "PREPARING_REBALANCING"


def kafka_is_away() -> psycopg.Connection[Any]:
    AdminClient({"bootstrap.servers": "127.0.0.1:1", "logger": logging.getLogger("away")}).list_topics(timeout=0.2)
    raise AssertionError


def database_is_away() -> psycopg.Connection[Any]:
    return psycopg.connect("host=127.0.0.1 port=1 dbname=nowhere connect_timeout=1")


def fault() -> psycopg.Connection[Any]:
    raise RuntimeError("no such thing")


@pytest.mark.parametrize(
    ("connect", "kind", "told"),
    [
        (kafka_is_away, Unavailable, "Kafka: Failed to get metadata"),
        (database_is_away, Unavailable, "the reporting database did not answer"),
        (fault, RuntimeError, "no such thing"),
    ],
)
def test_what_fails_while_partitions_are_dealt_ends_the_worker_with_its_reason(
    servers: str, connect: Callable[[], psycopg.Connection[Any]], kind: type[Exception], told: str
) -> None:
    """Of what Kafka's client raises in a callback it makes something that no `except` catches: the thread ended, and the
    worker waited for it for ever."""
    topic = f"dealt.{connect.__name__}"
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(LIMIT_S)
    kafka = KafkaSettings(bootstrap_servers=servers)
    settings = WorkerSettings(group_id=f"group-of-{topic}")
    source = Source(kafka, settings, [topic], [topic].index, Ownership("worker"), connect, dealing_limit_s=0.5)
    source.open()

    def dealt() -> None:
        give_up = time.monotonic() + LIMIT_S
        while time.monotonic() < give_up:
            source.poll()

    with ThreadPoolExecutor(1) as thread, pytest.raises(kind, match=told):
        thread.submit(dealt).result(LIMIT_S)
    assert not source.assigned
    source.close()


def test_a_worker_that_stops_while_kafka_is_frozen(servers: str, stack: Stack, report_database: Any) -> None:
    """It ends without leaving its group."""
    topic = "of.a.frozen.kafka"
    fill(servers, topic, 0)
    reader = Reader(servers, report_database.writer_dsn, "frozen", topic)
    until(lambda: reader.source.assigned)
    kafka = state.load(stack.home).processes["kafka"].pid
    os.kill(kafka, signal.SIGSTOP)
    try:
        reader.stop()
    finally:
        os.kill(kafka, signal.SIGCONT)
