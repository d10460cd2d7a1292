"""Log lines put straight onto their topic, as the forwarder writes them: how many of them share a correlation id decides."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence

import msgspec
from confluent_kafka import Producer
from ground import Ground
from raw_topics import names

from clearsight.errors import Unavailable
from clearsight.logline import LogLine

LOOK_EVERY = 10_000
FLUSH_LIMIT_S = 60.0


def put(ground: Ground, count: int, correlation_ids: Sequence[str], say: Callable[[str], None]) -> None:
    """Write `count` lines, those of each correlation id one after the other. Raises Unavailable where Kafka takes them not."""
    settings, topic = ground.settings, names(ground.settings).logs
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
        }
    )
    stream, encoder = f"bench-{uuid.uuid4()}", msgspec.json.Encoder()
    for number in range(count):
        correlation_id = correlation_ids[number * len(correlation_ids) // count]
        value = encoder.encode(_line(number, correlation_id, settings.cloudwatch.groups[0], stream))
        while True:
            try:
                producer.produce(topic, value, correlation_id.encode())
                break
            except BufferError:
                producer.poll(0.1)
        if number % LOOK_EVERY == 0:
            producer.poll(0)
            say(f"{number:,} of {count:,} lines")
    if left := producer.flush(FLUSH_LIMIT_S):
        raise Unavailable(f"Kafka has not taken {left:,} lines", "run the benchmark again")


def _line(number: int, correlation_id: str, group: str, stream: str) -> LogLine:
    now_ms = time.time_ns() // 1_000_000
    return LogLine(
        event_id=f"{now_ms:020}{number:036}",
        event_time=now_ms,
        forwarded_time=now_ms,
        account="000000000000",
        region="eu-central-1",
        log_group=group,
        log_stream=stream,
        correlation_id=correlation_id,
        correlation_source="field",
        service="forecast-api",
        level="INFO",
        message=f"changing input {number}",
        format="json",
    )
