"""The source's password stays out of what Kafka Connect stores and answers."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from kit import kafka_connect
from kit.stacks import stack_of
from kit.waiting import until
from pydantic import SecretStr

from clearsight.errors import SourceError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import ConnectSettings, KafkaSettings, Settings, SourceSettings
from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from connectors.debezium.register import connector_config, register

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
REFERENCE = "${env:CLEARSIGHT_SOURCE_PASSWORD}"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("password"), "register") as stack:
        yield stack


@pytest.fixture
def password(stack: Stack) -> str:
    return state.load(stack.home).passwords["clearsight_cdc"]


def settings_of(stack: Stack, reference: str | None) -> Settings:
    tree = state.load(stack.home).settings
    return Settings(
        source=SourceSettings(dsn=SecretStr(tree["source"]["dsn"])),
        kafka=KafkaSettings(**tree["kafka"]),
        connect=ConnectSettings(**{**tree["connect"], "password_reference": reference}),
    )


def registered(settings: Settings) -> None:
    register(settings.connect, connector_config(settings, MAPPING))


def answers(settings: Settings) -> dict[str, str]:
    paths = (
        "connectors/clearsight",
        "connectors/clearsight/config",
        "connectors/clearsight/tasks",
        "connectors?expand=info",
    )
    return {path: kafka_connect.tell("GET", f"{settings.connect.url}/{path}").text for path in paths}


def stored(settings: Settings, topic: str = "clearsight.connect.config") -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": settings.kafka.bootstrap_servers, "group.id": "test"})
    end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1]
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes] = []
    while True:
        for record in consumer.consume(1000, 1):
            values.append(record.value() or b"")
            if (record.offset() or 0) + 1 >= end:
                consumer.close()
                return values


def test_only_the_reference_is_answered_and_stored(stack: Stack, password: str) -> None:
    settings = settings_of(stack, REFERENCE)
    found = answers(settings)
    assert all(REFERENCE in text for text in found.values())
    assert [path for path, text in found.items() if password in text] == []
    records = stored(settings)
    assert any(REFERENCE.encode() in record for record in records)
    assert [record for record in records if password.encode() in record] == []


def test_the_connector_logs_in_with_it(stack: Stack, password: str) -> None:
    active = "SELECT active FROM pg_replication_slots WHERE slot_name = 'clearsight'"
    with psycopg.connect(state.load(stack.home).settings["source"]["admin_dsn"], autocommit=True) as connection:
        until(lambda: connection.execute(active).fetchone() == (True,), "its slot is read")


def test_what_connect_cannot_resolve_is_named(stack: Stack) -> None:
    """The allow-list of Connect's environment has one name; this is another."""
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        registered(settings_of(stack, "${env:HOME}"))
    assert "config.providers" in caught.value.mend
    assert "CLEARSIGHT_CONNECT__PASSWORD_REFERENCE" in caught.value.mend


def test_a_connect_without_providers_gets_the_password_itself(stack: Stack, password: str) -> None:
    registered(settings_of(stack, None))
    assert password in answers(settings_of(stack, None))["connectors/clearsight/config"]
    registered(settings_of(stack, REFERENCE))
    assert password not in answers(settings_of(stack, REFERENCE))["connectors/clearsight/config"]
