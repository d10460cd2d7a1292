"""Faults that take away a position, or records: what Kafka, Connect, the source or the reporting database had kept.

Where records must be lost by it, the fault says so beforehand: then a gap has to cover exactly them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import Any

import httpx
import psutil
import psycopg
from chaos.scene import Fault, Scene
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from psycopg import sql

from clearsight.coverage import EVERY_CHANGE
from clearsight.errors import ClearSightError, StackError
from clearsight.stack import postgres
from clearsight.stack.state import REPORT_DATABASE, SOURCE_DATABASE
from clearsight.topics import TopicNames
from connectors.debezium.source import prepare
from connectors.topics import create_topics

LIMIT_S = 60.0
REQUEST_S = 30.0
POLL_S = 0.1
COPY = "report_copy"


def _lose_slot(scene: Scene, random: Random) -> None:
    """As when max_slot_wal_keep_size was passed: the connector fails, and somebody registers it with a new snapshot."""
    scene.losing.append(EVERY_CHANGE)
    name = scene.ground.settings.source.slot
    with suppress(psycopg.OperationalError), scene.ground.administrator(SOURCE_DATABASE) as connection:
        _until(lambda: _dropped(connection, name))


def _dropped(connection: psycopg.Connection[Any], name: str) -> bool:
    """Its walsender is back within milliseconds."""
    slots = "FROM pg_replication_slots WHERE slot_name = %s"
    with suppress(psycopg.errors.ObjectInUse):
        connection.execute(f"SELECT pg_terminate_backend(active_pid) {slots}".encode(), [name])
        connection.execute(f"SELECT pg_drop_replication_slot(slot_name) {slots}".encode(), [name])
    return connection.execute(f"SELECT 1 {slots}".encode(), [name]).fetchone() is None


def _lose_connect_offsets(scene: Scene, random: Random) -> None:
    """The connector begins anew with a snapshot, by itself."""
    connect = scene.ground.settings.connect
    url = f"{connect.url}/connectors/{connect.connector_name}"
    scene.losing.append(EVERY_CHANGE)
    with suppress(httpx.HTTPError), httpx.Client(timeout=REQUEST_S, trust_env=False) as client:
        client.put(f"{url}/stop")
        _until(lambda: client.delete(f"{url}/offsets").is_success)
        time.sleep(random.uniform(0, 2))
        client.put(f"{url}/resume")


def _unpublish(scene: Scene, random: Random) -> None:
    """One table, for less than a heartbeat or for more."""
    table = random.choice(scene.ground.settings.mapping.tables())
    scene.losing.append(TopicNames().change(table))
    publication = scene.ground.settings.source.publication
    with suppress(psycopg.OperationalError), scene.ground.administrator(SOURCE_DATABASE) as connection:
        connection.execute(f"ALTER PUBLICATION {publication} DROP TABLE {table}".encode())
        time.sleep(random.uniform(0.1, 2.5))
        connection.execute(f"ALTER PUBLICATION {publication} ADD TABLE {table}".encode())


def _drop_publication(scene: Scene, random: Random) -> None:
    settings = scene.ground.settings
    scene.losing.extend(TopicNames().changes(settings.mapping.tables()))
    scene.losing.append(EVERY_CHANGE)  # where the connector fails of it
    with suppress(psycopg.OperationalError), scene.ground.administrator(SOURCE_DATABASE) as connection:
        connection.execute(f"DROP PUBLICATION {settings.source.publication}".encode())
    time.sleep(random.uniform(0.1, 2.5))
    _persist(lambda: prepare(settings.source, settings.mapping))


def _lose_group_offsets(scene: Scene, random: Random) -> None:
    """What the workers had committed to Kafka: the positions in Postgres stand."""
    _kill_workers(scene)
    group, admin = scene.ground.settings.worker.group_id, _admin(scene)
    with suppress(KafkaException):
        _until(lambda: _done(admin.delete_consumer_groups([group], request_timeout=REQUEST_S)))


def _delete_topic(scene: Scene, random: Random) -> None:
    settings = scene.ground.settings
    tables = settings.mapping.tables()
    topic = TopicNames().change(random.choice(tables))
    scene.losing.append(topic)
    admin = _admin(scene)
    with suppress(KafkaException):
        admin.delete_topics([topic], operation_timeout=REQUEST_S)[topic].result()
        _until(lambda: topic not in admin.list_topics(timeout=REQUEST_S).topics)
    _persist(lambda: create_topics(settings.kafka, tables))
    _until(lambda: _worker_ended(scene))  # it looks every few seconds, and finds the gap when it is started again


def _worker_ended(scene: Scene) -> bool:
    try:
        return scene.ground.process("worker").status() == psutil.STATUS_ZOMBIE
    except (StackError, psutil.NoSuchProcess):
        return True


def _pass_positions(scene: Scene, random: Random) -> None:
    """Retention deletes what the workers, who were away, had not read."""
    topic = TopicNames().change(random.choice(scene.ground.settings.mapping.tables()))
    scene.losing.append(topic)
    _kill_workers(scene)
    time.sleep(random.uniform(1, 4))
    admin = _admin(scene)
    with suppress(KafkaException):
        numbers = admin.list_topics(topic, timeout=REQUEST_S).topics[topic].partitions
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        ends = admin.list_offsets({TopicPartition(topic, number): latest for number in numbers})
        until = [TopicPartition(place.topic, place.partition, end.result().offset) for place, end in ends.items()]
        _done(admin.delete_records(until, request_timeout=REQUEST_S))


def _restore_report(scene: Scene, random: Random) -> None:
    """To a copy that is some seconds old: what had landed since has to land again."""
    name, copy = sql.Identifier(REPORT_DATABASE), sql.Identifier(COPY)
    with suppress(psycopg.OperationalError), scene.ground.administrator("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(copy))
        with _Closed(scene, connection):
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER clearsight_owner").format(copy, name))
        time.sleep(random.uniform(2, 6))
        with _Closed(scene, connection):
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(copy, name))
            postgres.settle(scene.ground.stack.site())


class _Closed:
    """Nobody can reach the reporting database: a copy needs it for itself alone."""

    def __init__(self, scene: Scene, connection: psycopg.Connection[Any]) -> None:
        self._scene = scene
        self._connection = connection

    def __enter__(self) -> None:
        self._allow(False)
        with suppress(psycopg.OperationalError):
            terminate_all = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            self._connection.execute(terminate_all.encode(), [REPORT_DATABASE])

    def __exit__(self, *_: object) -> None:
        self._allow(True)

    def _allow(self, allowed: bool) -> None:
        statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        self._connection.execute(statement.format(sql.Identifier(REPORT_DATABASE), sql.Literal(allowed)))


def _kill_workers(scene: Scene) -> None:
    for member in scene.crew.members:
        member.kill()
        member.wait()
    with suppress(StackError, psutil.TimeoutExpired):
        process = scene.ground.process("worker")
        process.send_signal(signal.SIGKILL)
        process.wait(REQUEST_S)


def _admin(scene: Scene) -> AdminClient:
    return AdminClient({"bootstrap.servers": scene.ground.settings.kafka.bootstrap_servers})


def _done(asked: dict[Any, Any]) -> bool:
    """Whether Kafka did what it was asked; a group that still has members is not deleted."""
    with suppress(KafkaException):
        for future in asked.values():
            future.result()
        return True
    return False


def _until(holds: Callable[[], bool]) -> None:
    """For as long as it may take; whoever strikes does not mind whether it was in vain."""
    give_up_s = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < give_up_s:
        time.sleep(POLL_S)


def _persist(do: Callable[[], object]) -> None:
    """What a fault took away is put back also where another one strikes meanwhile."""
    give_up_s = time.monotonic() + LIMIT_S
    while True:
        try:
            do()
        except (ClearSightError, psycopg.OperationalError):
            if time.monotonic() > give_up_s:
                raise
            time.sleep(POLL_S)
        else:
            return


LOSSES = (
    Fault("replication slot lost", "connect", _lose_slot),
    Fault("Connect's offsets lost", "connect", _lose_connect_offsets),
    Fault("table unpublished for a while", "connect", _unpublish),
    Fault("publication dropped and made again", "connect", _drop_publication),
    Fault("Kafka's committed offsets lost", "kafka", _lose_group_offsets),
    Fault("topic deleted and made again", "kafka", _delete_topic),
    Fault("retention passed the workers", "kafka", _pass_positions),
    Fault("reporting database restored from an older copy", "postgres", _restore_report),
)
