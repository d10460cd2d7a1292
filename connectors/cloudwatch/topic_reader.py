"""Reads parts of a topic once, without a consumer group: for starting from what Kafka already holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from clearsight.errors import Unavailable

BATCH = 5000
_REQUEST_TIMEOUT_S = 10.0
_STALL_LIMIT_S = 30.0

Offsets = dict[int, int]
"""Partition → offset."""


class Record(NamedTuple):
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class TopicReader(Protocol):
    """A port: KafkaTopicReader, and its twin in memory in the tests. All raise Unavailable."""

    def first_offsets(self, topic: str) -> Offsets: ...

    def end_offsets(self, topic: str) -> Offsets: ...

    def offsets_at(self, topic: str, timestamp: int) -> Offsets:
        """Of the first record appended at this time, epoch milliseconds, or later; the end where there is none."""

    def read(self, topic: str, first: Offsets, end: Offsets) -> Iterator[Record]:
        """Every record from `first` up to `end`, exclusive, partition by partition or mixed."""


class KafkaTopicReader:
    def __init__(self, bootstrap_servers: str) -> None:
        self._config = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "clearsight-forwarder-start",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "log_level": 0,
        }

    def first_offsets(self, topic: str) -> Offsets:
        return {partition: low for partition, (low, _) in self._watermarks(topic).items()}

    def end_offsets(self, topic: str) -> Offsets:
        return {partition: high for partition, (_, high) in self._watermarks(topic).items()}

    def offsets_at(self, topic: str, timestamp: int) -> Offsets:
        ends = self.end_offsets(topic)
        asked = [TopicPartition(topic, partition, max(0, timestamp)) for partition in ends]
        with _Session(self._config) as consumer:
            found = consumer.offsets_for_times(asked, timeout=_REQUEST_TIMEOUT_S)
        return {p.partition: p.offset if p.offset >= 0 else ends[p.partition] for p in found}

    def read(self, topic: str, first: Offsets, end: Offsets) -> Iterator[Record]:
        left = {partition: end[partition] for partition in end if first.get(partition, 0) < end[partition]}
        if not left:
            return
        with _Session(self._config) as consumer:
            consumer.assign([TopicPartition(topic, partition, first.get(partition, 0)) for partition in left])
            progressed = time.monotonic()
            while left:
                for message in consumer.consume(BATCH, 0.1):
                    problem = message.error()
                    if problem is not None:
                        raise Unavailable(f"{topic} cannot be read ({problem.name()})", "look at the broker's log")
                    partition, offset = message.partition(), message.offset()
                    if partition is None or offset is None or partition not in left:
                        continue
                    progressed = time.monotonic()
                    if offset < end[partition]:
                        yield Record(partition, offset, message.key(), message.value())
                _drop_finished(consumer, topic, left)
                if time.monotonic() - progressed > _STALL_LIMIT_S:
                    raise Unavailable(f"{topic} stops short of its end", "look at the broker's log")

    def _watermarks(self, topic: str) -> dict[int, tuple[int, int]]:
        with _Session(self._config) as consumer:
            described = consumer.list_topics(topic, timeout=_REQUEST_TIMEOUT_S).topics[topic]
            if described.error is not None:
                raise Unavailable(f"Kafka has no topic {topic} ({described.error.name()})", "run `clearsight register`")
            return {
                partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_REQUEST_TIMEOUT_S)
                for partition in described.partitions
            }


def _drop_finished(consumer: Consumer, topic: str, left: Offsets) -> None:
    """Take out the partitions whose position has reached the end; compaction can leave no record there."""
    for place in consumer.position([TopicPartition(topic, partition) for partition in left]):
        if place.offset >= left[place.partition]:
            del left[place.partition]


class _Session:
    """A consumer whose errors are ours."""

    def __init__(self, config: dict[str, object]) -> None:
        self._consumer = Consumer(config)

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._consumer.close()
        if isinstance(error, KafkaException):
            raise Unavailable(
                f"Kafka does not answer ({error.args[0].name()})", "start Kafka, or wait for it"
            ) from error
