"""Creates the product's topics, and says where existing ones differ: they are left as they are unless asked."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from clearsight.doctor.finding import Examination, Finding
from clearsight.doctor.kafka import TopicFacts, Wanted, judge_topics, mendable
from clearsight.doctor.kafka_kinds import CHECKS
from clearsight.errors import Unavailable
from clearsight.settings import KafkaSettings
from clearsight.topics import PARTITIONS, Topic, TopicNames, topics
from connectors.kafka_facts import admin_client, observe_topics, set_topic_settings

_TIMEOUT_S = 15.0


def create_topics(kafka: KafkaSettings, tables: tuple[str, ...]) -> list[str]:
    """Create what is missing for these audited tables ("schema.table") and return its names.

    Raises Unavailable where Kafka does not answer or refuses.
    """
    admin = admin_client(kafka.bootstrap_servers)
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=kafka.replication_factor,
            config=topic.config,
        )
        for topic in _topics(kafka, tables)
    ]
    created = []
    try:
        present = admin.list_topics(timeout=_TIMEOUT_S).topics
        missing = [topic for topic in wanted if topic.topic not in present]
        for name, future in admin.create_topics(missing, request_timeout=_TIMEOUT_S).items() if missing else ():
            if _created(future):
                created.append(name)
    except KafkaException as error:
        raise _unavailable(error) from None
    return created


class Differing(NamedTuple):
    """Where topics are not as `create_topics` makes them."""

    losing: list[Finding]
    """These lose records, or the order of records, once there are some."""
    lesser: list[Finding]


def differing_topics(kafka: KafkaSettings, tables: tuple[str, ...]) -> Differing:
    """Of those topics that Kafka tells of: a new one may not be seen yet. Raises Unavailable."""
    try:
        present = observe_topics(admin_client(kafka.bootstrap_servers), _topics(kafka, tables))
    except KafkaException as error:
        raise _unavailable(error) from None
    return judged(present, kafka, tables)


def judged(present: dict[str, TopicFacts], kafka: KafkaSettings, tables: tuple[str, ...]) -> Differing:
    """The same, of what was observed."""
    seen = [topic for topic in _topics(kafka, tables) if topic.name in present]
    losing, lesser = [], []
    for topic in seen:
        facts = present[topic.name]
        lost = {
            name: value for name, value in mendable(topic, facts).items() if name in _LOSING and name in facts.settings
        }
        losing.append(msgspec.structs.replace(topic, config=lost))
        kept = {name: value for name, value in topic.config.items() if name not in lost}
        lesser.append(msgspec.structs.replace(topic, config=kept, partitions=facts.partitions))
    whole = wanted_topics(kafka, tables)
    return Differing(
        _findings(present, msgspec.structs.replace(whole, topics=tuple(losing), replication_factor=0)),
        _findings(present, msgspec.structs.replace(whole, topics=tuple(lesser))),
    )


_LOSING = frozenset({"cleanup.policy", "message.timestamp.type", "retention.ms", "retention.bytes"})


def _findings(present: dict[str, TopicFacts], wanted: Wanted) -> list[Finding]:
    found = Examination("kafka", CHECKS)
    judge_topics(found, present, wanted)
    return [finding for _, finding in found.kinds]


def mend_topics(kafka: KafkaSettings, tables: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Set the settings that differ, by topic, and return them. Nothing is kept for a shorter time than before; partitions
    and copies stay. Raises Unavailable."""
    admin = admin_client(kafka.bootstrap_servers)
    wanted = _topics(kafka, tables)
    try:
        present = observe_topics(admin, wanted)
        changes = {topic.name: mendable(topic, present[topic.name]) for topic in wanted if topic.name in present}
        changes = {name: settings for name, settings in changes.items() if settings}
        if changes:
            set_topic_settings(admin, changes)
    except KafkaException as error:
        raise _unavailable(error) from None
    return changes


def wanted_topics(kafka: KafkaSettings, tables: tuple[str, ...], group: str = "", lag_limit_s: float = 0) -> Wanted:
    """What the doctor holds Kafka against."""
    return Wanted(
        topics=tuple(_topics(kafka, tables)),
        replication_factor=kafka.replication_factor,
        servers=kafka.bootstrap_servers,
        group=group,
        lag_limit_s=lag_limit_s,
        workers_at_most=PARTITIONS,
        connect_topics=tuple(f"{kafka.topic_prefix}.connect.{name}" for name in ("config", "offset", "status")),
        checkpoints=TopicNames(kafka.topic_prefix).forwarder_state,
    )


def _topics(kafka: KafkaSettings, tables: tuple[str, ...]) -> list[Topic]:
    return topics(kafka.topic_prefix, tables, kafka.retention_days)


def _created(future: object) -> bool:
    try:
        future.result()  # type: ignore[attr-defined]
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


def _unavailable(error: KafkaException) -> Unavailable:
    return Unavailable(f"Kafka: {error.args[0].str()}", "check CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS and that Kafka runs")
