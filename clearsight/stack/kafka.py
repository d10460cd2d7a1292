"""Kafka: one broker that is its own controller."""

from __future__ import annotations

import base64
import shutil
import uuid
from pathlib import Path

from clearsight.errors import StackError
from clearsight.stack import jars, java, processes
from clearsight.stack.part import Launch, Part, Site

HEAP_MB = 512
FORMAT_LIMIT_S = 60
FORMATTED = "formatted"
"""Written after the log folder is complete; without it a half-made folder is made anew."""


def properties(site: Site) -> dict[str, str]:
    """The broker's settings.

    Voters are named here and not in the log, so that ports may change between starts. After a kill -9 the controller
    refuses the new broker until the old one's session is over.
    """
    broker, controller = site.address("kafka"), site.address("controller")
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(_data(site)),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "4000",
        "broker.heartbeat.interval.ms": "1000",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
    }


def _folder(site: Site) -> Path:
    return site.home / "kafka"


def _data(site: Site) -> Path:
    return _folder(site) / "data"


def write_properties(path: Path, values: dict[str, str]) -> None:
    """In Java's format; backslashes and line ends do not occur in ours."""
    path.write_text("".join(f"{key}={value}\n" for key, value in values.items()))


def archive(site: Site) -> java.ClassArchive:
    return java.ClassArchive("kafka", site.home, jars.default_cache())


def launch(site: Site) -> Launch:
    """Verify the jars, format the log folder where it is new, and say how to start."""
    jar_set = jars.stock(lambda words: site.say("kafka", words))
    folder = _folder(site)
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "server.properties"
    write_properties(configuration, properties(site))
    if not (folder / FORMATTED).exists():
        _format(site, configuration, jar_set)
    options = [f"-Xmx{HEAP_MB}m", *archive(site).options()]
    return Launch(java.command("kafka.Kafka", [str(configuration)], jar_set.class_path, options))


def _format(site: Site, configuration: Path, jar_set: jars.JarSet) -> None:
    shutil.rmtree(_data(site), ignore_errors=True)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    arguments = ["format", "--cluster-id", cluster, "--config", str(configuration)]
    command = java.command("kafka.tools.StorageTool", arguments, jar_set.class_path, ["-XX:TieredStopAtLevel=1"])
    if problem := processes.run("kafka", site.home, Launch(command), FORMAT_LIMIT_S):
        raise StackError(
            f"Kafka cannot make its log folder {_data(site)}: {problem}", "make room there, or mend its rights"
        )
    (_folder(site) / FORMATTED).touch()


def answers(site: Site) -> bool:
    """Whether the broker tells its metadata."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": site.address("kafka"), "log_level": 0, "socket.timeout.ms": 2000})
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except KafkaException:
        return False


def part() -> Part:
    """Recording the class archive makes the first stop a slow one."""
    return Part(
        "kafka",
        launch,
        ready=answers,
        swept=lambda site, in_order: archive(site).sweep(in_order),
        purge=lambda site: shutil.rmtree(_folder(site), ignore_errors=True),
        endpoint=lambda site: site.address("kafka"),
        ports=("kafka", "controller"),
        stop_limit_s=40.0,
    )
