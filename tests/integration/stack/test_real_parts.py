"""PostgreSQL, Kafka and Connect: they answer, and survive kill -9 of anything."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kit import kafka_connect
from kit.killing import kill
from kit.waiting import until

from clearsight.errors import StackError
from clearsight.stack import connect, jars, kafka, postgres, state
from clearsight.stack.part import Site
from clearsight.stack.place import Place, place
from clearsight.stack.ports import free_on_loopback
from clearsight.stack.supervisor import Stack
from tests.integration.stack.conftest import REAL_PARTS, pid_of, processes_of, status_of

pytestmark = pytest.mark.integration

LIMIT_S = 60


def ask(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    return row and row[0]


def place_of(home: Path) -> Place:
    return place(Site(home, {}, {}))


def settings_of(stack: Stack) -> dict[str, dict[str, str]]:
    return state.load(stack.home).settings


def test_a_second_up_changes_nothing(real_stack: Stack) -> None:
    before = (real_stack.home / "stack.json").read_bytes()
    real_stack.up(REAL_PARTS)
    assert (real_stack.home / "stack.json").read_bytes() == before


def test_each_role_reaches_its_own_database_only(real_stack: Stack) -> None:
    settings = settings_of(real_stack)
    for dsn, role, database in (
        (settings["source"]["admin_dsn"], "postgres", "source"),
        (settings["source"]["dsn"], "clearsight_cdc", "source"),
        (settings["demo"]["dsn"], "forecast_app", "source"),
        (settings["report"]["owner_dsn"], "clearsight_owner", "report"),
        (settings["report"]["writer_dsn"], "clearsight_writer", "report"),
        (settings["report"]["api_dsn"], "clearsight_api", "report"),
    ):
        assert ask(dsn, "SELECT current_user || '@' || current_database()") == f"{role}@{database}"
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(settings["demo"]["dsn"].replace("/source", "/report"))


def test_the_source_can_be_streamed_by_the_connectors_role_alone(real_stack: Stack) -> None:
    admin = settings_of(real_stack)["source"]["admin_dsn"]
    assert ask(admin, "SHOW wal_level") == "logical"
    assert ask(admin, "SHOW track_commit_timestamp") == "on"
    roles = "SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolreplication"
    assert ask(admin, roles) == "clearsight_cdc,postgres"


def test_no_password_stands_in_a_log(real_stack: Stack) -> None:
    passwords = state.load(real_stack.home).passwords.values()
    for log in (real_stack.home / "logs").iterdir():
        assert not any(password in log.read_text() for password in passwords)


def test_connect_offers_debezium(real_stack: Stack) -> None:
    plugins = kafka_connect.tell("GET", f"{settings_of(real_stack)['connect']['url']}/connector-plugins").json()
    assert "io.debezium.connector.postgresql.PostgresConnector" in {plugin["class"] for plugin in plugins}


def test_topics_are_not_made_by_accident(real_stack: Stack) -> None:
    admin = AdminClient({"bootstrap.servers": settings_of(real_stack)["kafka"]["bootstrap_servers"]})
    admin.list_topics("nobody.made.this", timeout=LIMIT_S)
    assert "nobody.made.this" not in admin.list_topics(timeout=LIMIT_S).topics


def test_postgres_killed(real_stack: Stack) -> None:
    """Its data outlives it, although the pid in its pid file belongs to another process by then."""
    dsn = settings_of(real_stack)["demo"]["dsn"]
    admin = settings_of(real_stack)["source"]["admin_dsn"]
    with psycopg.connect(admin) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    where = place_of(real_stack.home)
    kill(pid_of(real_stack, "postgres"))
    stranger = subprocess.Popen(("sleep", "600"), user=where.account.uid if where.account else None)
    pid_file = where.data / "postmaster.pid"
    pid_file.write_text("\n".join([str(stranger.pid), *pid_file.read_text().splitlines()[1:]]))
    assert status_of(real_stack, "postgres").state == "dead"
    real_stack.up(REAL_PARTS)
    assert ask(admin, "SELECT number FROM kept") == 7
    assert ask(dsn, "SELECT 1") == 1
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_kafka_killed(real_stack: Stack) -> None:
    """Acknowledged records outlive it."""
    servers = settings_of(real_stack)["kafka"]["bootstrap_servers"]
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(LIMIT_S)
    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True})
    for number in range(1000):
        producer.produce("kept", str(number).encode())
    assert producer.flush(LIMIT_S) == 0
    kill(pid_of(real_stack, "kafka"))
    real_stack.up(REAL_PARTS)
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("kept", 0, 0)])
    values: list[bytes | None] = []
    until(
        lambda: values.extend(read.value() for read in consumer.consume(1000, 1)) or len(values) >= 1000, "all is read"
    )
    consumer.close()
    assert values == [str(number).encode() for number in range(1000)]


def test_connect_killed(real_stack: Stack) -> None:
    kill(pid_of(real_stack, "connect"))
    real_stack.up(REAL_PARTS)
    port = state.load(real_stack.home).ports["connect"]
    until(lambda: connect.answers_ok(port, "/connectors"), "it answers")


def test_a_changed_jar_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "jars"
    locked = jars.read_lock()
    for jar in locked:
        (cache / jar.path).parent.mkdir(parents=True, exist_ok=True)
        os.link(jars.default_cache() / jar.path, cache / jar.path)
    changed = cache / next(jar for jar in locked if jar.artifact == "kafka-clients").path
    content = bytearray(changed.read_bytes())
    content[-1] ^= 1
    changed.unlink()
    changed.write_bytes(content)
    monkeypatch.setenv("CLEARSIGHT_JARS", str(cache))
    stack = Stack(tmp_path / "home")
    with pytest.raises(StackError, match=r"kafka-clients-.*\.jar is not the locked one"):
        stack.up(["kafka"])
    stack.down(purge=True)


def test_a_half_made_cluster_and_log_folder_are_made_anew(tmp_path: Path) -> None:
    """What a kill -9 in the middle of the first `up` leaves."""
    home = tmp_path / "home"
    where = place_of(home)
    torn = where.root / postgres.SCRATCH
    torn.mkdir(parents=True)
    (torn / "PG_VERSION").write_text("18\n")
    (home / "kafka" / "data").mkdir(parents=True)
    (home / "kafka" / "data" / "meta.properties").write_text("version=1\n")
    stack = Stack(home, [postgres.part(), kafka.part()])
    stack.up()
    assert [part.state for part in stack.status()] == ["running", "running"]
    stack.down(purge=True)


def test_data_of_an_earlier_stack_is_named(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "home", [postgres.part()])
    stack.up()
    stack.down()
    (stack.home / "stack.json").unlink()
    with pytest.raises(StackError, match="its data is of an earlier stack") as caught:
        stack.up()
    assert "down --purge" in caught.value.mend
    stack.down(purge=True)


def test_purge_leaves_no_process_no_port_and_no_data(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "home")
    stack.up(["postgres", "kafka"])
    ports = state.load(stack.home).ports.values()
    root = place_of(stack.home).root
    stack.down(purge=True)
    assert not stack.home.exists()
    assert not root.exists()
    assert processes_of(stack.home) == []
    assert all(free_on_loopback(port) for port in ports)
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_that_was_asked_for_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        monkeypatch.setenv("CLEARSIGHT_STACK_PORTS", f"postgres={port}")
        with pytest.raises(StackError, match=rf"port {port}, wanted for postgres, is taken by .*\(pid {os.getpid()}\)"):
            Stack(tmp_path / "home").up(["postgres"])
