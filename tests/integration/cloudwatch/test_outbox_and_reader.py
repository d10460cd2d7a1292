"""One suite for the Kafka ports and their twins in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from kit.waiting import until

from clearsight.errors import Unavailable
from clearsight.topics import TopicNames
from connectors.cloudwatch.deliver import DeliveryFailed, KafkaOutbox, Outbox
from connectors.cloudwatch.memory import MemoryBroker, MemoryOutbox, MemoryTopicReader
from connectors.cloudwatch.start import wait_for_topics
from connectors.cloudwatch.topic_reader import KafkaTopicReader, TopicReader

pytestmark = pytest.mark.integration

Ports = tuple[Outbox, TopicReader, TopicNames]
NOBODY = "127.0.0.1:1"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def in_memory(_: Callable[[str], Any]) -> Ports:
    names = TopicNames()
    broker = MemoryBroker({names.logs: 3, names.forwarder_state: 1}, now_ms)
    return MemoryOutbox(broker), MemoryTopicReader(broker), names


def on_kafka(fixture: Callable[[str], Any]) -> Ports:
    servers = fixture("bootstrap_servers")
    return KafkaOutbox(servers, timeout_s=60), KafkaTopicReader(servers), fixture("topic_names")


@pytest.fixture(params=[in_memory, on_kafka])
def ports(request: pytest.FixtureRequest) -> Ports:
    made: Ports = request.param(request.getfixturevalue)
    return made


def test_what_was_settled_can_be_read(ports: Ports) -> None:
    outbox, reader, names = ports
    delivered: list[int] = []
    for n in range(1000):
        outbox.send(names.logs, f"key {n}".encode(), f"{n}".encode(), f"id {n}", lambda n=n: delivered.append(n))
    outbox.settle()
    assert sorted(delivered) == list(range(1000))
    end = reader.end_offsets(names.logs)
    assert end == outbox.next_offsets(names.logs)
    records = list(reader.read(names.logs, reader.first_offsets(names.logs), end))
    assert sorted(int(record.value or b"") for record in records) == list(range(1000))
    assert {record.key for record in records} == {f"key {n}".encode() for n in range(1000)}


def test_a_part_of_a_topic_is_read_exactly(ports: Ports) -> None:
    outbox, reader, names = ports
    for n in range(100):
        outbox.send(names.forwarder_state, b"k%d" % n, f"{n}".encode(), None, None)
    outbox.settle()
    records = list(reader.read(names.forwarder_state, {0: 40}, {0: 60}))
    assert [record.offset for record in records] == list(range(40, 60))
    assert list(reader.read(names.forwarder_state, {0: 60}, {0: 60})) == []


def test_offsets_by_append_time(ports: Ports) -> None:
    outbox, reader, names = ports
    before = now_ms()
    outbox.send(names.forwarder_state, b"k", b"first", None, None)
    outbox.settle()
    between = now_ms() + 1
    while now_ms() <= between:
        pass
    outbox.send(names.forwarder_state, b"k", b"second", None, None)
    outbox.settle()
    assert reader.offsets_at(names.forwarder_state, before) == {0: 0}
    assert reader.offsets_at(names.forwarder_state, between) == {0: 1}
    assert reader.offsets_at(names.forwarder_state, now_ms() + 60_000) == {0: 2}


def test_a_renewed_outbox_delivers_again(ports: Ports) -> None:
    outbox, reader, names = ports
    outbox.send(names.logs, b"k", b"v", None, None)
    outbox.settle()
    outbox.renew()
    outbox.send(names.logs, b"k", b"v", None, None)
    outbox.settle()
    assert sum(reader.end_offsets(names.logs).values()) == 2


def test_equal_keys_go_where_java_would_send_them(bootstrap_servers: str, topic_names: TopicNames) -> None:
    """murmur2 of Kafka's Java client, of three partitions."""
    outbox = KafkaOutbox(bootstrap_servers, timeout_s=60)
    reader = KafkaTopicReader(bootstrap_servers)
    keys = [b"abc-123", b"0b5f1c1e-8a1c-4b5e-9a37-4a2f0a3f1c11", b"/g/s", b"x"]
    for key in keys:
        outbox.send(topic_names.logs, key, b"v", None, None)
    outbox.settle()
    end = reader.end_offsets(topic_names.logs)
    found = {record.key: record.partition for record in reader.read(topic_names.logs, {}, end)}
    assert found == {key: (murmur2(key) & 0x7FFFFFFF) % 3 for key in keys}


def test_records_for_a_broker_that_is_away_are_reported(bootstrap_servers: str) -> None:
    outbox = KafkaOutbox(NOBODY, timeout_s=1)
    outbox.send("clearsight.logs", b"k", b"v", None, None)
    with pytest.raises(DeliveryFailed):
        outbox.settle()
    with pytest.raises(Unavailable):
        KafkaTopicReader(NOBODY).end_offsets("clearsight.logs")


def refused(servers: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        wait_for_topics(servers, ("not.there",), 0)
    assert caught.value.mend
    return caught.value


def test_start_names_what_is_missing(bootstrap_servers: str) -> None:
    until(lambda: "no topic not.there" in refused(bootstrap_servers).message, "the topic is named")
    assert f"{NOBODY} does not answer" in refused(NOBODY).message


def murmur2(data: bytes) -> int:
    """As in org.apache.kafka.common.utils.Utils."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    for place in range(0, len(data) - len(data) % 4, 4):
        k = int.from_bytes(data[place : place + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    tail = data[len(data) - len(data) % 4 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
