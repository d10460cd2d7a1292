"""A worker process that dies at a step of its work, or stops by itself, leaves what the next one makes whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kit.debezium import NAMES
from kit.dying_worker import DIED, STEPS, run
from kit.reporting import Facts, Reporting
from kit.stacks import servers_of, stack_of
from kit.story import Record, tell
from kit.waiting import until
from pydantic import SecretStr

from clearsight.errors import LandingError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import KafkaSettings, ReportSettings, Settings, WorkerSettings
from clearsight.topics import TopicNames, topics
from stream_processors.undecodable import IN_A_ROW
from stream_processors.worker import Worker

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

MAPPING = load_mapping(DEFAULT_MAPPING)
LIMIT_S = 90
SESSION_TIMEOUT_MS = 6000
AT_ONCE = 3
STORY = tell()
EARLY = [record for record in STORY[: len(STORY) // 2] if record[0] != NAMES.message]
LATE = [record for record in STORY if record not in EARLY]
"""With all contexts: what landed early is amended by them, in the batch that also lands something new."""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stack_of(tmp_path_factory.mktemp("kafka"), "kafka") as stack:
        yield servers_of(stack)


@dataclass
class Site:
    """Topics, a consumer group and a reporting database for one step's death."""

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
            "PYTHONPATH": str(Path(__file__).parents[2]),
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


@pytest.fixture(scope="module")
def sites(servers: str, new_report_database: Callable[[], Any]) -> dict[str | None, Site]:
    """For each step one whose worker died there, having landed the early half before, and whose next worker went on;
    for None one whose worker never died."""
    steps: tuple[str | None, ...] = (None, *STEPS)
    made = {
        step: Site(TopicNames(f"step{number}"), servers, new_report_database()) for number, step in enumerate(steps)
    }
    make_topics(*made.values())

    def prepare(step: str | None) -> None:
        site = made[step]
        site.write(EARLY)
        site.work()
        site.write(LATE)
        if step:
            site.die(step)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(prepare, steps))
        list(pool.map(Site.work, made.values()))
    return made


@pytest.fixture(scope="module")
def never_died(sites: dict[str | None, Site]) -> Facts:
    site = sites[None]
    assert site.published() == site.revisions()
    assert max(site.revisions().values()) > 1, "nothing was amended"
    return site.facts()


@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_died_before(step: str, sites: dict[str | None, Site], never_died: Facts) -> None:
    site = sites[step]
    assert site.published() == site.revisions()
    assert site.facts() == never_died


def test_a_worker_whose_topic_cannot_be_decoded(
    servers: str, new_report_database: Callable[[], Any], never_died: Facts
) -> None:
    """It takes some records for dead letters, then it stops, each time anew; what is good beside them is not lost by it."""
    few, many = IN_A_ROW // 2 + 1, 3 * IN_A_ROW
    site = Site(TopicNames("undecodable"), servers, new_report_database())
    make_topics(site)
    letters = "SELECT count(*), count(DISTINCT (topic, kafka_partition, kafka_offset)) FROM rpt.dead_letter"

    site.write([*EARLY, *broken(few)])
    site.work()
    assert site.rows(letters) == [(few, few)]
    for more, why in (
        (broken(few), rf"the last {2 * few} records of undecodable\.logs cannot be decoded"),
        ([*broken(many), *LATE], r"\d+ of \d+ records cannot be decoded"),
    ):
        site.write(more)
        code, told = site.run("clearsight", "worker")
        assert code == LandingError.exit_code, told
        assert re.search(f"error: {why}", told), told
        assert "CLEARSIGHT_WORKER__UNDECODABLE_LIMIT=1" in told
        assert site.rows(letters) == [(few, few)]

    with site.started("clearsight", "worker", CLEARSIGHT_WORKER__UNDECODABLE_LIMIT="1") as worker:
        until(lambda: site.rows(letters) == [(2 * few + many, 2 * few + many)] and site.published() == site.revisions())
        worker.terminate()
        assert worker.wait(LIMIT_S) == 0
    assert site.facts() == never_died


def broken(count: int) -> list[Record]:
    return [(NAMES.logs, b"k", b"{broken")] * count
