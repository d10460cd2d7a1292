"""A worker that joins does not wait for more than the batch in flight."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from clearsight.settings import KafkaSettings, WorkerSettings
from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from stream_processors.batch import Span
from stream_processors.positions import Ownership
from stream_processors.source import Source

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

TOPIC = "one.partition"
LIMIT_S = 30


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("kafka") / "home")
    try:
        stack.up(["kafka"])
        yield stack
    finally:
        stack.down(purge=True)


@pytest.fixture(scope="module")
def servers(stack: Stack) -> str:
    return str(state.load(stack.home).settings["kafka"]["bootstrap_servers"])


class Reader:
    """A source that is polled by a thread of its own, as in the worker."""

    def __init__(self, servers: str, writer_dsn: str, name: str) -> None:
        def connect() -> psycopg.Connection[Any]:
            return psycopg.connect(writer_dsn, autocommit=True)

        kafka = KafkaSettings(bootstrap_servers=servers)
        self.source = Source(kafka, WorkerSettings(), [TOPIC], lambda topic: 0, Ownership(name), connect)
        self.offsets: list[int] = []
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
        self.source.abandon()
        self.source.close()

    def stop(self) -> None:
        self._stopping.set()
        self._polling.result(LIMIT_S)


def until(condition: Callable[[], Any]) -> None:
    give_up_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < give_up_s, "not in time"
        time.sleep(0.05)


def test_a_batch_that_lands_while_another_worker_joins(servers: str, report_database: Any) -> None:
    """The second worker gets nothing of the one partition, and is at work all the same."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(LIMIT_S)
    producer = Producer({"bootstrap.servers": servers})
    producer.produce(TOPIC, b"first")
    producer.flush(LIMIT_S)
    readers = [Reader(servers, report_database.writer_dsn, "first")]
    try:
        first = readers[0].source
        until(lambda: readers[0].offsets == [0])
        readers.append(Reader(servers, report_database.writer_dsn, "second"))
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


def _rebalancing(admin: AdminClient) -> bool:
    group = admin.describe_consumer_groups(["clearsight-worker"])["clearsight-worker"].result(LIMIT_S)
    return group.state.name == "PREPARING_REBALANCING"


def test_a_worker_that_stops_while_kafka_is_frozen(servers: str, stack: Stack, report_database: Any) -> None:
    """It ends without leaving its group."""
    AdminClient({"bootstrap.servers": servers}).create_topics([NewTopic(TOPIC, 1, 1)])
    reader = Reader(servers, report_database.writer_dsn, "frozen")
    until(lambda: reader.source.assigned)
    kafka = state.load(stack.home).processes["kafka"].pid
    os.kill(kafka, signal.SIGSTOP)
    try:
        reader.stop()
    finally:
        os.kill(kafka, signal.SIGCONT)
