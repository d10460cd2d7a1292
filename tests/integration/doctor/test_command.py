"""The command: what it prints, its exit codes, its time limit, and what it mends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from connectors.kafka_facts import set_topic_settings
from tests.integration.doctor.world import World

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

TOPIC = "clearsight.transaction"


def run(world: World, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "clearsight", *arguments],
        env={**os.environ, "CLEARSIGHT_HOME": str(world.product.home), **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    return done


def doctor(world: World, *arguments: str, **variables: str) -> tuple[int, dict[str, Any]]:
    done = run(world, "doctor", "--json", *arguments, **variables)
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


def codes(found: dict[str, Any]) -> list[str]:
    return [finding["code"] for finding in found["findings"]]


def test_nothing_wrong(world: World) -> None:
    code, found = doctor(world, "--strict")
    assert (code, found["findings"], found["consequences"], found["not_checked"]) == (0, [], [], [])
    assert {"area": "source", "check": "replica identity"} in found["checked"]
    assert "nothing wrong in" in run(world, "doctor").stdout


def test_one_area_looks_at_nothing_else(world: World) -> None:
    _, found = doctor(world, "--area", "kafka")
    assert {each["area"] for each in found["checked"]} == {"settings", "kafka"}
    assert run(world, "doctor", "--area", "kafak").returncode == 2


def test_settings_that_cannot_be_read(world: World) -> None:
    code, found = doctor(world, CLEARSIGHT_WORKER__BATCH_MAX_EVENTS="many")
    assert (code, codes(found)) == (2, ["settings.invalid"])
    assert {each["area"] for each in found["not_checked"]} >= {"source", "kafka", "connect", "report", "api"}


def test_a_part_that_is_away(world: World) -> None:
    code, found = doctor(world, "--area", "connect", CLEARSIGHT_CONNECT__URL="http://127.0.0.1:1")
    assert (code, codes(found)) == (5, ["connect.unreachable"])
    because = {each["because"] for each in found["not_checked"]}
    assert because == {"Kafka Connect does not answer"}


def test_warnings_count_when_asked(world: World) -> None:
    dsn = {"CLEARSIGHT_DEMO__DSN": "postgresql://forecast_app:change-me-3@127.0.0.1:1/source"}
    code, found = doctor(world, **dsn)
    assert (code, codes(found)) == (0, ["settings.default-password"])
    assert doctor(world, "--strict", **dsn)[0] == 2


@pytest.fixture
def wrong_topic(world: World) -> Iterator[None]:
    set_topic_settings(world.kafka, {TOPIC: {"retention.ms": "3600000", "compression.type": "gzip"}})
    yield
    set_topic_settings(world.kafka, {TOPIC: {"retention.ms": "2592000000", "compression.type": "producer"}})


@pytest.mark.usefixtures("wrong_topic")
def test_register_names_topics_that_differ_and_the_doctor_mends_them(world: World) -> None:
    registered = run(world, "register")
    assert registered.returncode == 1
    assert f"error: {TOPIC}: retention.ms is 3600000, should be 2592000000" in registered.stderr
    assert f"warning: {TOPIC}: compression.type is gzip" in registered.stderr
    assert "clearsight doctor --area kafka" in registered.stderr
    code, found = doctor(world, "--area", "kafka")
    assert (code, sorted(codes(found))) == (1, ["kafka.topic-retention", "kafka.topic-setting"])
    mended = run(world, "doctor", "--area", "kafka", "--mend")
    assert (mended.returncode, f"mended {TOPIC}" in mended.stderr) == (0, True)
    assert run(world, "register").returncode == 0


def test_mending_never_shortens_what_is_kept(world: World) -> None:
    set_topic_settings(world.kafka, {TOPIC: {"retention.ms": "-1"}})
    try:
        done = run(world, "doctor", "--area", "kafka", "--mend")
        assert (done.returncode, "mended" in done.stderr) == (1, False)
        assert "kafka.topic-retention" in done.stdout
    finally:
        set_topic_settings(world.kafka, {TOPIC: {"retention.ms": "2592000000"}})


@contextmanager
def black_hole() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_silent_hosts_do_not_hold_it_up(world: World) -> None:
    with ExitStack() as holes:
        source, report, kafka, connect, cloudwatch, api = (holes.enter_context(black_hole()) for _ in range(6))
        dsn = "postgresql://somebody:secret-word@127.0.0.1:{}/x"
        silent = {
            "CLEARSIGHT_SOURCE__DSN": dsn.format(source),
            "CLEARSIGHT_REPORT__OWNER_DSN": dsn.format(report),
            "CLEARSIGHT_REPORT__WRITER_DSN": dsn.format(report),
            "CLEARSIGHT_REPORT__API_DSN": dsn.format(report),
            "CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka}",
            "CLEARSIGHT_CONNECT__URL": f"http://127.0.0.1:{connect}",
            "CLEARSIGHT_CLOUDWATCH__ENDPOINT_URL": f"http://127.0.0.1:{cloudwatch}",
            "CLEARSIGHT_API__PORT": str(api),
        }
        began = time.monotonic()
        code, found = doctor(world, **silent)
        took_s = time.monotonic() - began
    assert took_s < 10 + 20  # ten is the promise; starting Python takes long on a busy machine
    assert code == 5
    unreachable = {f"{area}.unreachable" for area in ("source", "kafka", "report", "cloudwatch", "api")}
    assert set(codes(found)) == unreachable
    assert [each["code"] for each in found["consequences"]] == ["connect.unreachable"]
    assert len(found["not_checked"]) > 20
