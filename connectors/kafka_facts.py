"""Looks at Kafka and the product's topics, for the doctor and for `register`."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
)

from clearsight.doctor.finding import Away
from clearsight.doctor.kafka import ForwarderFacts, KafkaFacts, TopicFacts, Waiting, Wanted, WorkerFacts
from clearsight.errors import Unavailable
from clearsight.topics import Topic

TIMEOUT_S = 4.0
SEEN_WITHIN_S = 30.0
_POLL_S = 0.05

_SILENT = logging.Logger("kafka")
_SILENT.addHandler(logging.NullHandler())


def admin_client(servers: str) -> AdminClient:
    """One that keeps its complaints to itself."""
    return AdminClient({"bootstrap.servers": servers, "log_level": 0}, logger=_SILENT)


def observe_kafka(wanted: Wanted, consumed: Sequence[str]) -> KafkaFacts | Away:
    """`consumed` are the topics that the workers' consumer group reads. Raises KafkaException where Kafka refuses."""
    servers, group, lag_limit_s = wanted.servers, wanted.group, wanted.lag_limit_s
    admin = admin_client(servers)
    try:
        cluster = admin.list_topics(timeout=TIMEOUT_S)
    except KafkaException as error:
        return Away(servers, error.args[0].str())
    found = observe_topics(admin, wanted.topics)
    return KafkaFacts(
        topics=found,
        broker=_broker_settings(admin, servers, min(cluster.brokers)),
        workers=_workers(admin, servers, group, {name: found[name] for name in consumed if name in found}, lag_limit_s),
        forwarder=_forwarder(admin, servers, wanted.checkpoints),
        connect_policies=_policies(admin, [name for name in wanted.connect_topics if name in cluster.topics]),
    )


def observe_topics(admin: AdminClient, topics: Sequence[Topic]) -> dict[str, TopicFacts]:
    """Those of `topics` that exist. Raises KafkaException."""
    present = admin.list_topics(timeout=TIMEOUT_S).topics
    names = [topic.name for topic in topics if topic.name in present]
    if not names:
        return {}
    asked = admin.describe_configs([_resource(name) for name in names], request_timeout=TIMEOUT_S)
    settings = {resource.name: _values(future) for resource, future in asked.items()}
    return {
        name: TopicFacts(
            partitions=len(present[name].partitions),
            copies=min(len(partition.replicas) for partition in present[name].partitions.values()),
            settings=settings[name],
        )
        for name in names
    }


def set_topic_settings(admin: AdminClient, changes: dict[str, dict[str, str]], within_s: float = SEEN_WITHIN_S) -> None:
    """Set each topic's settings, leave its others alone, and wait until the broker shows them.

    The controller takes them, and brokers follow it: on a busy machine after seconds. Raises KafkaException where they are
    refused, Unavailable where they are not seen in time.
    """
    resources = [
        _resource(
            name,
            [
                ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
                for setting, value in settings.items()
            ],
        )
        for name, settings in changes.items()
    ]
    for future in admin.incremental_alter_configs(resources, request_timeout=TIMEOUT_S).values():
        future.result()
    give_up_s = time.monotonic() + within_s
    while not _in_effect(admin, changes):
        if time.monotonic() > give_up_s:
            names = ", ".join(sorted(changes))
            message = f"Kafka took the settings of {names}, but does not show them after {within_s:g} s"
            raise Unavailable(
                message, "see whether Kafka's log names an error, then look again with `clearsight doctor`"
            )
        time.sleep(_POLL_S)


def _in_effect(admin: AdminClient, changes: dict[str, dict[str, str]]) -> bool:
    """False where the broker is too busy to tell."""
    asked = admin.describe_configs([_resource(name) for name in changes], request_timeout=TIMEOUT_S)
    try:
        return all(changes[resource.name].items() <= _values(future).items() for resource, future in asked.items())
    except KafkaException:
        return False


def _resource(topic: str, settings: list[Any] | None = None) -> ConfigResource:
    return ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=settings)


def _values(future: Future[dict[str, Any]]) -> dict[str, str]:
    return {name: str(entry.value) for name, entry in future.result().items()}


def _broker_settings(admin: AdminClient, servers: str, broker: int) -> dict[str, str] | Away:
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    try:
        (future,) = admin.describe_configs([resource], request_timeout=TIMEOUT_S).values()
        return _values(future)
    except KafkaException as error:
        return Away(servers, error.args[0].str(), refused=True)


def _policies(admin: AdminClient, topics: list[str]) -> dict[str, str]:
    asked = admin.describe_configs(list(map(_resource, topics)), request_timeout=TIMEOUT_S) if topics else {}
    return {resource.name: _values(future)["cleanup.policy"] for resource, future in asked.items()}


def _forwarder(admin: AdminClient, servers: str, topic: str) -> ForwarderFacts | Away:
    newest = OffsetSpec.max_timestamp()  # type: ignore[no-untyped-call]
    try:
        (future,) = admin.list_offsets({TopicPartition(topic, 0): newest}, request_timeout=TIMEOUT_S).values()
        at_ms = future.result().timestamp
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return ForwarderFacts(None)
        return Away(servers, error.args[0].str(), refused=True)
    return ForwarderFacts(time.time_ns() // 1_000_000 - at_ms if at_ms >= 0 else None)


def _workers(
    admin: AdminClient, servers: str, group: str, topics: dict[str, TopicFacts], lag_limit_s: float
) -> WorkerFacts | Away:
    """Away while the group has no coordinator, or where this login may not see it."""
    try:
        return WorkerFacts(_members(admin, group), _waiting(admin, group, topics, lag_limit_s))
    except KafkaException as error:
        return Away(servers, error.args[0].str(), refused=True)


def _members(admin: AdminClient, group: str) -> int:
    (future,) = admin.describe_consumer_groups([group], request_timeout=TIMEOUT_S).values()
    return len(future.result().members)


def _waiting(admin: AdminClient, group: str, topics: dict[str, TopicFacts], lag_limit_s: float) -> tuple[Waiting, ...]:
    """Where the record that the group reads next has been there for longer than `lag_limit_s`.

    That is where its offset is before the first record that was appended since.
    """
    places = [TopicPartition(name, number) for name, topic in topics.items() for number in range(topic.partitions)]
    if not places:
        return ()
    since_ms = int((time.time() - lag_limit_s) * 1000)
    ends = _offsets(admin, places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
    recent = _offsets(admin, places, OffsetSpec.for_timestamp(since_ms))
    first = _offsets(admin, places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
    (future,) = admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group)], request_timeout=TIMEOUT_S
    ).values()
    read = {(place.topic, place.partition): place.offset for place in future.result().topic_partitions or ()}
    records: dict[str, int] = {}
    for place, end in ends.items():
        next_offset = max(first[place], read.get(place, 0))
        if next_offset < (recent[place] if recent[place] >= 0 else end):
            records[place[0]] = records.get(place[0], 0) + end - next_offset
    return tuple(Waiting(topic, count) for topic, count in records.items())


def _offsets(admin: AdminClient, places: list[TopicPartition], spec: OffsetSpec) -> dict[tuple[str, int], int]:
    asked = admin.list_offsets(dict.fromkeys(places, spec), request_timeout=TIMEOUT_S)
    return {(place.topic, place.partition): future.result().offset for place, future in asked.items()}
