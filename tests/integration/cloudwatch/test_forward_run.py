"""`clearsight simulator` and `clearsight forward run` as processes, on a real Kafka, killed in the middle."""

from __future__ import annotations

import json
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.forwarding import Programs, logs_client
from kit.waiting import until

from clearsight.topics import TopicNames
from connectors.cloudwatch.topic_reader import KafkaTopicReader

pytestmark = pytest.mark.integration

GROUPS = ("/it/a", "/it/b")
LINES = 20_000
LIMIT_S = 60.0
AWAY = "; nothing is lost"
BACK = "works again"


@pytest.fixture
def programs(tmp_path: Path, bootstrap_servers: str, topic_names: TopicNames) -> Iterator[Programs]:
    programs = Programs(tmp_path, bootstrap_servers, topic_names, GROUPS)
    yield programs
    programs.close()


class Writer:
    """An application that logs in batches, some of them late."""

    def __init__(self, port: int, seed: int) -> None:
        self._logs = logs_client(port)
        self._chance = random.Random(seed)
        self.written = 0

    def create(self) -> None:
        for group in GROUPS:  # the simulated account has the groups themselves
            for stream in ("1", "2"):
                self._logs.create_log_stream(logGroupName=group, logStreamName=stream)

    def write(self, count: int) -> None:
        late_ms = self._chance.choice([0, 0, 0, 500, 4_000, 15_000])
        now = time.time_ns() // 1_000_000 - late_ms
        message = {"level": "INFO", "service": "it", "location": "f:1", "message": "hello"}
        events = [
            {
                "timestamp": now + n // 50,
                "message": json.dumps({**message, "correlation_id": f"c-{(self.written + n) % 500}"}),
            }
            for n in range(count)
        ]
        group, stream = self._chance.choice(GROUPS), self._chance.choice(["1", "2"])
        self._logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
        self.written += count


def test_kill_9_in_the_middle_loses_and_doubles_nothing(programs: Programs) -> None:
    programs.simulator()
    writer, chance = Writer(programs.port, seed=11), random.Random(12)
    writer.create()
    forwarder = programs.forwarder()
    until(programs.ready_file.exists, "the forwarder is ready")
    kills, next_kill = 0, LINES // 10
    while writer.written < LINES:
        writer.write(min(chance.randint(20, 200), LINES - writer.written))
        if writer.written >= next_kill:
            until(lambda: len(programs.published()) > 0, "something was published")
            forwarder.kill()
            forwarder.wait()
            forwarder = programs.forwarder()
            kills, next_kill = kills + 1, next_kill + chance.randint(2_000, 5_000)
            if kills % 2:
                until(programs.ready_file.exists, "the forwarder is ready again")
    assert kills >= 3
    until(lambda: len(programs.published()) >= LINES, "everything was published")
    settled = time.time_ns() // 1_000_000
    until(lambda: all(s.through > settled for s in programs.states().values()), "the checkpoints have passed")
    assert programs.published() == programs.ledger()
    assert len(programs.ledger()) == LINES
    assert {int(p): o for p, o in programs.states()[GROUPS[0]].offsets.items()} == KafkaTopicReader(
        programs.servers
    ).end_offsets(programs.names.logs)
    forwarder.send_signal(signal.SIGTERM)
    assert forwarder.wait(LIMIT_S) == 0


def test_kill_9_of_the_simulator_changes_nothing_that_it_accepted(programs: Programs) -> None:
    simulator = programs.simulator()
    writer = Writer(programs.port, seed=21)
    writer.create()
    forwarder = programs.forwarder()
    for kill in range(1, 4):
        for _ in range(10):
            writer.write(100)
        simulator.kill()
        simulator.wait()
        until(lambda: programs.log.count(AWAY) >= kill, "the forwarder says that CloudWatch is away")  # noqa: B023
        simulator = programs.simulator()
        until(lambda: programs.log.count(BACK) >= kill, "the forwarder says that it is back")  # noqa: B023
    until(lambda: len(programs.published()) >= writer.written, "everything was published")
    assert programs.published() == programs.ledger()
    assert len(programs.ledger()) == writer.written == 3_000
    assert programs.log.count(AWAY) <= 2 * 3 * len(GROUPS)
    forwarder.send_signal(signal.SIGTERM)
    assert forwarder.wait(LIMIT_S) == 0
    assert "Traceback" not in programs.log


def test_kafka_away_at_start_is_one_line_with_a_mend(programs: Programs) -> None:
    forwarder = programs.forwarder(
        CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS="127.0.0.1:1", CLEARSIGHT_FORWARDER__START_TIMEOUT_S="1"
    )
    assert forwarder.wait(LIMIT_S) == 5
    said = programs.log.strip().splitlines()
    assert said[0] == "error: Kafka at 127.0.0.1:1 does not answer"
    assert said[1].startswith("  mend: ")
    assert len(said) == 2


def test_a_taken_port_is_one_line_with_a_mend(programs: Programs) -> None:
    with socket.create_server(("127.0.0.1", programs.port)):
        simulator = programs.start("simulator", "--port", str(programs.port))
        assert simulator.wait(LIMIT_S) == 4
    assert "cannot be used" in programs.log
    assert "mend: choose another --port" in programs.log
