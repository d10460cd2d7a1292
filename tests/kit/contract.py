"""Every kind of record that the real connector makes: tables for it, the changes, and what arrived in Kafka."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from kit import kafka_connect
from kit.waiting import until

from clearsight.mapping import Mapping
from clearsight.mapping_file import parse_mapping
from clearsight.settings import ConnectSettings, KafkaSettings, Settings, SourceSettings
from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from clearsight.topics import TopicNames
from connectors.debezium.register import connector_config, register
from connectors.debezium.source import prepare
from connectors.topics import create_topics
from stream_processors.records import RawRecord

PREFIX = "contract"
NAMES = TopicNames(PREFIX)
SIGNALS = f"{PREFIX}.signal"
LIMIT_S = 90.0
CONTRACT = Path(__file__).parents[1] / "data" / "contract.sql"
MAPPING: Mapping = parse_mapping(
    """
[source.scenario]
table = "contract.scenario"
key = "id"
name = "name"
status = "status"
lifecycle = { created = "created_at", submitted = "submitted_at" }
[source.input]
table = "contract.partial"
key = "id"
scenario = "scenario_id"
value = ["amount", "body"]
replica_identity = "default"
[source.run]
table = "contract.run"
key = "id"
scenario = "scenario_id"
status = "status"
error = "error"
replica_identity = "default"
[source.user]
table = "contract.person"
key = "id"
name = "name"
email = "email"
replica_identity = "default"
[[source.other]]
table = "contract.pair"
key = ["a", "b"]
[[source.other]]
table = "contract.typed"
key = "id"
[[source.other]]
table = "contract.evolving"
key = "id"
[[source.other]]
table = "contract.reborn"
key = "id"
[[source.other]]
table = "contract.lapsed"
key = "id"
[[source.other]]
table = "contract.busy"
key = "id"
[[source.other]]
table = "contract.keyless"
key = "id"
"""
)
KEYLESS = """
GRANT SELECT ON contract.keyless TO clearsight_cdc;
ALTER PUBLICATION contract ADD TABLE contract.keyless;
ALTER TABLE contract.keyless REPLICA IDENTITY FULL;
"""
"""By hand: our own preparation refuses a table whose key is not unique."""


class Contract:
    """One source with one connector of its own: `run` changes it, `until` reads what came."""

    def __init__(self, stack: Stack) -> None:
        tree = state.load(stack.home).settings
        self.settings = Settings(
            source=SourceSettings(**tree["source"], slot=PREFIX, publication=PREFIX),
            kafka=KafkaSettings(**tree["kafka"], topic_prefix=PREFIX),
            connect=ConnectSettings(**tree["connect"], connector_name=PREFIX),
        )
        self.source = psycopg.connect(tree["source"]["admin_dsn"], autocommit=True)
        self.records: list[RawRecord] = []
        self._servers = {"bootstrap.servers": self.settings.kafka.bootstrap_servers}
        self._sent = 0

    def prepare(self) -> None:
        """The tables, with rows for the snapshot, their publication, and the topics."""
        self.run(CONTRACT.read_text())
        prepare(self.settings.source, msgspec.structs.replace(MAPPING, other=MAPPING.other[:-1]))
        self.run(KEYLESS)
        create_topics(self.settings.kafka, MAPPING.tables())
        admin = AdminClient(self._servers)
        admin.create_topics([NewTopic(SIGNALS, 1, 1)])[SIGNALS].result(LIMIT_S)
        self._consumer = Consumer({**self._servers, "group.id": PREFIX, "enable.auto.commit": False})
        read = [*NAMES.changes(MAPPING.tables()), NAMES.message, NAMES.transaction, NAMES.heartbeat]
        until(lambda: set(read) <= self._topics().keys(), "the topics are known")
        topics = self._topics()
        self._consumer.assign([TopicPartition(name, each, 0) for name in read for each in topics[name].partitions])

    def register(self, **changed: str) -> None:
        """Our connector's own configuration, with signals through Kafka; `changed` in it: dots written as "__"."""
        signals = {
            "read.only": "true",
            "signal.enabled.channels": "kafka",
            "signal.kafka.topic": SIGNALS,
            "signal.kafka.bootstrap.servers": self._servers["bootstrap.servers"],
            "signal.poll.interval.ms": "100",
        }
        config = connector_config(self.settings, MAPPING) | signals
        register(self.settings.connect, config | {key.replace("__", "."): value for key, value in changed.items()})

    def forget_offsets(self, *meanwhile: str) -> None:
        """As when Connect's offsets are lost: the connector takes its snapshot anew. `meanwhile` runs while it stands."""
        url = f"{self.settings.connect.url}/connectors/{PREFIX}"
        kafka_connect.tell("PUT", f"{url}/stop")
        until(lambda: kafka_connect.states(url) == ("STOPPED",), "the connector stands")
        until(lambda: kafka_connect.ask("DELETE", f"{url}/offsets").is_success, "its offsets are gone")
        self.run(*meanwhile)
        kafka_connect.tell("PUT", f"{url}/resume")

    def failure(self) -> str:
        """Why the connector's task failed; empty where none did."""
        status = kafka_connect.tell("GET", f"{self.settings.connect.url}/connectors/{PREFIX}/status").json()
        return "".join(task.get("trace", "") for task in status["tasks"])

    def run(self, *statements: str) -> None:
        """In one transaction."""
        with self.source.transaction():
            for statement in statements:
                self.source.execute(statement.encode())

    def signal(self, **data: Any) -> None:
        """Ask for a snapshot of tables while the stream goes on."""
        producer = Producer(self._servers)
        value = json.dumps({"type": "execute-snapshot", "data": data})
        producer.produce(SIGNALS, value.encode(), PREFIX.encode())
        assert producer.flush(LIMIT_S) == 0

    def caught_up(self) -> None:
        """Wait for a transaction of its own: what was committed before has come then, as one producer sends in order."""
        self._sent += 1
        content = json.dumps({"correlation_id": f"caught-up-{self._sent}"})
        self.run(f"SELECT pg_logical_emit_message(true, 'clearsight', '{content}')")
        self.until(lambda records: content in map(said, records))

    def until(self, holds: Callable[[list[RawRecord]], bool], timeout_s: float = LIMIT_S) -> None:
        """Read until this holds of all records so far. Fails the test where it never does."""
        until(lambda: self._read() or holds(self.records), "the records", timeout_s)

    def close(self) -> None:
        self._consumer.close()
        self.source.close()

    def _topics(self) -> dict[str, Any]:
        found: dict[str, Any] = self._consumer.list_topics(timeout=LIMIT_S).topics
        return found

    def _read(self) -> None:
        for record in self._consumer.consume(10_000, 0.1):
            if record.error():
                raise KafkaException(record.error())
            place = (str(record.topic()), record.partition() or 0, record.offset() or 0)
            self.records.append(RawRecord(*place, record.timestamp()[1], record.key(), record.value()))


