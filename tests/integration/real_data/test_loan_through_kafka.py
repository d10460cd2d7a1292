"""The capture through a real topic and the real worker, divided among partitions by Kafka's own partitioner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from kit import loan
from kit.reporting import Reporting
from kit.stacks import stack_of
from kit.waiting import until

from clearsight.settings import KafkaSettings
from clearsight.stack.supervisor import Stack
from clearsight.topics import topics
from connectors.topics import create_topics
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

MAPPING_FILE = Path(__file__).parents[2] / "data" / "loan.toml"
LIMIT_S = 300
IN_ORDER = 500
"""Records that may overtake each other, as those of the connector do. This client's queues of each partition run by themselves:
the one with all contexts would come seconds after the rows."""


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("kafka"), "kafka") as stack:
        yield stack


@pytest.fixture(scope="module")
def broker(kafka: Stack, stream: list[loan.Record], loan_records: list[RawRecord]) -> str:
    """Its address; the capture, with all that is not for the worker, and the log are on their topics."""
    address = f"127.0.0.1:{kafka.site().ports['kafka']}"
    tables = loan.mapping().tables()
    create_topics(KafkaSettings(bootstrap_servers=address, topic_prefix=loan.NAMES.prefix), tables)
    producer = Producer(
        {"bootstrap.servers": address, "partitioner": "murmur2_random", "linger.ms": 5, "batch.size": 16_384}
    )
    lines = [record for record in loan_records if record.topic == loan.NAMES.logs]
    sent = [
        *((record.topic, record.key, record.value) for record in stream),
        *((record.topic, record.key, record.value) for record in lines),
    ]
    for number, (topic, key, value) in enumerate(sent):
        if number % IN_ORDER == 0:
            assert producer.flush(LIMIT_S) == 0
        producer.produce(topic, value, key)
    assert producer.flush(LIMIT_S) == 0
    return address


@pytest.fixture(scope="module")
def through_kafka(kafka: Stack, broker: str, new_report_database: Callable[[], Any]) -> Iterator[Reporting]:
    """What the worker landed, when it had landed everything and was stopped."""
    database = new_report_database()
    reporting = Reporting(database.owner_dsn, database.writer_dsn, loan.mapping(), loan.NAMES)
    environment = {
        **os.environ,
        "CLEARSIGHT_HOME": str(kafka.home),
        "CLEARSIGHT_KAFKA__TOPIC_PREFIX": loan.NAMES.prefix,
        "CLEARSIGHT_REPORT__WRITER_DSN": database.writer_dsn,
        "CLEARSIGHT_MAPPING_FILE": str(MAPPING_FILE),
    }
    worker = subprocess.Popen([sys.executable, "-m", "clearsight", "worker"], env=environment)
    try:
        _await_landed(reporting, _ends(broker), worker)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(LIMIT_S)
    yield reporting
    reporting.close()


def test_the_worker_landed_the_same_facts(through_kafka: Reporting, landed: Reporting) -> None:
    through_kafka.settle_all()
    found, expected = through_kafka.facts(), landed.facts()
    for kind, rows in expected.items():
        assert found[kind] == rows, kind
    assert through_kafka.rows("SELECT count(*) FROM rpt.dead_letter") == [(0,)]
    assert through_kafka.rows("SELECT count(*) FROM rpt.gap") == [(0,)]


def test_rows_lie_on_every_partition(through_kafka: Reporting) -> None:
    used = through_kafka.rows("SELECT count(DISTINCT kafka_partition) FROM rpt.fact_row_change WHERE part = 'run'")
    assert used == [(3,)]


def test_hardly_anything_lands_before_its_context(through_kafka: Reporting) -> None:
    ((facts, amended),) = through_kafka.rows(
        "SELECT count(*), count(*) FILTER (WHERE revision > 1) FROM ("
        " SELECT revision FROM rpt.fact_row_change UNION ALL SELECT revision FROM rpt.fact_cloudwatch_log"
        " UNION ALL SELECT revision FROM rpt.fact_scenario_state_change) facts"
    )
    assert amended <= 0.05 * facts


def test_every_event_is_on_the_audit_topic(broker: str, through_kafka: Reporting) -> None:
    published = _audit(broker)
    landed = through_kafka.rows(
        "SELECT event_id::text FROM rpt.fact_row_change UNION ALL SELECT event_id::text FROM rpt.fact_cloudwatch_log"
        " UNION ALL SELECT event_id::text FROM rpt.fact_scenario_state_change"
        " UNION ALL SELECT event_id::text FROM rpt.fact_schema_change"
    )
    assert published.keys() == {event_id for (event_id,) in landed}


def _ends(broker: str) -> dict[tuple[str, int], int]:
    """The end of every partition that the worker reads and that holds something."""
    wanted = loan.NAMES.consumed(loan.mapping().tables())
    found = [topic for topic in topics(loan.NAMES.prefix, loan.mapping().tables(), 1) if topic.name in wanted]
    places = {
        TopicPartition(topic.name, number): OffsetSpec.latest() for topic in found for number in range(topic.partitions)
    }
    admin = AdminClient({"bootstrap.servers": broker})
    asked = admin.list_offsets(places)
    ends = {(place.topic, place.partition): found.result().offset for place, found in asked.items()}
    return {place: end for place, end in ends.items() if end}


def _await_landed(reporting: Reporting, ends: dict[tuple[str, int], int], worker: subprocess.Popen[bytes]) -> None:
    def landed() -> bool:
        assert worker.poll() is None, "the worker ended"
        rows = reporting.rows("SELECT topic, kafka_partition, next_offset FROM rpt.consumer_position")
        reached = {(topic, number): offset for topic, number, offset in rows}
        return all(reached.get(place, 0) >= end for place, end in ends.items())

    until(landed, "everything has landed", LIMIT_S)


def _audit(broker: str) -> dict[str, int]:
    """Event id → its highest revision."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "test", "enable.auto.commit": False})
    places = [TopicPartition(loan.NAMES.audit, number, 0) for number in range(3)]
    ends = {place.partition: consumer.get_watermark_offsets(place, LIMIT_S)[1] for place in places}
    consumer.assign(places)
    found: dict[str, int] = {}
    read = 0
    while read < sum(ends.values()):
        for message in consumer.consume(10_000, 5):
            assert not message.error()
            event_id = (message.key() or b"").decode()
            found[event_id] = max(found.get(event_id, 0), msgspec.json.decode(message.value() or b"")["revision"])
            read += 1
    consumer.close()
    return found
