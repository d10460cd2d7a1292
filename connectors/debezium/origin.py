"""Gives the connector the epoch that it writes into every record: see clearsight/origin.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import stamina
from confluent_kafka import Consumer, KafkaException, TopicPartition

from clearsight.doctor.connect import ORIGIN
from clearsight.errors import Unavailable
from clearsight.origin import FIRST_EPOCH, HEADER, Identity, Origin

_TIMEOUT_S = 10.0
UNKNOWN = Origin(FIRST_EPOCH, Identity("", ""))
"""Stands for the origin where only the rest of the settings is wanted."""


def settings(origin: Origin) -> dict[str, str]:
    """The settings of the connector that write it into every record."""
    return {
        "transforms": "origin",
        "transforms.origin.type": "org.apache.kafka.connect.transforms.InsertHeader",
        "transforms.origin.header": HEADER,
        ORIGIN: str(origin),
    }


def following(before: Origin | None, identity: Identity, anew: bool) -> Origin:
    """The origin of what comes now: another database, and a stream that begins anew, is a new epoch."""
    if before is None:
        return Origin(FIRST_EPOCH, identity)
    if before.identity == identity and not anew:
        return before
    return Origin(before.epoch + 1, identity)


def configured(config: Mapping[str, str]) -> Origin | None:
    """What a connector's configuration says."""
    return _parsed(config.get(ORIGIN))


def last_written(servers: str, topic: str) -> Origin | None:
    """What the last record of a topic of one partition says; None where there is none. Raises Unavailable."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "clearsight-register", "enable.auto.commit": False})
    try:
        # a topic that was just created has no leader for a moment
        for attempt in stamina.retry_context(on=KafkaException, attempts=None, timeout=_TIMEOUT_S, wait_max=0.5):
            with attempt:
                return _last(consumer, topic)
    except KafkaException as error:
        raise Unavailable(f"Kafka: {error.args[0].str()}", "check CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS") from None
    finally:
        consumer.close()
    raise AssertionError("unreachable: the last attempt raises")


def _last(consumer: Consumer, topic: str) -> Origin | None:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=_TIMEOUT_S)
    if high <= low:
        return None
    consumer.assign([TopicPartition(topic, 0, high - 1)])
    record = consumer.poll(_TIMEOUT_S)
    if record is None or record.error() is not None:
        return None
    value = dict(cast("list[tuple[str, bytes | None]]", record.headers() or [])).get(HEADER)
    return _parsed(value.decode() if value else None)


def _parsed(text: str | None) -> Origin | None:
    try:
        return Origin.parse(text) if text else None
    except ValueError:
        return None