class Writers:
    """Sessions that commit a statement again and again, each as fast as it can."""

    def __init__(self, dsn: str, statement: str, sessions: int = 4) -> None:
        self._dsn = dsn
        self._statement = statement.encode()
        self._stopped = threading.Event()
        self._written = 0
        self._wrote = threading.Condition()
        self._pool = ThreadPoolExecutor(sessions)
        self._sessions = [self._pool.submit(self._write) for _ in range(sessions)]

    def __enter__(self) -> Writers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for session in self._sessions:
            session.result()
        self._pool.shutdown()

    def write(self, commits: int) -> None:
        """Wait until this many more were committed."""
        with self._wrote:
            enough = self._written + commits
            assert self._wrote.wait_for(lambda: self._written >= enough, LIMIT_S), "the sessions do not write"

    def _write(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._stopped.is_set():
                connection.execute(self._statement)
                with self._wrote:
                    self._written += 1
                    self._wrote.notify_all()


def value_of(record: RawRecord) -> dict[str, Any]:
    """A record's value without its schema; {} of a tombstone."""
    value: dict[str, Any] = json.loads(record.value or b"{}")
    return value["payload"] if value.keys() == {"schema", "payload"} else value


def said(record: RawRecord) -> str | None:
    """What a logical message says."""
    message = value_of(record).get("message")
    return base64.b64decode(message["content"]).decode() if message else None
