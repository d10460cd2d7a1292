"""Publishes enriched events to `clearsight.audit`, key = event id; consumers keep the highest revision.

A first landing is published from what was landed; a redelivery and an amendment from the row as it *is* in Postgres.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from psycopg import Connection

from clearsight.errors import Unavailable
from stream_processors.land import Landed
from stream_processors.right_of_way import RightOfWay
from stream_processors.rows import (
    CLOUDWATCH_LOG,
    ROW_CHANGE,
    STATE_CHANGE,
    Joined,
    Located,
    change_told,
    log_told,
)
from stream_processors.shapes import SCHEMA_CHANGE

FLUSH_TIMEOUT_S = 30.0
_OUTBOX_LIMIT = 5_000

_FACTS = {
    "change": ("fact_row_change", ROW_CHANGE),
    "state_change": ("fact_scenario_state_change", STATE_CHANGE + ", ms_in_state_before"),
    "log": ("fact_cloudwatch_log", CLOUDWATCH_LOG),
    "schema_change": ("fact_schema_change", SCHEMA_CHANGE),
}
_KEYS = ("scenario_key", "run_key", "user_key")
_HIDDEN = (*_KEYS, "correlation_key")
"""Surrogate keys: they mean nothing to anybody else, who gets the business ids."""
_BUSINESS_IDS = ("scenario_id", "run_id", "user_id")
_SHOWN = {
    kind: tuple(column for column in columns.split(", ") if column not in _HIDDEN)
    for kind, (_, columns) in _FACTS.items()
}
_EVENTS = {
    kind: msgspec.defstruct(kind, [*shown, *_BUSINESS_IDS, "revision", "kind"]) for kind, shown in _SHOWN.items()
}
"""What is published: the fact's columns, business ids in place of keys."""
_JSON = ("before", "after", "attributes", "redactions")

_ENCODER = msgspec.json.Encoder()


class Publisher:
    """Publishes and waits until every event is delivered. One per worker; its producer reports failures alone."""

    def __init__(self, producer: Producer, topic: str, way: RightOfWay | None = None) -> None:
        self._producer = producer
        self._topic = topic
        self._way = way or RightOfWay()
        self._failed: KafkaError | None = None

    def landed(self, connection: Connection[Any], landed: Landed) -> None:
        """Publish what a batch landed. Raises Unavailable where a delivery fails: the batch is then published again."""
        ids = _ids_of(connection, landed)
        for change, action, joined in self._way.paced(landed.changes):
            self._send(
                change.event_id, _EVENTS["change"](*change_told(change, action, joined), *ids.of(joined), 1, "change")
            )
        for log, located in self._way.paced(landed.logs):
            self._send(log.event_id, _EVENTS["log"](*log_told(log, located), *ids.of(located), 1, "log"))
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
            for row in cursor:
                self._send(row[0], _EVENTS[kind](*row, kind))

    def _send(self, event_id: UUID, event: Any) -> None:
        value = _ENCODER.encode(event)
        while True:
            try:
                self._producer.produce(self._topic, value, str(event_id).encode(), on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.05)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE or isinstance(event, dict):
                    raise
                told = msgspec.structs.asdict(event).items()
                small = {name: None if name in _JSON else content for name, content in told}
                self._send(event_id, {**small, "truncated": True})
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
    fact, columns = _FACTS[kind]
    shown = ", ".join(f"f.{column}" for column in _SHOWN[kind])
    things = [key.removesuffix("_key") for key in _KEYS]
    ids = ", ".join(f"d_{each}.{each}_id" if f"{each}_key" in columns else "NULL" for each in things)
    joins = "\n".join(
        f"LEFT JOIN rpt.dim_{each} d_{each} ON d_{each}.{each}_key = f.{each}_key"
        for each in things
        if f"{each}_key" in columns
    )
    return f"""
    SELECT {shown}, {ids}, f.revision
    FROM unnest(%s::uuid[], %s::timestamptz[]) AS wanted(event_id, occurred_at)
    JOIN rpt.{fact} f USING (event_id, occurred_at)
    {joins}
    """.encode()  # noqa: S608 - names of ours


class _BusinessIds(NamedTuple):
    """Business ids by dimension key."""

    scenarios: dict[int | None, str]
    runs: dict[int | None, str]
    users: dict[int | None, str]

    def of(self, place: Joined | Located) -> tuple[str | None, str | None, str | None]:
        return self.scenarios.get(place.scenario), self.runs.get(place.run), self.users.get(place.user)


def _ids_of(connection: Connection[Any], landed: Landed) -> _BusinessIds:
    """Business ids of the dimension keys that fresh events name."""
    places: set[Joined | Located] = {joined for *_, joined in landed.changes}
    places |= {located for _, located in landed.logs}
    wanted = ({place.scenario for place in places}, {place.run for place in places}, {place.user for place in places})
    found = []
    for key, keys in zip(_KEYS, wanted, strict=True):
        keys.discard(None)
        thing = key.removesuffix("_key")
        query = f"SELECT {key}, {thing}_id FROM rpt.dim_{thing} WHERE {key} = ANY(%s)"  # noqa: S608 - ours
        found.append(dict(connection.execute(query.encode(), [list(keys)]).fetchall()) if keys else {})
    return _BusinessIds(*found)
