"""A worker's consumer: its settings, what a message of it is, and how it is left."""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol, cast

from confluent_kafka import KafkaError, KafkaException, Message

from clearsight.errors import PositionLost
from clearsight.settings import KafkaSettings, WorkerSettings
from stream_processors.raw_topics import unavailable
from stream_processors.records import RawRecord

log = logging.getLogger(__name__)


BEYOND_RETRY_S = 90
"""A batch takes longer than its database may be away by its last attempt, which may take a minute, and by what is published
before it. Not much longer, because so long does Kafka wait for a member that does not join again, and a broker that was killed
may come back with members that are gone, whose sessions never end (seen where it started slowly: nobody was dealt a
partition for as long as this is)."""


def options(kafka: KafkaSettings, worker: WorkerSettings) -> dict[str, Any]:
    """Of librdkafka."""
    return {
        "bootstrap.servers": kafka.bootstrap_servers,
        "group.id": worker.group_id,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": worker.session_timeout_ms,
        "max.poll.interval.ms": max(worker.session_timeout_ms, int((worker.database_retry_s + BEYOND_RETRY_S) * 1000)),
        "heartbeat.interval.ms": worker.session_timeout_ms // 5,
        "fetch.error.backoff.ms": 100,
        "queued.max.messages.kbytes": 16_384,
        "logger": log,
    }


def record_of(message: Message) -> RawRecord | None:
    """None for a notice that is over by itself.

    Raises PositionLost where Kafka does not have the next record, Unavailable where the consumer cannot go on.
    """
    error = message.error()
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if error is not None:
        _raise_if_final(error, topic)
        log.warning("Kafka: %s", error.str())
        return None
    if topic is None or partition is None or offset is None:
        return None
    key, value = message.key(), message.value()
    headers = tuple(cast("list[tuple[str, bytes | None]]", message.headers() or []))
    appended_ms = message.timestamp()[1]
    return RawRecord(topic, partition, offset, appended_ms, _optional_bytes(key), _optional_bytes(value), headers)


def _raise_if_final(error: KafkaError, topic: str | None) -> None:
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        raise PositionLost(
            f"Kafka no longer has the next record of {topic}", "start the worker again: it goes on after a recorded gap"
        )
    if error.fatal() or error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
        raise unavailable(error)


def _optional_bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data


class Leaving(Protocol):
    """What can be closed: a consumer."""

    def close(self) -> None: ...


def leave(consumer: Leaving, timeout_s: float) -> bool:
    """Close a consumer; whether it closed within `timeout_s`. librdkafka may wait for ever where Kafka goes away meanwhile."""

    def close() -> None:
        try:
            consumer.close()
        except KafkaException as error:
            # an assignment that comes while leaving cannot be answered any more, and need not be
            log.warning("leaving the group: %s", error.args[0].str())

    closing = threading.Thread(target=close, name="leaving", daemon=True)
    closing.start()
    closing.join(timeout_s)
    return not closing.is_alive()
