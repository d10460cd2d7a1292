"""Publishes enriched events to `clearsight.audit`, key = event id; consumers keep the highest revision.

A first landing is published from what was landed; a redelivery and an amendment from the row as it *is* in Postgres.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from psycopg import Connection

from clearsight.errors import Unavailable
from stream_processors.land import Landed
from stream_processors.rows import CLOUDWATCH_LOG, ROW_CHANGE, STATE_CHANGE, Row

FLUSH_TIMEOUT_S = 30.0
_OUTBOX_LIMIT = 5_000

Event = tuple[str, dict[str, Any]]
"""Kind and columns."""

_FACTS = {
    "change": ("fact_row_change", ROW_CHANGE),
    "state_change": ("fact_scenario_state_change", STATE_CHANGE + ", ms_in_state_before"),
    "log": ("fact_cloudwatch_log", CLOUDWATCH_LOG),
}
_COLUMNS = {kind: tuple(columns.split(", ")) for kind, (_, columns) in _FACTS.items()}
_KEYS = ("scenario_key", "run_key", "user_key")
_HIDDEN = (*_KEYS, "correlation_key")
"""Surrogate keys: they mean nothing to anybody else, who gets the business ids."""
_JSON = ("before", "after", "attributes", "redactions")

_ENCODER = msgspec.json.Encoder()


class Publisher:
    """Publishes and waits for every delivery report. One per worker."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self._producer = producer
        self._topic = topic
        self._failed: KafkaError | None = None

    def landed(self, connection: Connection[Any], landed: Landed) -> None:
        """Publish what a batch landed. Raises Unavailable where a delivery fails: the batch is then published again."""
        ids = _ids_of(connection, landed)
        for kind, rows in (("change", landed.changes), ("log", landed.logs)):
            fresh = _FRESH[kind]
            for row in rows:
                self._send(row[0], kind, fresh(row, ids))
        again = [*landed.again, *(("state_change", *state) for state in landed.states)]
        self._stored(connection, again)
        self._flush()

    def outbox(self, connection: Connection[Any]) -> int:
        """Publish the amendments that wait in the outbox, then delete them; return how many there were."""
        rows = connection.execute(
            "SELECT outbox_id, kind, event_id, occurred_at FROM rpt.audit_outbox ORDER BY outbox_id LIMIT %s",
            [_OUTBOX_LIMIT],
        ).fetchall()
        if rows:
            self._stored(connection, [(kind, event_id, at) for _, kind, event_id, at in rows])
            self._flush()
            connection.execute("DELETE FROM rpt.audit_outbox WHERE outbox_id = ANY(%s)", [[row[0] for row in rows]])
        return len(rows)

    def _stored(self, connection: Connection[Any], wanted: Iterable[tuple[str, UUID, datetime]]) -> None:
        """Publish rows as they are in Postgres."""
        by_kind: dict[str, list[tuple[UUID, datetime]]] = {}
        for kind, event_id, occurred_at in wanted:
            if kind in _FACTS:
                by_kind.setdefault(kind, []).append((event_id, occurred_at))
        for kind, keys in by_kind.items():
            cursor = connection.execute(_stored_query(kind), [[key[0] for key in keys], [key[1] for key in keys]])
            names = (*_COLUMNS[kind], "revision", "scenario_id", "run_id", "user_id")
            for row in cursor:
                self._send(row[0], kind, _without_keys(dict(zip(names, row, strict=True))))

    def _send(self, event_id: UUID, kind: str, event: dict[str, Any]) -> None:
        event["kind"] = kind
        value = _ENCODER.encode(event)
        while True:
            try:
                self._producer.produce(self._topic, value, str(event_id).encode(), on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE or "truncated" in event:
                    raise
                small = {name: None if name in _JSON else content for name, content in event.items()}
                self._send(event_id, kind, {**small, "truncated": True})
                return

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed = error

    def _flush(self) -> None:
        left = self._producer.flush(FLUSH_TIMEOUT_S)
        failed, self._failed = self._failed, None
        if left or failed:
            reason = failed.str() if failed else f"{left} events were not confirmed within {FLUSH_TIMEOUT_S:.0f} s"
            raise Unavailable(
                f"publishing to {self._topic} failed: {reason}", "check Kafka; the worker publishes them again"
            )


def _stored_query(kind: str) -> bytes:
    """Reads events of a kind by id and time, with the business ids of what they belong to."""
    fact, _ = _FACTS[kind]
    columns = ", ".join(f"f.{column}" for column in _COLUMNS[kind])
    has_run = "run_key" in _COLUMNS[kind]
    return f"""
    SELECT {columns}, f.revision, s.scenario_id, {"r.run_id" if has_run else "NULL"}, u.user_id
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS wanted(event_id, occurred_at)
    JOIN rpt.{fact} f USING (event_id, occurred_at)
    LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
    {"LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key" if has_run else ""}
    LEFT JOIN rpt.dim_user u ON u.user_key = f.user_key
    """.encode()  # noqa: S608 - names of ours


def _ids_of(connection: Connection[Any], landed: Landed) -> dict[str, dict[int, str]]:
    """Business ids of the dimension keys that fresh rows name."""
    wanted: dict[str, set[int | None]] = {key: set() for key in _KEYS}
    for kind, rows in (("change", landed.changes), ("log", landed.logs)):
        places = [(key, _COLUMNS[kind].index(key)) for key in _KEYS]
        for key, place in places:
            wanted[key].update(row[place] for row in rows)
    found: dict[str, dict[int, str]] = {}
    for key, keys in wanted.items():
        keys.discard(None)
        thing = key.removesuffix("_key")
        query = f"SELECT {key}, {thing}_id FROM rpt.dim_{thing} WHERE {key} = ANY(%s)"  # noqa: S608 - ours
        found[key] = dict(connection.execute(query.encode(), [list(keys)]).fetchall()) if keys else {}
    return found


class _Fresh:
    """Rows of one fact that landed now → events, without asking the database again."""

    def __init__(self, kind: str) -> None:
        columns = _COLUMNS[kind]
        named = [column for column in columns if column not in _HIDDEN]
        self._names = named
        self._values = itemgetter(*map(columns.index, named))
        self._keys = [(f"{key.removesuffix('_key')}_id", columns.index(key), key) for key in _KEYS]
        self._json = [column for column in _JSON if column in named]

    def __call__(self, row: Row, ids: dict[str, dict[int, str]]) -> dict[str, Any]:
        event = dict(zip(self._names, self._values(row), strict=True))
        for name, place, key in self._keys:
            event[name] = ids[key].get(row[place])
        for column in self._json:
            text = event[column]
            if text is not None:
                event[column] = msgspec.Raw(text)
        event["revision"] = 1
        return event


_FRESH = {kind: _Fresh(kind) for kind in ("change", "log")}


def _without_keys(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in _HIDDEN}
