"""Kafka in memory: the twin of KafkaOutbox and KafkaTopicReader for tests; the same contract tests hold for both."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from connectors.cloudwatch.deliver import Delivered, DeliveryFailed
from connectors.cloudwatch.topic_reader import Offsets, Record


@dataclass(frozen=True)
class Stored:
    record: Record
    event_id: str | None
    appended: int


class MemoryBroker:
    """Topics with their partitions, stamped with append time. `refuse` makes that many coming records fail."""

    def __init__(self, partitions: Mapping[str, int], clock: Callable[[], int]) -> None:
        self._clock = clock
        self._logs: dict[str, list[list[Stored]]] = {
            topic: [[] for _ in range(count)] for topic, count in partitions.items()
        }
        self.refuse = 0

    def append(self, topic: str, key: bytes, value: bytes, event_id: str | None) -> tuple[int, int]:
        """Partition and offset. Raises DeliveryFailed when refusing."""
        if self.refuse > 0:
            self.refuse -= 1
            raise DeliveryFailed("refused")
        partition = zlib.crc32(key) % len(self._logs[topic])
        log = self._logs[topic][partition]
        log.append(Stored(Record(partition, len(log), key, value), event_id, self._clock()))
        return partition, len(log) - 1

    def stored(self, topic: str) -> list[Stored]:
        return [stored for log in self._logs[topic] for stored in log]

    def logs(self, topic: str) -> list[list[Stored]]:
        return self._logs[topic]


class MemoryOutbox:
    """Records are in the broker when `settle` returns."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._waiting: list[tuple[str, bytes, bytes, str | None, Delivered | None]] = []
        self._offsets: defaultdict[str, Offsets] = defaultdict(dict)
        self._failure: DeliveryFailed | None = None

    def send(self, topic: str, key: bytes, value: bytes, event_id: str | None, delivered: Delivered | None) -> None:
        self._waiting.append((topic, key, value, event_id, delivered))

    def settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        for topic, key, value, event_id, delivered in waiting:
            try:
                partition, offset = self._broker.append(topic, key, value, event_id)
            except DeliveryFailed as error:
                self._failure = error
                continue
            self._offsets[topic][partition] = offset + 1
            if delivered is not None:
                delivered()
        if self._failure is not None:
            raise self._failure

    def next_offsets(self, topic: str) -> Offsets:
        return dict(self._offsets[topic])

    def renew(self) -> None:
        self._waiting, self._failure = [], None
        self._offsets.clear()


class MemoryTopicReader:
    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def first_offsets(self, topic: str) -> Offsets:
        return dict.fromkeys(range(len(self._broker.logs(topic))), 0)

    def end_offsets(self, topic: str) -> Offsets:
        return {partition: len(log) for partition, log in enumerate(self._broker.logs(topic))}

    def offsets_at(self, topic: str, timestamp: int) -> Offsets:
        return {
            partition: next((n for n, stored in enumerate(log) if stored.appended >= timestamp), len(log))
            for partition, log in enumerate(self._broker.logs(topic))
        }

    def read(self, topic: str, first: Offsets, end: Offsets) -> Iterator[Record]:
        for partition, log in enumerate(self._broker.logs(topic)):
            for stored in log[first.get(partition, 0) : end.get(partition, 0)]:
                yield stored.record
