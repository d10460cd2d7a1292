"""The raw topics as Kafka has them: how long they are, what is in them, and who has read how far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from clearsight.errors import StackError, Unavailable
from clearsight.settings import Settings
from clearsight.topics import TopicNames

Ends = dict[tuple[str, int], int]
"""Topic and partition → the offset after its last record."""

POLL_S = 0.5
STANDSTILL_S = 60.0
GROUP_LIMIT_S = 30.0
READ_LIMIT_S = 30.0


def names(settings: Settings) -> TopicNames:
    return TopicNames(settings.kafka.topic_prefix)


@cache
def _admin(bootstrap_servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})


def admin(settings: Settings) -> AdminClient:
    return _admin(settings.kafka.bootstrap_servers)


def ends(settings: Settings, topics: Iterable[str]) -> Ends:
    client = admin(settings)
    known = client.list_topics(timeout=10).topics
    places = {
        TopicPartition(topic, number): OffsetSpec.latest() for topic in topics for number in known[topic].partitions
    }
    found = client.list_offsets(places)
    return {(place.topic, place.partition): future.result().offset for place, future in found.items()}


def consumed_ends(settings: Settings) -> Ends:
    """Of everything that the worker reads."""
    return ends(settings, names(settings).consumed(settings.mapping.tables()))


def length(settings: Settings, topic: str) -> int:
    """How many records were ever written to it."""
    return sum(ends(settings, [topic]).values())


def await_length(
    settings: Settings, topic: str, wanted: int, say: Callable[[str], None], poll_s: float = POLL_S
) -> None:
    """Until the topic holds as many records. Raises StackError where no more of them come."""
    held, moved_at_s = -1, time.monotonic()
    while held < wanted:
        before, held = held, length(settings, topic)
        if held != before:
            moved_at_s = time.monotonic()
        if time.monotonic() - moved_at_s > STANDSTILL_S:
            raise StackError(f"{topic} stays at {held:,} of {wanted:,} records", "look at what fills it, and run again")
        say(f"{held:,} of {wanted:,} in {topic}")
        time.sleep(poll_s if held < wanted else 0)


def records(settings: Settings, topic: str) -> Iterator[Message]:
    """Everything that the topic holds now, partition by partition. Raises Unavailable where Kafka stops to answer."""
    until = {place: end for place, end in ends(settings, [topic]).items() if end > 0}
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "group.id": "clearsight-bench-check",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.assign([TopicPartition(*place, 0) for place in until])
        came_s = time.monotonic()
        while until:
            batch = consumer.consume(5000, POLL_S)
            if batch:
                came_s = time.monotonic()
            elif time.monotonic() - came_s > READ_LIMIT_S:
                raise Unavailable(f"Kafka gave nothing of {topic} for {READ_LIMIT_S:.0f} s", "run the benchmark again")
            for message in batch:
                if error := message.error():
                    raise Unavailable(f"Kafka: {error.str()}", "run the benchmark again")
                place = (message.topic(), message.partition())
                if message.offset() < until.get(place, 0):
                    yield message
                if message.offset() + 1 >= until.get(place, 0):
                    until.pop(place, None)
    finally:
        consumer.close()


def forget_group(settings: Settings) -> None:
    """Remove what the worker's group has committed. Its last member must have left, which Kafka may notice a little late."""
    client, limit_s = admin(settings), time.monotonic() + GROUP_LIMIT_S
    group = settings.worker.group_id
    while True:
        try:
            client.delete_consumer_groups([group])[group].result()
            return
        except KafkaException as error:
            if error.args[0].name() == "GROUP_ID_NOT_FOUND":
                return
            if time.monotonic() > limit_s:
                raise Unavailable(
                    f"the worker's group cannot be removed: {error.args[0].str()}", "run the benchmark again"
                ) from None
            time.sleep(POLL_S)
