"""The record of a line: every field where it belongs, and what no record goes without."""

from __future__ import annotations

import msgspec
import pytest

from clearsight.logline import LogError, LogLine
from connectors.cloudwatch.lines import Origin, make_line
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.record import Parsed

pytestmark = pytest.mark.unit

READ = {
    "correlation_id": "corr-1",
    "correlation_source": "pattern",
    "scenario_id": "s-1",
    "run_id": "r-1",
    "user_id": "u-1",
    "request_id": "req-1",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "service": "plan",
    "node": "capacity",
    "level": "WARN",
    "level_raw": "warning",
    "message": "m",
    "error": LogError(type="ValueError", message="negative"),
    "format": "plain",
    "attributes": {"logger": "app"},
}
REQUIRED = ("event_id", "event_time", "forwarded_time", "account", "region", "log_group", "log_stream", "message")


def line() -> LogLine:
    parsed = msgspec.convert(READ, Parsed, from_attributes=True)
    return make_line(Origin("000000000000", "eu-west-1", "/app"), Event("1", 2, 3, "s", "raw"), parsed, 4, "push")


def test_every_field_is_what_was_read_of_that_name() -> None:
    told = {
        "event_id": "1",
        "event_time": 2,
        "ingestion_time": 3,
        "forwarded_time": 4,
        "account": "000000000000",
        "region": "eu-west-1",
        "log_group": "/app",
        "log_stream": "s",
        "origin": "push",
        "redactions": {},
    }
    assert msgspec.structs.asdict(line()) == told | READ


@pytest.mark.parametrize("name", REQUIRED)
def test_a_record_without_what_every_line_has_is_none(name: str) -> None:
    record = msgspec.json.decode(msgspec.json.encode(line()))
    del record[name]
    with pytest.raises(msgspec.ValidationError, match=f"missing required field `{name}`"):
        msgspec.json.decode(msgspec.json.encode(record), type=LogLine)


def test_a_message_is_there_even_where_it_is_empty() -> None:
    empty = msgspec.structs.replace(line(), message="")
    assert msgspec.json.decode(msgspec.json.encode(empty), type=LogLine) == empty
