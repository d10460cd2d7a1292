"""Kafka Connect and the connector, broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from kit import kafka_connect
from kit.waiting import until

from clearsight.doctor.connect import PARTITIONER
from clearsight.doctor.finding import Report
from clearsight.settings import Settings
from connectors.debezium import origin
from connectors.debezium.register import connector_config, register
from stream_processors.connector_watch import ConnectorWatch
from stream_processors.worker import connector
from tests.integration.doctor.world import World, breaks


@breaks("connect.unreachable")
def away(world: World) -> Report:
    return world.examine(connect={"url": "http://127.0.0.1:1"})


@breaks("connect.connector-missing")
def no_connector(world: World) -> Report:
    return world.examine(connect={"connector_name": "absent"})


@breaks("connect.failed")
def failed(world: World) -> Report:
    """A second connector whose publication is not there; no worker knows of it."""
    with failing(world, "failing") as settings:
        return world.examine("connect", settings=settings)


@breaks("connect.given-up")
def given_up(world: World) -> Report:
    """By a worker that restarts nothing."""
    with failing(world, "lost") as settings:
        connect = settings.connect.model_copy(update={"restart_limit": 0})
        with closing(ConnectorWatch(connect, connector(settings))) as watch:
            return until(lambda: watch.look() or _if_given_up(world, settings), "it is given up")


def _if_given_up(world: World, settings: Settings) -> Report | None:
    """The product's own workers may be looking at that moment, and Kafka Connect be slow."""
    report = world.examine("connect", settings=settings)
    return report if "connect.given-up" in {finding.code for finding in report.findings} else None


@contextmanager
def failing(world: World, name: str) -> Iterator[Settings]:
    settings = world.changed(connect={"connector_name": name}, source={"publication": "absent", "slot": name})
    place = f"{settings.connect.url}/connectors/{name}"
    config = connector_config(settings, settings.mapping) | origin.settings(origin.UNKNOWN)
    kafka_connect.tell("PUT", f"{place}/config", json=config)
    try:
        until(lambda: "FAILED" in kafka_connect.states(place), "the task failed")
        yield settings
    finally:
        kafka_connect.tell("DELETE", place)
        until(lambda: not kafka_connect.is_known(place), "the connector is gone")
        world.settle("connect")


@breaks("connect.paused")
def paused(world: World) -> Report:
    place = f"{world.settings.connect.url}/connectors/clearsight"
    kafka_connect.tell("PUT", f"{place}/pause")
    try:
        until(lambda: set(kafka_connect.states(place)) == {"PAUSED"}, "paused")
        return world.examine()
    finally:
        kafka_connect.tell("PUT", f"{place}/resume")
        until(lambda: set(kafka_connect.states(place)) == {"RUNNING"}, "running")
        world.settle("source", "connect")


@contextmanager
def configured(world: World, **changes: str) -> Iterator[None]:
    """The connector with other settings."""
    right = kafka_connect.tell("GET", f"{world.settings.connect.url}/connectors/clearsight/config").json()
    register(world.settings.connect, right | changes)
    try:
        yield
    finally:
        register(world.settings.connect, right)
        world.settle("source", "connect")


def settled(world: World) -> Report:
    """Once the connector reads its slot again."""
    return until(lambda: _if_slot_is_read(world.examine()), "the slot is read")


def _if_slot_is_read(report: Report) -> Report | None:
    codes = {finding.code for finding in report.findings}
    return None if codes & {"source.slot-inactive", "connect.no-task", "connect.failed"} else report


@breaks("connect.setting")
def another_interval(world: World) -> Report:
    with configured(world, **{"poll.interval.ms": "500"}):
        return settled(world)


@breaks("connect.partitioner")
def another_partitioner(world: World) -> Report:
    with configured(world, **{PARTITIONER: "org.apache.kafka.clients.producer.RoundRobinPartitioner"}):
        return settled(world)


@breaks("connect.password-readable")
def readable_password(world: World) -> Report:
    literal = world.changed(connect={"password_reference": None})
    with configured(world, **connector_config(literal, literal.mapping)):
        return until(lambda: _if_slot_is_read(world.examine(settings=literal)), "the slot is read")
