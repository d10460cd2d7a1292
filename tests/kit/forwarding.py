"""`clearsight simulator` and `clearsight forward` as processes, and what came of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from confluent_kafka.admin import AdminClient, NewTopic
from kit.ports import free_port
from kit.waiting import until

from clearsight.logline import ForwarderState
from clearsight.topics import TopicNames, topics
from connectors.cloudwatch.state import read_states
from connectors.cloudwatch.topic_reader import KafkaTopicReader


@contextmanager
def fresh_topics(servers: str) -> Iterator[TopicNames]:
    """The forwarder's topics, as the product makes them, under a prefix of their own."""
    names = TopicNames(f"t{uuid.uuid4().hex[:12]}")
    own = (names.logs, names.forwarder_state, names.forwarder_jobs)
    wanted = [topic for topic in topics(names.prefix, (), 30) if topic.name in own]
    admin = AdminClient({"bootstrap.servers": servers})
    made = admin.create_topics([NewTopic(topic.name, topic.partitions, 1, config=topic.config) for topic in wanted])
    for future in made.values():
        future.result(60)
    yield names
    for future in admin.delete_topics(list(own)).values():
        future.result(60)


def logs_client(port: int) -> Any:
    """boto3 as an application has it, but for the address."""
    return boto3.client(
        "logs",
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


@dataclass
class Programs:
    """The simulator and the forwarder of one test, with what they share."""

    home: Path
    servers: str
    names: TopicNames
    groups: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, output: int | None = None, **environment: str) -> subprocess.Popen[bytes]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CLEARSIGHT_")}
        own |= {
            "CLEARSIGHT_HOME": str(self.home),
            "CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "CLEARSIGHT_KAFKA__TOPIC_PREFIX": self.names.prefix,
            "CLEARSIGHT_CLOUDWATCH__ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "CLEARSIGHT_CLOUDWATCH__GROUPS": json.dumps(self.groups),
            "CLEARSIGHT_FORWARDER__HTTP_PORT": str(self.http_port),
            "CLEARSIGHT_READY_FILE": str(self.ready_file),
            **self.environment,
            **environment,
        }
        with (self.home / "log").open("ab") as log:
            program = subprocess.Popen(
                [sys.executable, "-m", "clearsight", *arguments], env=own, stdout=output or log, stderr=log
            )
        self.running.append(program)
        return program

    def run(self, *arguments: str, exit_code: int = 0, **environment: str) -> Any:
        """A command to its end: what it printed, as JSON. Fails where its exit code is another one."""
        program = self.start(*arguments, output=subprocess.PIPE, **environment)
        printed, _ = program.communicate(timeout=240)
        assert program.returncode == exit_code, self.log
        return json.loads(printed)

    def close(self) -> None:
        for program in self.running:
            program.kill()
            program.wait()

    @property
    def ready_file(self) -> Path:
        return self.home / "ready"

    @property
    def log(self) -> str:
        return (self.home / "log").read_text()

    def simulator(self, *options: str) -> subprocess.Popen[bytes]:
        program = self.start("simulator", "--port", str(self.port), *options)
        until(lambda: self.health() is not None, "the simulator answers")
        return program

    def forwarder(self, **environment: str) -> subprocess.Popen[bytes]:
        self.ready_file.unlink(missing_ok=True)
        return self.start("forward", "run", **environment)

    def wait_until_ready(self) -> None:
        until(self.ready_file.exists, "the forwarder is ready")

    def health(self) -> Any:
        return self.asked("_health")

    def simulated_now(self) -> int:
        return int(self.asked("_clock")["now"])

    def asked(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=60) as answer:
                return json.load(answer)
        except OSError:
            return None

    def ledger(self) -> list[str]:
        """Event ids that CloudWatch accepted."""
        lines = (self.home / "cloudwatch" / "ledger.jsonl").read_text().splitlines()
        return sorted(json.loads(line)["event_id"] for line in lines)

    def records(self) -> list[dict[str, Any]]:
        reader = KafkaTopicReader(self.servers)
        records = reader.read(self.names.logs, {}, reader.end_offsets(self.names.logs))
        return [json.loads(record.value or b"") for record in records]

    def published(self) -> list[str]:
        """Event ids in the topic, with any that is there twice."""
        return sorted(record["event_id"] for record in self.records())

    def count(self) -> int:
        """Records in the topic; nothing is read."""
        return sum(KafkaTopicReader(self.servers).end_offsets(self.names.logs).values())

    def states(self) -> dict[str, ForwarderState]:
        return read_states(KafkaTopicReader(self.servers), self.names.forwarder_state, set(self.groups))
