"""Kafka Connect in distributed mode, with Debezium's PostgreSQL connector as its only plugin."""

from __future__ import annotations

import http.client
import os
import shutil
import tarfile
from pathlib import Path

from clearsight.stack import jars, java
from clearsight.stack.kafka import write_properties
from clearsight.stack.part import Launch, Part, Site
from clearsight.stack.state import CONNECT_VARIABLE, HOST

HEAP_MB = 768
REQUEST_LIMIT_S = 2


def properties(site: Site, plugins: Path) -> dict[str, str]:
    """The worker's settings. A worker that was killed is forgotten after 6 s, and its tasks move at once."""
    own_topics = {
        f"{kind}.storage.{key}": value
        for kind, partitions in (("config", None), ("offset", "1"), ("status", "1"))
        for key, value in (
            ("topic", f"clearsight.connect.{kind}"),
            ("replication.factor", "1"),
            *([("partitions", partitions)] if partitions else []),
        )
    }
    return {
        "bootstrap.servers": site.address("kafka"),
        "group.id": "clearsight-connect",
        "listeners": site.url("connect"),
        "rest.advertised.host.name": HOST,
        "rest.advertised.port": str(site.ports["connect"]),
        "plugin.path": str(plugins),
        "plugin.discovery": "service_load",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        **own_topics,
        "offset.flush.interval.ms": "1000",
        "connector.client.config.override.policy": "All",
        "session.timeout.ms": "6000",
        "heartbeat.interval.ms": "1500",
        "scheduled.rebalance.max.delay.ms": "0",
        "task.shutdown.graceful.timeout.ms": "5000",
        "config.providers": "env",
        "config.providers.env.class": "org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": CONNECT_VARIABLE,
    }


def archive(site: Site) -> java.ClassArchive:
    return java.ClassArchive("connect", site.home, jars.default_cache())


def launch(site: Site) -> Launch:
    """Verify the jars, unpack the connector from its verified archive, and say how to start."""
    jar_set = jars.stock(lambda words: site.say("connect", words))
    folder = site.home / "connect"
    plugins = folder / "plugins"
    _unpack(jar_set.plugin, plugins)
    configuration = folder / "worker.properties"
    write_properties(configuration, properties(site, plugins))
    options = [f"-Xmx{HEAP_MB}m", *archive(site).options()]
    main = "org.apache.kafka.connect.cli.ConnectDistributed"
    environment = {**os.environ, CONNECT_VARIABLE: site.passwords["clearsight_cdc"]}
    return Launch(java.command(main, [str(configuration)], jar_set.class_path, options), environment)


def _unpack(plugin: Path, folder: Path) -> None:
    """Anew at each start, which costs little and leaves no unpacked jar that could differ from the lock."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(plugin) as tar:
        tar.extractall(folder, filter="data")


def answers(site: Site) -> bool:
    """Whether the worker lists its connectors."""
    return answers_ok(site.ports["connect"], "/connectors")


def answers_ok(port: int, path: str) -> bool:
    """Whether GET `path` on the loopback port gives 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=REQUEST_LIMIT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def part() -> Part:
    return Part(
        "connect",
        launch,
        after=("kafka",),
        ready=answers,
        swept=lambda site, in_order: archive(site).sweep(in_order),
        purge=lambda site: shutil.rmtree(site.home / "connect", ignore_errors=True),
        endpoint=lambda site: site.url("connect"),
        ports=("connect",),
        ready_limit_s=120.0,
        stop_limit_s=40.0,
    )
