"""Which differences of topics keep `clearsight register` from starting the connector."""

from __future__ import annotations

import pytest

from clearsight.doctor.kafka import TopicFacts
from clearsight.settings import KafkaSettings
from clearsight.topics import topics
from connectors.topics import judged

pytestmark = pytest.mark.unit

TABLES = ("app.plan",)
KAFKA = KafkaSettings(replication_factor=2)


def said(setting: str, value: str) -> tuple[list[str], list[str]]:
    """Codes that lose records, and lesser ones, where the rows' topic has this setting."""
    wanted = topics(KAFKA.topic_prefix, TABLES, KAFKA.retention_days)
    present = {topic.name: TopicFacts(topic.partitions, 2, dict(topic.config)) for topic in wanted}
    name = wanted[0].name
    partitions, copies, config = wanted[0].partitions, 2, dict(wanted[0].config)
    if setting == "partitions":
        partitions = int(value)
    elif setting == "copies":
        copies = int(value)
    else:
        config[setting] = value
    found = judged(present | {name: TopicFacts(partitions, copies, config)}, KAFKA, TABLES)
    return [each.code for each in found.losing], [each.code for each in found.lesser]


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("partitions", "1", "kafka.partitions-few"),
        ("partitions", "7", "kafka.partitions-many"),
        ("cleanup.policy", "compact", "kafka.topic-cleanup"),
        ("cleanup.policy", "compact,delete", "kafka.topic-cleanup"),
        ("message.timestamp.type", "CreateTime", "kafka.topic-timestamps"),
        ("retention.ms", "1000", "kafka.topic-retention"),
        ("retention.bytes", "1000", "kafka.topic-retention"),
    ],
)
def test_what_loses_records_or_their_order_stops_it(setting: str, value: str, code: str) -> None:
    assert said(setting, value) == ([code], [])


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [
        ("copies", "1", "kafka.copies"),
        ("retention.ms", "-1", "kafka.topic-retention"),
        ("compression.type", "gzip", "kafka.topic-setting"),
        ("max.message.bytes", "1000", "kafka.topic-max-bytes"),
    ],
)
def test_the_rest_is_said_and_does_not(setting: str, value: str, code: str) -> None:
    assert said(setting, value) == ([], [code])


def test_topics_as_they_are_made_differ_in_nothing() -> None:
    assert said("partitions", "3") == ([], [])
