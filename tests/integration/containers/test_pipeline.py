"""From a commit and a log line to their facts, through containers of the images that docker-compose.yml names."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from kit import kafka_connect
from kit.containers import Services, missing, services
from kit.debezium import log_line
from kit.waiting import until

from clearsight.asking import EVERYTHING
from clearsight.context import AuditContext, send_context

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

LANDING_LIMIT_S = 60
USER = uuid.uuid4()


@pytest.fixture(scope="module")
def running() -> Iterator[Services]:
    """The services, the connector, and a worker."""
    if reason := missing():
        pytest.skip(reason)
    with services() as found:
        for command in (("demo", "prepare"), ("migrate",), ("register", "--prepare")):
            clearsight(found, *command)
        worker = subprocess.Popen([sys.executable, "-m", "clearsight", "worker"], env=found.environment())
        try:
            yield found
        finally:
            worker.terminate()
            worker.wait(60)


def clearsight(found: Services, *arguments: str) -> None:
    command = [sys.executable, "-m", "clearsight", *arguments]
    done = subprocess.run(command, env=found.environment(), capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def facts(found: Services, query: str, *parameters: Any) -> tuple[Any, ...]:
    """The first row, once there is one."""
    with psycopg.connect(found.dsn("clearsight_api", "report"), autocommit=True, options=EVERYTHING) as connection:
        row = until(
            lambda: connection.execute(query.encode(), parameters).fetchone(), f"{query} {parameters}", LANDING_LIMIT_S
        )
        assert row is not None
        return row


def created(found: Services, correlation_id: str) -> str:
    """A scenario made by the application, in one transaction with its context; its id."""
    scenario = uuid.uuid4()
    with psycopg.connect(found.dsn("forecast_app", "source")) as connection:
        send_context(connection, AuditContext(correlation_id, str(USER), "scenario.create"))
        connection.execute(
            "INSERT INTO forecast.users (user_id, name, email) VALUES (%s, 'Ann', 'ann@example.org')"
            " ON CONFLICT DO NOTHING",
            (USER,),
        )
        connection.execute(
            "INSERT INTO forecast.scenarios (scenario_id, name, owner_id) VALUES (%s, 'Plan', %s)", (scenario, USER)
        )
    return str(scenario)


def test_a_change_and_a_log_line_are_joined(running: Services) -> None:
    correlation_id = f"c-{uuid.uuid4()}"
    scenario = created(running, correlation_id)
    topic, key, value = log_line(1, time.time_ns() // 1000, "scenario created", correlation_id=correlation_id)
    producer = Producer({"bootstrap.servers": running.bootstrap_servers, "partitioner": "murmur2_random"})
    producer.produce(topic, value, key)
    assert producer.flush(60) == 0
    change = facts(
        running,
        "SELECT f.op, f.correlation_id, s.scenario_id, u.user_id FROM rpt.fact_row_change f"
        " JOIN rpt.dim_scenario s USING (scenario_key) LEFT JOIN rpt.dim_user u USING (user_key)"
        " WHERE f.table_name = 'scenarios' AND f.correlation_id = %s",
        correlation_id,
    )
    assert change == ("c", correlation_id, scenario, str(USER))
    line = facts(
        running,
        "SELECT f.message, f.link, s.scenario_id FROM rpt.view_log f"
        " JOIN rpt.dim_scenario s USING (scenario_key) WHERE f.correlation_id = %s",
        correlation_id,
    )
    assert line == ("scenario created", "correlated", scenario)


def test_the_password_is_not_in_connects_answers(running: Services) -> None:
    config = kafka_connect.tell("GET", f"{running.connect_url}/connectors/clearsight/config")
    assert config.json()["database.password"] == "${env:CLEARSIGHT_SOURCE_PASSWORD}"
    password = running.dsn("clearsight_cdc", "source").split(":")[2].split("@")[0]
    assert password not in config.text


def test_without_an_engine_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(os.environ, "DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert missing() == "no container engine answers"
