"""The third-party services of docker-compose.yml by testcontainers: same images, same settings, reachable from the host."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import DockerException, ImageNotFound
from kit.ports import free_port
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.network import Network

import docker
from clearsight.stack.connect import answers_ok
from clearsight.stack.versions import IMAGES

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
HOST = "127.0.0.1"
START_LIMIT_S = 240


def missing() -> str | None:
    """Why there can be no containers here, if that is so."""
    try:
        images = docker.from_env(timeout=60).images
        for name in IMAGES.values():
            images.get(name)
    except ImageNotFound:
        return f"the engine has no image {name} (docker pull {name})"
    except DockerException:
        return "no container engine answers"
    return None


class Services:
    """PostgreSQL with the product's roles, Kafka, and Connect, which reaches them by their names in Compose."""

    def __init__(self, ports: dict[str, int], passwords: dict[str, str]) -> None:
        self.ports = ports
        self._passwords = passwords

    def dsn(self, role: str, database: str) -> str:
        password = self._passwords[ROLE_PASSWORDS[role]]
        return f"postgresql://{role}:{password}@{HOST}:{self.ports['postgres']}/{database}"

    @property
    def bootstrap_servers(self) -> str:
        return f"{HOST}:{self.ports['kafka']}"

    @property
    def connect_url(self) -> str:
        return f"http://{HOST}:{self.ports['connect']}"

    def environment(self) -> dict[str, str]:
        """The settings of a program of ours on the host."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("CLEARSIGHT_")},
            "CLEARSIGHT_SOURCE__DSN": self.dsn("clearsight_cdc", "source"),
            "CLEARSIGHT_SOURCE__ADMIN_DSN": self.dsn("postgres", "source"),
            "CLEARSIGHT_SOURCE__CONNECTOR_HOST": "postgres",
            "CLEARSIGHT_SOURCE__CONNECTOR_PORT": "5432",
            "CLEARSIGHT_DEMO__DSN": self.dsn("forecast_app", "source"),
            "CLEARSIGHT_REPORT__OWNER_DSN": self.dsn("clearsight_owner", "report"),
            "CLEARSIGHT_REPORT__WRITER_DSN": self.dsn("clearsight_writer", "report"),
            "CLEARSIGHT_REPORT__API_DSN": self.dsn("clearsight_api", "report"),
            "CLEARSIGHT_KAFKA__BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "CLEARSIGHT_CONNECT__URL": self.connect_url,
            "CLEARSIGHT_CONNECT__PASSWORD_REFERENCE": "${env:CLEARSIGHT_SOURCE_PASSWORD}",
        }


ROLE_PASSWORDS = {
    "postgres": "POSTGRES_PASSWORD",
    "clearsight_cdc": "CDC_PASSWORD",
    "forecast_app": "APPLICATION_PASSWORD",
    "clearsight_owner": "OWNER_PASSWORD",
    "clearsight_writer": "WRITER_PASSWORD",
    "clearsight_api": "API_PASSWORD",
    "clearsight_bi": "BI_PASSWORD",
}
HOST_LISTENER = 19092


@contextmanager
def services() -> Iterator[Services]:
    """Started and answering; gone afterwards."""
    testcontainers_config.ryuk_disabled = True  # its reaper is one more image; the containers end with the block
    passwords = {name: os.urandom(12).hex() for name in ROLE_PASSWORDS.values()}
    ports = {name: free_port() for name in IMAGES}
    found = Services(ports, passwords)
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        postgres = _container("postgres", network, passwords, {}, (5432, ports))
        postgres.with_command(SERVICES["postgres"]["command"])
        script, target, mode = SERVICES["postgres"]["volumes"][1].split(":")
        postgres.with_volume_mapping(str(ROOT / script), target, mode)
        kafka = _container("kafka", network, passwords, _listeners(ports["kafka"]), (HOST_LISTENER, ports))
        connect = _container("connect", network, passwords, {}, (8083, ports))
        for container, answers in (
            (postgres, lambda: _postgres_answers(found)),
            (kafka, lambda: _kafka_answers(found)),
            (connect, lambda: answers_ok(ports["connect"], "/connectors")),
        ):
            stack.enter_context(container)
            _await(container, answers)
        yield found


def _container(
    name: str,
    network: Network,
    passwords: dict[str, str],
    changes: dict[str, str],
    published: tuple[int, dict[str, int]],
) -> DockerContainer:
    inside, ports = published
    container = DockerContainer(IMAGES[name]).with_network(network).with_network_aliases(name)
    for key, value in {**SERVICES[name]["environment"], **changes}.items():
        container.with_env(key, re.sub(r"\$\{(\w+):\?\}", lambda variable: passwords[variable[1]], value))
    container.ports[f"{inside}/tcp"] = (HOST, ports[name])  # type: ignore[assignment]
    return container


def _listeners(port: int) -> dict[str, str]:
    """One more listener: who asks from the host is told the host's address."""
    given = SERVICES["kafka"]["environment"]
    return {
        "KAFKA_LISTENERS": f"{given['KAFKA_LISTENERS']},HOST://:{HOST_LISTENER}",
        "KAFKA_ADVERTISED_LISTENERS": f"{given['KAFKA_ADVERTISED_LISTENERS']},HOST://{HOST}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": f"{given['KAFKA_LISTENER_SECURITY_PROTOCOL_MAP']},HOST:PLAINTEXT",
    }


def _await(container: DockerContainer, answers: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + START_LIMIT_S
    while not answers():
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        lives = wrapped.status == "running" and time.monotonic() < give_up_s
        assert lives, f"{container.image} is {wrapped.status}:\n{wrapped.logs(tail=30).decode()}"
        time.sleep(0.2)


def _postgres_answers(found: Services) -> bool:
    """Not before its init script is through: until then it listens on no port."""
    try:
        psycopg.connect(found.dsn("clearsight_owner", "report"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _kafka_answers(found: Services) -> bool:
    client = AdminClient({"bootstrap.servers": found.bootstrap_servers, "log_level": 0, "socket.timeout.ms": 2000})
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False
