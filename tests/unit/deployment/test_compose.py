"""docker-compose.yml says the same as the embedded stack: versions and settings. Topics are made by the same command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from clearsight.stack import connect, kafka, postgres, versions
from clearsight.stack.part import Site
from clearsight.stack.programs import all_parts
from clearsight.stack.state import ROLES

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
SITE = Site(Path("/home"), {"kafka": 9092, "controller": 9093, "connect": 8083, "postgres": 5432}, {})

PLACES = {
    "kafka": {"controller.quorum.voters", "listeners", "advertised.listeners", "log.dirs"},
    "connect": {"bootstrap.servers", "listeners", "rest.advertised.host.name", "rest.advertised.port", "plugin.path"},
    "postgres": {"listen_addresses", "unix_socket_directories"},
}
"""Where a part lies and listens: the only settings that may differ."""

CONNECT_IMAGE = {
    "group.id": "GROUP_ID",
    "config.storage.topic": "CONFIG_STORAGE_TOPIC",
    "offset.storage.topic": "OFFSET_STORAGE_TOPIC",
    "status.storage.topic": "STATUS_STORAGE_TOPIC",
    "key.converter": "KEY_CONVERTER",
    "value.converter": "VALUE_CONVERTER",
    "offset.flush.interval.ms": "OFFSET_FLUSH_INTERVAL_MS",
    "task.shutdown.graceful.timeout.ms": "SHUTDOWN_TIMEOUT",
}
"""Settings for which the image has a variable of its own, which wins over CONNECT_…"""


def test_versions() -> None:
    images = {name: service["image"] for name, service in SERVICES.items() if "build" not in service}
    assert images == {
        "postgres": f"postgres:{versions.POSTGRES}",
        "kafka": f"apache/kafka:{versions.KAFKA}",
        "connect": f"quay.io/debezium/connect:{versions.DEBEZIUM}",
    }


def test_parts() -> None:
    assert set(SERVICES) == {part.name for part in all_parts()}


def test_kafka() -> None:
    ours = {key: value for key, value in kafka.properties(SITE).items() if key not in PLACES["kafka"]}
    environment = SERVICES["kafka"]["environment"]
    assert {key: environment.get("KAFKA_" + key.upper().replace(".", "_")) for key in ours} == ours
    assert environment["KAFKA_HEAP_OPTS"] == f"-Xmx{kafka.HEAP_MB}m"


def test_connect() -> None:
    ours = {key: value for key, value in connect.properties(SITE, Path("/p")).items() if key not in PLACES["connect"]}
    environment = SERVICES["connect"]["environment"]
    named = {key: CONNECT_IMAGE.get(key, "CONNECT_" + key.upper().replace(".", "_")) for key in ours}
    assert {key: environment.get(name) for key, name in named.items()} == ours
    assert environment["HEAP_OPTS"] == f"-Xmx{connect.HEAP_MB}m"


def test_postgres() -> None:
    ours = {key: value.strip() for key, value in postgres.SETTINGS.items() if key not in PLACES["postgres"]}
    given = dict(argument.removeprefix("-c").split("=", 1) for argument in SERVICES["postgres"]["command"][1:])
    assert given == ours


def test_roles() -> None:
    made = (ROOT / "docker/postgres-init.sh").read_text()
    assert [role for role in ROLES if role != "postgres" and f"CREATE ROLE {role} " not in made] == []


def test_nothing_is_published_beyond_the_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert "USER 10001" in (ROOT / "Dockerfile").read_text()
