"""`clearsight forward explain`."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import NotFound
from connectors.cloudwatch.explain import events_of

pytestmark = pytest.mark.unit

LINES = (
    "2026-11-22 12:00:00,123 ERROR [correlation_id=abc-123] mail of alice@example.com failed: TimeoutError: read timed out\n"
    '{"level":"INFO","message":"fine","password":"hunter2"}\n'
)
EVENTS = [
    {"id": "1", "timestamp": 1_000, "message": "first"},
    {"id": "2", "timestamp": 2_000, "message": "second\nTraceback"},
]


@pytest.mark.parametrize("text", ['{"Records": 5}', '{"awslogs": {"data": "é"}}', '{"awslogs": {"data": "AAAA"}}'])
def test_what_only_looks_like_an_answer_is_a_line(text: str) -> None:
    assert [event.message for event in events_of(text.encode(), 0)] == [text]


def test_each_line_with_what_was_found_how_and_why() -> None:
    done = CliRunner().invoke(build(), ["forward", "explain", "-"], input=LINES)
    assert done.exit_code == 0
    words = " ".join(done.stdout.split())
    assert "1 plain ERROR" in words
    assert "correlation_id abc-123 (pattern)" in words
    assert "category timeout (type TimeoutError)" in words
    assert "redacted email 1" in words
    assert "alice" not in words
    assert "hunter2" not in words
    assert words.endswith("redacted email 1, secret 1")


def test_json_is_the_record_and_the_category(tmp_path: Path) -> None:
    file = tmp_path / "lines.log"
    file.write_text(LINES)
    done = CliRunner().invoke(build(), ["forward", "explain", str(file), "--group", "/my/app", "--json"])
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["category"], first["because"], second["category"]) == ("timeout", "type TimeoutError", None)
    assert (first["line"]["log_group"], first["line"]["correlation_id"]) == ("/my/app", "abc-123")
    assert second["line"]["attributes"] == {"password": "[secret]"}


def test_a_file_that_is_not_there() -> None:
    done = CliRunner().invoke(build(), ["forward", "explain", "/no/such.log"])
    assert isinstance(done.exception, NotFound)


@pytest.mark.parametrize(
    "document",
    [
        {"events": [{**event, "eventId": event["id"]} for event in EVENTS]},
        {"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "logEvents": EVENTS},
    ],
)
def test_events_as_cloudwatch_tells_them_in_any_wrapping(document: dict[str, object]) -> None:
    packed = base64.b64encode(gzip.compress(json.dumps(document).encode())).decode()
    for wrapped in (document, {"awslogs": {"data": packed}}, {"Records": [{"kinesis": {"data": packed}}]}):
        found = events_of(json.dumps(wrapped, indent=2).encode(), now=5)
        assert [(event.id, event.timestamp, event.message) for event in found] == [
            ("1", 1_000, "first"),
            ("2", 2_000, "second\nTraceback"),
        ]


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        (b"", []),
        (b"one\n", ["one"]),
        (b"one\n\ntwo", ["one", "", "two"]),
        (b'{"message": "a line of JSON"}\n', ['{"message": "a line of JSON"}']),
        (b'{"awslogs": {"data": "broken"}}', ['{"awslogs": {"data": "broken"}}']),
        (b"\xff", ["\udcff"]),
    ],
)
def test_else_each_line_is_an_event(data: bytes, messages: list[str]) -> None:
    assert [event.message for event in events_of(data, now=5)] == messages
