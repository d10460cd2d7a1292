"""An event that is published as it lands is the one that is read from Postgres when it is published again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Message
from kit.debezium import partitioned
from kit.story import tell

from stream_processors.publish import Publisher

pytestmark = pytest.mark.integration

RECORDS = partitioned(tell())


class Topic:
    """Keeps the newest of each key."""

    def __init__(self) -> None:
        self.events: dict[bytes, dict[str, Any]] = {}

    def produce(self, topic: str, value: bytes, key: bytes, on_delivery: Callable[[None, Message], None]) -> None:
        self.events[key] = json.loads(value)

    def flush(self, timeout_s: float) -> int:
        return 0


def test_first_and_again(reporting: Any) -> None:
    land = reporting.worker()
    first, again = Topic(), Topic()
    with reporting.connect() as connection:
        landed = land(RECORDS)
        Publisher(first, "audit").landed(connection, landed)  # type: ignore[arg-type]
        redelivered = land(RECORDS)
        Publisher(again, "audit").landed(connection, redelivered)  # type: ignore[arg-type]
    assert landed.changes
    assert landed.logs
    assert not redelivered.changes
    assert not redelivered.logs
    assert {event["kind"] for event in first.events.values()} == {"change", "log", "state_change"}
    assert {key: at_one_form(event) for key, event in again.events.items()} == {
        key: at_one_form(event) for key, event in first.events.items()
    }


def at_one_form(event: dict[str, Any]) -> dict[str, Any]:
    """Amended within its batch, it has grown; numbers lose their trailing zeros in jsonb."""
    return {name: value for name, value in event.items() if name != "revision"}
