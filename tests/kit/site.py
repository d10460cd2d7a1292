"""Where workers of their own land what is written to a real Kafka: several such sites share one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kit.debezium import NAMES
from kit.dying_worker import DIED, run
from kit.reporting import Facts, Reporting
from kit.story import Record
from pydantic import SecretStr

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import KafkaSettings, ReportSettings, Settings, WorkerSettings
from clearsight.topics import TopicNames, topics
from stream_processors.worker import Worker

MAPPING = load_mapping(DEFAULT_MAPPING)
LIMIT_S = 90
SESSION_TIMEOUT_MS = 6000


@dataclass
class Site:
    """Topics of one partition, a consumer group and a reporting database."""

    names: TopicNames
    servers: str
    database: Any

    def write(self, records: list[Record]) -> None:
        producer = Producer({"bootstrap.servers": self.servers})
        for topic, key, value in records:
            producer.produce(topic.replace(NAMES.prefix, self.names.prefix, 1), value, key, partition=0)
        assert producer.flush(LIMIT_S) == 0

    def work(self) -> None:
        """Land what there is."""
        run(
            Worker(
                Settings(
                    kafka=KafkaSettings(bootstrap_servers=self.servers, topic_prefix=self.names.prefix),
                    report=ReportSettings(writer_dsn=SecretStr(self.database.writer_dsn)),
                    worker=WorkerSettings(group_id=self.names.prefix, session_timeout_ms=SESSION_TIMEOUT_MS),
                )
            )
        )

    def die(self, step: str) -> None:
        """A process of its own dies at the step."""
        code, told = self.run("kit.dying_worker", step)
        assert code == DIED, f"{step} was never reached: {told}"

    def run(self, *module: str) -> tuple[int, str]:
        """The exit code of a process that ends by itself, and what it said."""
        with self.started(*module) as process:
            told, _ = process.communicate(timeout=LIMIT_S)
        return process.returncode, told

    @contextmanager
    def started(self, *module: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
        """A process that is gone afterwards."""
        environment = {
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "CLEARSIGHT_KAFKA__TOPIC_PREFIX": self.names.prefix,
            "CLEARSIGHT_REPORT__WRITER_DSN": self.database.writer_dsn,
            "CLEARSIGHT_WORKER__GROUP_ID": self.names.prefix,
            "CLEARSIGHT_WORKER__SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            **settings,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def facts(self) -> Facts:
        with closing(self._reporting()) as reporting:
            reporting.settle()
            return reporting.facts()

    def revisions(self) -> dict[str, int]:
        return dict(
            self.rows(
                "SELECT event_id::text, revision FROM rpt.fact_row_change"
                " UNION ALL SELECT event_id::text, revision FROM rpt.fact_cloudwatch_log"
                " UNION ALL SELECT event_id::text, revision FROM rpt.fact_scenario_state_change"
                " UNION ALL SELECT event_id::text, revision FROM rpt.fact_schema_change"
            )  # type: ignore[arg-type]
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self._reporting()) as reporting:
            return reporting.rows(query)

    def _reporting(self) -> Reporting:
        return Reporting(self.database.owner_dsn, self.database.writer_dsn, MAPPING, self.names)

    def published(self) -> dict[str, int]:
        """Event id → the highest revision in the audit topic."""
        found: dict[str, int] = {}
        for value in _read(self.servers, self.names.audit):
            event = json.loads(value)
            found[event["event_id"]] = max(event["revision"], found.get(event["event_id"], 0))
        return found


def make_topics(*sites: Site) -> None:
    admin = AdminClient({"bootstrap.servers": sites[0].servers})
    wanted = [topic for site in sites for topic in topics(site.names.prefix, MAPPING.tables(), 1)]
    for created in admin.create_topics([NewTopic(topic.name, topic.partitions, 1) for topic in wanted]).values():
        created.result(LIMIT_S)


def _read(servers: str, topic: str) -> Iterator[bytes]:
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.auto.commit": False})
    try:
        for number in consumer.list_topics(topic, timeout=LIMIT_S).topics[topic].partitions:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=LIMIT_S)
            consumer.assign([TopicPartition(topic, number, 0)])
            read = 0
            while read < end:
                message = consumer.poll(LIMIT_S)
                assert message is not None
                assert not message.error()
                read = (message.offset() or 0) + 1
                yield message.value() or b""
    finally:
        consumer.close()
