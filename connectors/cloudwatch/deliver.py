"""Records to Kafka: idempotent, acknowledged by all replicas, and every delivery report waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from clearsight.errors import Unavailable

MAX_RECORD_BYTES = 4 * 1024 * 1024
"""What the topic takes."""

POLL_EVERY = 500
"""Records between two looks at the delivery reports."""

Delivered = Callable[[], None]


class DeliveryFailed(Unavailable):
    """Some records may not be in Kafka, and nobody knows which: what is there has to be read."""


class Outbox(Protocol):
    """A port: KafkaOutbox, and its twin in memory in the tests."""

    def send(self, topic: str, key: bytes, value: bytes, event_id: str | None, delivered: Delivered | None) -> None:
        """Hand over one record; `delivered` is called, by `send` or `settle`, when Kafka has it."""

    def settle(self) -> None:
        """Wait for every report. Raises DeliveryFailed; the outbox is of no use then, until `renew`."""

    def next_offsets(self, topic: str) -> dict[int, int]:
        """Partition → offset behind the last record that was delivered by this outbox."""

    def renew(self) -> None:
        """Forget what was not delivered and begin again."""


class KafkaOutbox:
    """`timeout_s` bounds how long a record may be on its way."""

    def __init__(self, bootstrap_servers: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "client.id": "clearsight-forwarder",
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 5,
            "batch.size": 1024 * 1024,
            "message.max.bytes": MAX_RECORD_BYTES,
            "queue.buffering.max.kbytes": 64 * 1024,
            "message.timeout.ms": int(timeout_s * 1000),
            "allow.auto.create.topics": False,
            "log_level": 0,
        }
        self._producer = Producer(self._config)
        self._offsets: dict[str, dict[int, int]] = {}
        self._failure: KafkaError | None = None
        self._sent = 0

    def send(self, topic: str, key: bytes, value: bytes, event_id: str | None, delivered: Delivered | None) -> None:
        headers: dict[str, str | bytes | None] | None = {"event_id": event_id} if event_id else None
        report = partial(self._report, delivered)
        give_up = time.monotonic() + self._timeout_s
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=report)
                break
            except BufferError:
                self._producer.poll(0.05)
                if time.monotonic() > give_up:
                    raise DeliveryFailed("Kafka takes no more records", _MEND) from None
            except KafkaException as error:
                raise DeliveryFailed(f"Kafka refuses a record ({error.args[0].name()})", _MEND) from None
        self._sent += 1
        if self._sent % POLL_EVERY == 0:
            self._producer.poll(0)

    def settle(self) -> None:
        waiting = self._producer.flush(self._timeout_s + 1)
        if self._failure is not None:
            raise DeliveryFailed(f"Kafka did not take every record ({self._failure.name()})", _MEND)
        if waiting:
            raise DeliveryFailed(f"{waiting} records without a delivery report", _MEND)

    def next_offsets(self, topic: str) -> dict[int, int]:
        return dict(self._offsets.get(topic, {}))

    def renew(self) -> None:
        self._producer.purge()
        self._producer.flush(1)
        self._failure = None
        self._offsets = {}
        self._producer = Producer(self._config)

    def _report(self, delivered: Delivered | None, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failure = self._failure or error
            return
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if topic is not None and partition is not None and offset is not None:
            offsets = self._offsets.setdefault(topic, {})
            offsets[partition] = max(offsets.get(partition, 0), offset + 1)
        if delivered is not None:
            delivered()


_MEND = "nothing is lost: the forwarder reads what Kafka has and goes on from there"
