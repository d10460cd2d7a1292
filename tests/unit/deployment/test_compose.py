"""docker-compose.yml says the same as the embedded stack: versions and settings. Topics are made by the same command."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clearsight.settings import Settings
from clearsight.stack import connect, kafka, postgres, versions
from clearsight.stack.part import Site
from clearsight.stack.ports import NAMES
from clearsight.stack.programs import READY_VARIABLE, all_parts
from clearsight.stack.state import CONNECT_VARIABLE, ROLES, settings_tree

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS: dict[str, Any] = {
    name: service for name, service in SERVICES.items() if service["image"].startswith("clearsight-rca:")
}
ON_REQUEST = {"demo", "doctor"}
"""Run by hand on the running system; `up` leaves them out."""
PASSWORD = re.compile(r"\$\{(\w+)_PASSWORD:\?\}")
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
    images = {name: service["image"] for name, service in SERVICES.items() if name not in OURS}
    assert images == versions.IMAGES


def test_parts() -> None:
    assert set(SERVICES) == {part.name for part in all_parts()} | ON_REQUEST
    assert all(SERVICES[name]["profiles"] == [name] for name in ON_REQUEST)


def test_one_image_of_ours_is_built_once() -> None:
    assert len({service["image"] for service in OURS.values()}) == 1
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]


def test_commands(tmp_path: Path) -> None:
    """What the local stack runs; the address of a listener apart."""
    site = Site(tmp_path, dict.fromkeys(NAMES, 4566), dict.fromkeys(ROLES, "x"))
    for part in all_parts():
        if part.name in OURS:
            given = [word for word in SERVICES[part.name]["command"] if word not in ("--host", "0.0.0.0")]
            assert given == list(part.launch(site).argv[3:]), part.name


def test_each_setting_exists() -> None:
    """An unknown variable would be ignored."""
    for name, service in OURS.items():
        for variable in service.get("environment", {}):
            section, *rest = variable.removeprefix("CLEARSIGHT_").lower().split("__")
            if variable == READY_VARIABLE:
                continue
            model = Settings.model_fields[section].annotation
            assert rest[0] in model.model_fields, f"{name}: {variable}"  # type: ignore[union-attr]


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


def test_each_container_has_the_passwords_that_it_needs() -> None:
    given = {
        name: {found for value in service.get("environment", {}).values() for found in PASSWORD.findall(value)}
        for name, service in SERVICES.items()
    }
    everybody = given.pop("postgres")
    assert {name: passwords for name, passwords in given.items() if passwords} == {
        "connect": {"CDC"},
        "application": {"POSTGRES", "APPLICATION"},
        "migrate": {"OWNER"},
        "register": {"POSTGRES", "CDC"},
        "worker": {"WRITER"},
        "api": {"API"},
        "demo": {"POSTGRES", "APPLICATION", "API"},
        "doctor": {"CDC", "OWNER", "WRITER", "API"},
    }
    assert everybody == set(re.findall(r"^(\w+)_PASSWORD=$", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_the_doctor_is_told_what_each_part_is_told() -> None:
    """But not what only concerns that part's inside, nor the administrator's password, which it never uses."""
    inside = {READY_VARIABLE, "CLEARSIGHT_API__ALLOW_UNAUTHENTICATED", "CLEARSIGHT_SOURCE__ADMIN_DSN"}
    told = {
        variable: value
        for part in ("migrate", "register", "worker", "forwarder", "api")
        for variable, value in SERVICES[part]["environment"].items()
        if variable not in inside
    }
    assert SERVICES["doctor"]["environment"] == {**told, "CLEARSIGHT_API__HOST": "api"}


def test_connect_is_told_the_password_by_its_environment() -> None:
    reference = settings_tree(dict.fromkeys(NAMES, 1), dict.fromkeys(ROLES, "x"))["connect"]["password_reference"]
    given = SERVICES["register"]["environment"]["CLEARSIGHT_CONNECT__PASSWORD_REFERENCE"]
    assert given == reference.replace("${", "$${")  # Compose's way to write a dollar sign
    assert CONNECT_VARIABLE in SERVICES["connect"]["environment"]


def test_what_shall_end_is_tried_again_a_few_times_and_the_rest_for_ever() -> None:
    once = {part.name for part in all_parts() if part.one_shot}
    assert {name for name, service in SERVICES.items() if service["restart"] == "on-failure:3"} == once
    assert {name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"} == (
        set(SERVICES) - once - ON_REQUEST
    )


def test_what_stays_says_whether_it_does_its_work() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {
        *ON_REQUEST,
        *(part.name for part in all_parts() if part.one_shot),
    }


def test_nothing_is_published_beyond_the_loopback() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_ours_have_no_rights() -> None:
    assert "USER 10001" in (ROOT / "Dockerfile").read_text()
    assert all(service["cap_drop"] == ["ALL"] and service["read_only"] for service in OURS.values())
    assert all(service["security_opt"] == ["no-new-privileges:true"] for service in SERVICES.values())
