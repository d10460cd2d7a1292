"""Damaged lines through forwarder and worker, and the worst of them one by one. `make fuzz-lines` takes many more."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fuzz.lines import BREAKERS, fuzz

from clearsight.events import LogEvent
from clearsight.instants import EARLIEST_US, LATEST_US
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames
from connectors.cloudwatch.lines import MAX_VALUE_BYTES, Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.fields import FieldNames
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.transcript import UNREAD, Transcript
from stream_processors.decode import Decoder
from stream_processors.records import RawRecord

pytestmark = pytest.mark.unit

MEGABYTE = 1 << 20
NAMES = TopicNames("bad")
DECODE = Decoder(load_mapping(DEFAULT_MAPPING), NAMES)


def landed(message: str, *, event_id: str = "1", timestamp: int = 1_790_000_000_000, stream: str = "s") -> LogEvent:
    transcript, event = Transcript(Origin("0", "r", "/g")), Event(event_id, timestamp, None, stream, message)
    (parsed,) = transcript.read([event])
    record = transcript.record(event, parsed, timestamp)
    assert len(record.value) <= MAX_VALUE_BYTES
    found = DECODE(RawRecord(NAMES.logs, 0, 0, 1_790_000_000_000, record.key, record.value))
    assert isinstance(found, LogEvent), found
    assert UNREAD not in found.line.attributes
    return found


def test_damaged_lines_all_land() -> None:
    verdict = fuzz(3000, seed=20261123)
    assert (verdict.lines, verdict.landed, verdict.dead_letters, verdict.missing) == (3000, 3000, 0, 0)
    assert len(verdict.formats) == 11
    assert not verdict.unread


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    "breaker",
    [
        *BREAKERS[:12],
        *BREAKERS[21:29:2],
        " ",
        "x",
        "correlation_id=a ",
        "a@b.cd ",
        "\n\tat f(a)",
        "password=",
        "aA0_.:/-",
    ],
)
def test_a_line_of_a_megabyte_of_anything_ends(breaker: str) -> None:
    """What is quadratic in it meets the time-out."""
    landed((breaker * (MEGABYTE // len(breaker) + 1))[:MEGABYTE])


@pytest.mark.timeout(90)
def test_what_no_cut_makes_small_enough_is_sent_as_it_is() -> None:
    transcript, event = Transcript(Origin("0", "r", "/g")), Event("1", 10**30, None, "s" * MEGABYTE, "message")
    (parsed,) = transcript.read([event])
    assert b'"truncated":true' in transcript.record(event, parsed, 0).value


def test_a_megabyte_is_cut_and_says_so() -> None:
    line = landed("é" * (MEGABYTE // 2)).line
    assert line.attributes == {"truncated": True, "original_bytes": MEGABYTE}
    assert len(line.message.encode()) > MAX_VALUE_BYTES // 3


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"level": "ERROR", "errorType": "x" * MEGABYTE, "errorMessage": "m"}),
        json.dumps({"type": "platform.start", "record": {"requestId": "x" * MEGABYTE}}),
        json.dumps({"backend_type": "b", "error_severity": "ERROR" + "1" * MEGABYTE, "message": "m"}),
        'Traceback (most recent call last):\n  File "a", line 1, in b\n' + "X" * MEGABYTE + ": m",
    ],
)
def test_a_megabyte_that_is_a_name_makes_no_larger_record(text: str) -> None:
    landed(text)


@pytest.mark.parametrize(
    "text",
    ["{" * 10_000, "[" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000, '{"a":' + "[" * 10_000 + "]" * 10_000 + "}"],
)
def test_ten_thousand_brackets_are_text(text: str) -> None:
    line = landed(text).line
    assert (line.format, line.message, line.attributes) == ("text", text, {})


@pytest.mark.parametrize(
    "text",
    [
        "a\0b",
        '{"message": "a\\u0000b"}',
        '{"message": "a", "k\\u0000": ["\\u0000"], "correlation_id": "a\\u0000b", "level": "INFO\\u0000"}',
        '{"log": "a\\u0000b", "container_name": "c"}',
        '[INFO]\t2026-11-22T12:00:00Z\t52fdfc07-2182-154f-163f-5f0f9a621d72\t{"message": "a\\u0000b"}',
        json.dumps({"message": json.dumps({"password": "a\0b", "x": "c\0"})}),
    ],
)
def test_nul_is_replaced_everywhere(text: str) -> None:
    found = landed(text)
    assert "\0" not in repr(found.line)


def test_half_a_surrogate_and_bytes_that_were_no_utf_8_are_replaced_and_counted() -> None:
    line = landed(b"caf\xe9 \xff".decode("utf-8", "surrogateescape") + "\ud83d").line
    assert line.message == "caf\ufffd \ufffd\ufffd"
    assert line.attributes == {"replaced_characters": 3}


@pytest.mark.parametrize("timestamp", [-62_135_596_800_000, 0, 253_402_300_799_999, 2**63 - 1, -(2**63)])
def test_a_time_that_the_partitions_cannot_hold_is_clamped(timestamp: int) -> None:
    found = landed("x", timestamp=timestamp)
    assert found.line.event_time == timestamp
    assert EARLIEST_US <= found.occurred_us <= LATEST_US


@pytest.mark.parametrize("event_id", ["", "not a number", "é" * 300, "9" * 56])
def test_any_text_can_be_an_id(event_id: str) -> None:
    assert landed("x", event_id=event_id).line.event_id == event_id


def test_a_line_that_its_reader_fails_on_is_sent_as_text_and_the_others_as_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(FieldNames):
        def read(self, format_name: str, message: str, document: dict[str, Any]) -> tuple[Parsed, bool]:
            raise TypeError(message)

    transcript = Transcript(Origin("0", "r", "/g"), names=Broken())
    lines = ['{"message": "mail alice@example.com"}', "2026-11-22 12:00:00 ERROR fine"]
    page = [Event(str(place), place, None, "s", line) for place, line in enumerate(lines)]
    with caplog.at_level(logging.DEBUG):
        first, second = transcript.read(page)
    assert (first.format, first.attributes, second.format) == ("text", {UNREAD: "TypeError"}, "plain")
    assert json.loads(transcript.record(page[0], first, 1).value)["message"] == '{"message":"mail [email]"}'
    assert "TypeError" in caplog.text
    assert "alice" not in caplog.text


def test_a_measure_that_is_no_number_is_none() -> None:
    request = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    line = landed(f"REPORT RequestId: {request}\tDuration: 3..1 ms\tMemory Size: 128 MB").line
    assert line.attributes == {"memory_size": 128.0}


@pytest.mark.parametrize(
    "fields",
    [
        {"message": {"a": 1e308}, "level": []},
        {"message": [1, [2]], "exception": [{"frames": 7, "exc_type": 1}]},
        {"stack_trace": {"type": [], "value": {}}, "errorType": 5},
        {"err": {"message": {}, "stack": 1}, "level": 50},
        {"_aws": {"CloudWatchMetrics": [None, {"Metrics": [None, {"Name": 1}]}]}},
        {"type": "platform.report", "record": {"status": ["timeout"], "requestId": 5, "metrics": []}},
        {"error_severity": 5, "backend_type": None, "message": None, "state_code": {}},
        {"correlation_id": {"a": 1}, "trace_id": 7, "user_id": True, "node": 1.5},
        {"headers": {"correlation_id": ["x"]}, "extra": {"run_id": {"deep": 1}}},
        {"log": "x", "stream": 5, "time": []},
    ],
)
def test_fields_of_the_wrong_kind(fields: dict[str, Any]) -> None:
    assert landed(json.dumps(fields)).line.message
