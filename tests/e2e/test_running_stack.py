"""A running product: incidents of seeds that nobody looked at while building, parts that go away, records that are wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from kit.killing import kill
from kit.product import Product
from kit.waiting import until

from clearsight.demo.incident_plans import NAMES
from clearsight.demo.incidents import seeded
from clearsight.demo.seeds import Seeds
from clearsight.demo.session import open_session
from clearsight.settings import Settings, load_settings

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TEN_SEEDS = range(880_331, 880_341)


@pytest.fixture(scope="module")
def running(product: Product) -> Product:
    product.run("up")
    return product


@pytest.fixture(scope="module")
def settings(running: Product) -> Settings:
    before = os.environ.get("CLEARSIGHT_HOME")
    os.environ["CLEARSIGHT_HOME"] = str(running.home)
    try:
        return load_settings()
    finally:
        if before is None:
            del os.environ["CLEARSIGHT_HOME"]
        else:
            os.environ["CLEARSIGHT_HOME"] = before


def query(settings: Settings, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    assert settings.report.owner_dsn
    with psycopg.connect(settings.report.owner_dsn.get_secret_value()) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def explained(running: Product, settings: Settings, run_id: str) -> Any:
    """The cause, once the run has landed as failed and nothing of it waits for its context any more, and changes and lines
    have landed through its end."""
    until(
        lambda: query(
            settings,
            "SELECT 1 FROM rpt.fact_run_diagnostic d JOIN rpt.dim_run r USING (run_key) WHERE r.run_id = %s"
            " AND d.outcome = 'failed' AND d.category IS NOT NULL AND NOT EXISTS (SELECT 1 FROM rpt.fact_row_change f"
            " WHERE f.scenario_key = d.scenario_key AND f.link = 'pending')",
            run_id,
        ),
        f"run {run_id} landed",
    )
    cause = until(lambda: answered(running, run_id), f"run {run_id} is covered")["cause"]
    return cause and {key: cause[key] for key in ("kind", "category", "node", "change_key")}


def answered(running: Product, run_id: str) -> Any:
    """Why the run failed; None while the answer says that what it is about has not landed through its end."""
    why = json.loads(running.run("why", run_id, "--json"))
    covered = why["coverage"]
    throughs = [covered["changes"]["through"], *(group["through"] for group in covered["logs"])]
    end = datetime.fromisoformat(why["run"]["finished_at"])
    return why if all(through and datetime.fromisoformat(through) >= end for through in throughs) else None


def test_ten_seeds_of_every_incident_are_explained(running: Product, settings: Settings) -> None:
    wrong = []
    incidents = []
    with open_session(settings, connections=4) as session:
        for seed in TEN_SEEDS:
            seeds = Seeds(seed, round_=1)
            incidents += [(seed, seeded(name, session.application, session.dsn, seeds)) for name in NAMES]
    for seed, incident in incidents:
        found = explained(running, settings, str(incident.run_id))
        if found != incident.seeded_cause._asdict():
            wrong.append((seed, incident.name, incident.seeded_cause, found))
    assert wrong == []
    assert len(incidents) == 50


def test_an_undecodable_record_is_kept_and_the_rest_goes_on(running: Product, settings: Settings) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    producer.produce("clearsight.forecast.inputs", b"{not json", b"key", partition=0)
    assert producer.flush(60) == 0
    (letter,) = until(
        lambda: query(settings, "SELECT record_value, reason, topic FROM rpt.dead_letter"), "the dead letter"
    )
    assert (bytes(letter[0]), letter[2]) == (b"{not json", "clearsight.forecast.inputs")
    incident = json.loads(running.run("demo", "break", "calculation", "--seed", "41", "--json"))
    assert explained(running, settings, incident["run_id"]) == incident["seeded_cause"]


def test_the_databases_killed_in_the_middle(running: Product, settings: Settings) -> None:
    """Source and reporting database at once: worker, connector and API go on by themselves when they are back."""
    worker, api = running.pid("worker"), running.pid("api")
    log = running.home / "logs" / "worker.log"
    read = log.stat().st_size
    running.kill("postgres")
    until(lambda: b"again" in log.read_bytes()[read:], "the worker noticed")
    running.run("up")
    incident = json.loads(running.run("demo", "break", "validation", "--seed", "42", "--json"))
    assert explained(running, settings, incident["run_id"]) == incident["seeded_cause"]
    assert (running.pid("worker"), running.pid("api")) == (worker, api)


def test_the_worker_stops_when_asked(running: Product) -> None:
    pid = running.pid("worker")
    kill(pid, signal.SIGTERM)
    running.run("up")
    assert running.pid("worker") != pid


@pytest.mark.parametrize(
    ("variable", "value", "command", "code", "said"),
    [
        ("CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1", "worker", 5, "Kafka"),
        (
            "CLEARSIGHT_REPORT__WRITER_DSN",
            "postgresql://u:secret-word@127.0.0.1:1/x",
            "worker",
            5,
            "reporting database",
        ),
        ("CLEARSIGHT_CONNECT__URL", "http://127.0.0.1:1", "register", 5, "Kafka Connect"),
        ("CLEARSIGHT_MAPPING_FILE", "/nowhere.toml", "worker", 2, "/nowhere.toml"),
        ("CLEARSIGHT_WORKER__BATCH_MAX_EVENTS", "many", "worker", 2, "CLEARSIGHT_WORKER__BATCH_MAX_EVENTS"),
        ("CLEARSIGHT_SOURCE__DSN", "postgresql://u:secret-word@127.0.0.1:1/x", "register", 5, "source database"),
    ],
)
def test_what_is_wrong_is_one_line_with_a_mend(
    running: Product, variable: str, value: str, command: str, code: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clearsight", command],
        env={**os.environ, "CLEARSIGHT_HOME": str(running.home), variable: value},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == code, done.stderr
    error = next(line for line in done.stderr.splitlines() if line.startswith("error:"))
    assert said in error
    assert "mend:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr
