"""A peer: Debezium's JDBC sink, in the same Kafka Connect, writing the same change records to the same server.

It reads our own topic, byte for byte what the worker reads. The sink needs records with schemas and ours carry plain JSON;
Connect's JsonConverter takes the schema from the connector's configuration (`schema.content`, Kafka 4.2 and newer), which
costs the sink less than a schema in each record would. Each change becomes one row of its `after` image, keyed by the
record's coordinates, so that a redelivery is recognised as ours is; `before`, context, log lines and joins it does not know.
"""

from __future__ import annotations

import json
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
from ground import Ground
from landing_worker import settle
from load import TABLE
from psycopg import sql
from raw_topics import Ends, ends, names

from clearsight.errors import ClearSightError, LandingError, SourceError, Unavailable
from clearsight.settings import ConnectSettings
from clearsight.stack import connect, jars
from clearsight.stack.part import Launch, Part, Site
from clearsight.stack.programs import all_parts
from connectors.debezium.register import register

LOCK = Path(__file__).with_name("peers.lock.toml")
DATABASE = "peer"
POLL_S = 0.1
STANDSTILL_S = 120.0
FETCH_BYTES = 64 << 20
"""So that a poll can bring a whole batch: the default of 1 MiB a partition would hold fewer records."""

CREATE = """
CREATE TABLE change_row (
    __connect_topic text, __connect_partition integer, __connect_offset bigint,
    input_id uuid, scenario_id uuid, node text, name text,
    value_number text, value_text text, value_json jsonb, updated_at timestamptz,
    written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (__connect_topic, __connect_partition, __connect_offset)
)
"""
INDEX = "CREATE INDEX ON change_row (scenario_id, updated_at)"


@dataclass(frozen=True)
class Setting:
    """One way to run the sink."""

    mode: str
    """insert or upsert."""
    batch: int
    """Rows of a JDBC batch, and records of a poll."""
    tasks: int = 1

    @property
    def name(self) -> str:
        return f"{self.mode}, batches of {self.batch}" + (f", {self.tasks} tasks" if self.tasks > 1 else "")


BATCHES = (500, 2000, 5000)
LEAST_BATCHES = 10
"""Of a run: the time from the first row to the last says nothing about a few batches."""


def settings_for(changes: int) -> list[Setting]:
    """What is tried with so many records."""
    batches = [batch for batch in BATCHES if batch * LEAST_BATCHES <= changes] or BATCHES[:1]
    return [Setting(mode, batch) for mode in ("insert", "upsert") for batch in batches]


def parts_with_sink() -> list[Part]:
    """The whole stack, with the sink among Connect's plugins. Raises Unavailable where the peer cannot be had."""
    archive = _archive()

    def launch(site: Site) -> Launch:
        made = connect.launch(site)
        with tarfile.open(archive) as tar:
            tar.extractall(site.home / "connect" / "plugins", filter="data")
        return made

    return [replace(part, launch=launch) if part.name == "connect" else part for part in all_parts()]


def _archive() -> Path:
    locked = jars.read_lock(LOCK)
    try:
        return jars.verified(jars.default_cache(), locked, jars.fetch_from_maven).plugin
    except ClearSightError as error:
        raise Unavailable(
            f"the peer Debezium JDBC sink ({locked[0].name}) cannot be had: {error.message}",
            f"{error.mend}; or leave the peers out with --no-peers, which writes no ratios",
        ) from None


def sink(ground: Ground, setting: Setting, say: Callable[[str], None]) -> float:
    """Records a second, from the first row written to the last. Raises SourceError, LandingError."""
    topic = names(ground.settings).change(TABLE)
    until = ends(ground.settings, [topic])
    total = sum(until.values())
    name = f"peer-{setting.mode}-{setting.batch}-{setting.tasks}-{time.monotonic_ns()}"
    _fresh_database(ground)
    settle(ground)
    own = ground.settings.connect.model_copy(update={"connector_name": name})
    say(f"starting the sink: {setting.name}")
    try:
        register(own, _configuration(ground, topic, setting))
        with ground.administrator(DATABASE) as connection:
            _until_written(connection, until, own, say)
            rows, seconds = _written(connection)
    finally:
        with httpx.Client(timeout=30, trust_env=False) as client:
            client.delete(f"{own.url}/connectors/{name}")
    if rows != total:
        raise LandingError(f"the peer wrote {rows:,} rows for {total:,} changes", "look at Kafka Connect's log")
    return total / seconds


def _fresh_database(ground: Ground) -> None:
    with ground.administrator("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
    with ground.administrator(DATABASE) as connection:
        connection.execute(CREATE)
        connection.execute(INDEX)


def _configuration(ground: Ground, topic: str, setting: Setting) -> dict[str, str]:
    site = ground.stack.site()
    return {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": str(setting.tasks),
        "topics": topic,
        "connection.url": f"jdbc:postgresql://{site.address('postgres')}/{DATABASE}?reWriteBatchedInserts=true",
        "connection.username": "postgres",
        "connection.password": site.passwords["postgres"],
        "insert.mode": setting.mode,
        "batch.size": str(setting.batch),
        "primary.key.mode": "kafka",
        "schema.evolution": "none",
        "collection.name.format": "change_row",
        "consumer.override.max.poll.records": str(setting.batch),
        "consumer.override.max.partition.fetch.bytes": str(FETCH_BYTES),
        "consumer.override.fetch.max.bytes": str(FETCH_BYTES),
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "value.converter.schema.content": json.dumps(envelope_schema(topic)),
    }


def envelope_schema(topic: str) -> dict[str, Any]:
    """What Debezium would have sent with each record, as far as the sink needs it."""
    row = [
        _field("input_id", "string", "io.debezium.data.Uuid"),
        _field("scenario_id", "string", "io.debezium.data.Uuid"),
        *(_field(column, "string") for column in ("node", "name", "value_number", "value_text")),
        _field("value_json", "string", "io.debezium.data.Json"),
        _field("updated_at", "string", "io.debezium.time.ZonedTimestamp"),
    ]
    source = [_field(name, "string") for name in ("version", "connector", "name", "db", "schema", "table")]
    images = [
        {"type": "struct", "field": image, "optional": True, "name": f"{topic}.Value", "fields": row}
        for image in ("before", "after")
    ]
    return {
        "type": "struct",
        "name": f"{topic}.Envelope",
        "optional": False,
        "fields": [
            *images,
            {"type": "struct", "field": "source", "optional": False, "name": f"{topic}.Source", "fields": source},
            _field("op", "string"),
            _field("ts_ms", "int64"),
        ],
    }


def _field(field: str, kind: str, name: str | None = None) -> dict[str, Any]:
    return {"field": field, "type": kind, "optional": True, **({"name": name, "version": 1} if name else {})}


def _until_written(
    connection: psycopg.Connection[Any], until: Ends, own: ConnectSettings, say: Callable[[str], None]
) -> None:
    reached, moved_at_s = 0, time.monotonic()
    while True:
        before, reached = reached, sum(_reached(connection, *place) for place in until)
        if reached >= sum(until.values()):
            return
        if reached != before:
            moved_at_s = time.monotonic()
        else:
            _require_running(own)
        if time.monotonic() - moved_at_s > STANDSTILL_S:
            raise LandingError(f"the peer has written nothing for {STANDSTILL_S:.0f} s", "look at Kafka Connect's log")
        say(f"{reached:,} of {sum(until.values()):,} rows")
        time.sleep(POLL_S)


def _reached(connection: psycopg.Connection[Any], topic: str, number: int) -> int:
    """One look at the end of the primary key."""
    ((highest,),) = connection.execute(
        "SELECT max(__connect_offset) FROM change_row WHERE __connect_topic = %s AND __connect_partition = %s",
        [topic, number],
    ).fetchall()
    return 0 if highest is None else int(highest) + 1


def _require_running(own: ConnectSettings) -> None:
    with httpx.Client(timeout=30, trust_env=False) as client:
        answer = client.get(f"{own.url}/connectors/{own.connector_name}/status")
    failed = [task for task in answer.json().get("tasks", []) if task["state"] == "FAILED"] if answer.is_success else []
    if failed:
        causes = [line for line in failed[0].get("trace", "").splitlines() if line and not line.startswith(("\t", " "))]
        raise SourceError(f"the peer Debezium JDBC sink failed: {causes[-1]}", "look at Kafka Connect's log")


def _written(connection: psycopg.Connection[Any]) -> tuple[int, float]:
    ((rows, seconds),) = connection.execute(
        "SELECT count(*), extract(epoch FROM max(written_at) - min(written_at))::float FROM change_row"
    ).fetchall()
    return rows, seconds
