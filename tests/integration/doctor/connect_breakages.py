"""Kafka Connect and the connector, broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx
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
            watch.look()
        return world.examine("connect", settings=settings)


@contextmanager
def failing(world: World, name: str) -> Iterator[Settings]:
    settings = world.changed(connect={"connector_name": name}, source={"publication": "absent", "slot": name})
    place = f"{settings.connect.url}/connectors/{name}"
    config = connector_config(settings, settings.mapping) | origin.settings(origin.UNKNOWN)
    httpx.put(f"{place}/config", json=config).raise_for_status()
    try:
        until(lambda: "FAILED" in httpx.get(f"{place}/status").text, "the task failed")
        yield settings
    finally:
        httpx.delete(place).raise_for_status()
        until(lambda: httpx.get(place).status_code == 404, "the connector is gone")


@breaks("connect.paused")
def paused(world: World) -> Report:
    place = f"{world.settings.connect.url}/connectors/clearsight"
    httpx.put(f"{place}/pause").raise_for_status()
    try:
        until(lambda: _states(place) == {"PAUSED"}, "paused")
        return world.examine()
    finally:
        httpx.put(f"{place}/resume").raise_for_status()
        until(lambda: _states(place) == {"RUNNING"}, "running")


def _states(place: str) -> set[str]:
    status = httpx.get(f"{place}/status").json()
    return {part["state"] for part in (status["connector"], *status["tasks"])}


@contextmanager
def configured(world: World, **changes: str) -> Iterator[None]:
    """The connector with other settings."""
    right = httpx.get(f"{world.settings.connect.url}/connectors/clearsight/config").raise_for_status().json()
    register(world.settings.connect, right | changes)
    try:
        yield
    finally:
        register(world.settings.connect, right)
        until(lambda: not world.examine("source", "connect").findings, "the connector is as it was")


def settled(world: World) -> Report:
    """Once the connector reads its slot again."""
    return until(lambda: _if_slot_is_read(world.examine()), "the slot is read")


def _if_slot_is_read(report: Report) -> Report | None:
    codes = {finding.code for finding in report.findings}
    return None if codes & {"source.slot-inactive", "connect.no-task"} else report


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
