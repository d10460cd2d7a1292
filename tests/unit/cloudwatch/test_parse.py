"""What each kind of line becomes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cloudwatch.parse.identifiers import trace_of
from connectors.cloudwatch.parse.recognise import parse
from connectors.cloudwatch.parse.record import Parsed

pytestmark = pytest.mark.unit

REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/app/engine.py", line 41, in run\n    solve(node)\n'
    '  File "/app/solver.py", line 7, in solve\n    x()\n'
    "psycopg.errors.DeadlockDetected: deadlock detected\n"
    "DETAIL:  Process 1 waits for ShareLock.\n"
    "HINT:  See server log for query details."
)


def document(**fields: object) -> str:
    return json.dumps(fields)


def test_powertools() -> None:
    parsed = parse(
        document(
            level="ERROR",
            location="solve:42",
            message="node failed",
            timestamp="2026-11-22 12:00:00,123+0000",
            service="forecast-engine",
            function_request_id=REQUEST,
            correlation_id="c-1",
            scenario_id="s-1",
            run_id=4711,
            user_id="u-1",
            node="demand",
            xray_trace_id="1-5759e988-bd862e3fe1be46a994272793",
            exception=TRACEBACK,
            exception_name="DeadlockDetected",
            horizon=12,
        )
    )
    assert parsed.format == "powertools"
    assert (parsed.level, parsed.level_raw, parsed.message) == ("ERROR", "ERROR", "node failed")
    assert (parsed.correlation_id, parsed.correlation_source) == ("c-1", "field")
    assert (parsed.scenario_id, parsed.run_id, parsed.user_id, parsed.node) == ("s-1", "4711", "u-1", "demand")
    assert (parsed.service, parsed.request_id) == ("forecast-engine", REQUEST)
    assert parsed.trace_id == "5759e988bd862e3fe1be46a994272793"
    assert parsed.attributes == {"location": "solve:42", "horizon": 12}
    assert parsed.error
    assert parsed.error.type == "DeadlockDetected"
    assert parsed.error.message
    assert parsed.error.message.startswith("deadlock detected")
    assert parsed.error.stack == TRACEBACK


def test_lambda_json_application() -> None:
    parsed = parse(
        document(
            timestamp="2026-11-22T12:00:00Z",
            level="ERROR",
            message="boom",
            requestId=REQUEST,
            errorType="ValueError",
            errorMessage="negative demand",
            stackTrace=['  File "/var/task/app.py", line 3, in handler\n    check()\n'],
        )
    )
    assert (parsed.format, parsed.request_id) == ("lambda-json", REQUEST)
    assert parsed.error
    assert (parsed.error.type, parsed.error.message) == ("ValueError", "negative demand")
    assert parsed.error.fingerprint


def test_lambda_platform_records() -> None:
    record = {"requestId": REQUEST, "status": "timeout", "metrics": {"durationMs": 3000.0}}
    parsed = parse(document(time="2026-11-22T12:00:00Z", type="platform.report", record=record))
    assert (parsed.format, parsed.level, parsed.request_id) == ("lambda-platform", "ERROR", REQUEST)
    assert parsed.attributes == {"type": "platform.report", "durationMs": 3000.0}
    assert parsed.error
    assert parsed.error.type == "Timedout"
    dropped = parse(document(time="t", type="platform.logsDropped", record={"droppedRecords": 3}))
    assert dropped.level == "WARN"
    assert parse(document(time="t", type="platform.start", record={"requestId": REQUEST})).starts_request


def test_lambda_text() -> None:
    parsed = parse(f"[WARNING]\t2026-11-22T12:00:00.123Z\t{REQUEST}\tslow, correlation_id=abc-123-def.\n")
    assert (parsed.format, parsed.level, parsed.level_raw) == ("lambda-text", "WARN", "WARNING")
    assert (parsed.message, parsed.request_id) == ("slow, correlation_id=abc-123-def.", REQUEST)
    assert (parsed.correlation_id, parsed.correlation_source) == ("abc-123-def", "pattern")


def test_lambda_text_of_an_error_nobody_caught() -> None:
    parsed = parse(
        "[ERROR] ZeroDivisionError: division by zero\rTraceback (most recent call last):\r"
        '\xa0\xa0File "/var/task/app.py", line 3, in handler\r\xa0\xa0\xa0\xa01/0'
    )
    assert parsed.error
    assert (parsed.error.type, parsed.error.message) == ("ZeroDivisionError", "division by zero")
    assert parsed.error.stack
    assert '\n  File "/var/task/app.py"' in parsed.error.stack


def test_lambda_start_end_report_and_timeout() -> None:
    start = parse(f"START RequestId: {REQUEST} Version: $LATEST\n")
    assert (start.format, start.request_id, start.starts_request) == ("lambda-report", REQUEST, True)
    report = parse(
        f"REPORT RequestId: {REQUEST}\tDuration: 3003.16 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\t"
        "Max Memory Used: 48 MB\tXRAY TraceId: 1-5e61292c-cc1229a4dfbeae1043928548\tStatus: timeout"
    )
    assert report.attributes["duration"] == 3003.16
    assert (report.level, report.trace_id) == ("ERROR", "5e61292ccc1229a4dfbeae1043928548")
    timeout = parse(f"2026-11-22T12:00:00.123Z {REQUEST} Task timed out after 3.00 seconds\n\n")
    assert (timeout.level, timeout.request_id, timeout.message) == (
        "ERROR",
        REQUEST,
        "Task timed out after 3.00 seconds",
    )


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        (
            "2026-11-22T12:00:00.123Z ERROR [correlation_id=abc-123] x failed",
            "ERROR",
            "[correlation_id=abc-123] x failed",
        ),
        ("2026-11-22 12:00:00,123 - app.solver - WARNING - slow", "WARN", "slow"),
        ("2026-11-22 12:00:00 [info] started", "INFO", "started"),
        ("CRITICAL:root:out of memory", "FATAL", "out of memory"),
        ("19:50:59.978 ERROR o.a.Food#302 TraceID: x", "ERROR", "o.a.Food#302 TraceID: x"),
    ],
)
def test_plain(line: str, level: str, message: str) -> None:
    parsed = parse(line)
    assert (parsed.format, parsed.level, parsed.message) == ("plain", level, message)


def test_ids_and_error_in_a_plain_line() -> None:
    parsed = parse(
        "2026-11-22T12:00:00Z ERROR [correlation_id=abc-123] node=demand run_id=42 scenario=s-9 "
        "user_id=None ValidationError: demand must not be negative"
    )
    assert (parsed.correlation_id, parsed.node, parsed.run_id, parsed.scenario_id) == ("abc-123", "demand", "42", "s-9")
    assert parsed.user_id is None
    assert parsed.error
    assert (parsed.error.type, parsed.error.message) == ("ValidationError", "demand must not be negative")


def test_structlog_leaves_locals_behind() -> None:
    frames = [{"filename": "a.py", "lineno": 3, "name": "f", "locals": {"password": "hunter2"}}]
    parsed = parse(
        document(
            event="failed",
            level="error",
            exception=[{"exc_type": "ValueError", "exc_value": "bad", "frames": frames}],
        )
    )
    assert (parsed.format, parsed.message, parsed.level) == ("structlog", "failed", "ERROR")
    assert parsed.error
    assert parsed.error.type == "ValueError"
    assert "hunter2" not in repr(parsed)


def test_python_json_logger() -> None:
    parsed = parse(document(asctime="t", levelname="ERROR", message="failed", exc_info=TRACEBACK, run_id="r"))
    assert (parsed.format, parsed.level, parsed.run_id) == ("python-json-logger", "ERROR", "r")
    assert parsed.error
    assert parsed.error.type == "DeadlockDetected"


def test_a_traceback_alone_is_an_error() -> None:
    parsed = parse(TRACEBACK)
    assert (parsed.format, parsed.level) == ("text", "ERROR")
    assert parsed.error
    assert parsed.error.type == "DeadlockDetected"
    assert parsed.error.message
    assert parsed.error.message.startswith("deadlock detected\nDETAIL")


def test_a_fingerprint_survives_moved_lines_and_tells_functions_apart() -> None:
    def fingerprint(text: str) -> str | None:
        error = parse(text).error
        return error.fingerprint if error else None

    assert fingerprint(TRACEBACK) == fingerprint(TRACEBACK.replace("line 41", "line 43"))
    assert fingerprint(TRACEBACK) != fingerprint(TRACEBACK.replace("in solve", "in other"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"correlationId": "c"}, "c"),
        ({"X-Correlation-Id": "c"}, "c"),
        ({"headers": {"x-correlation-id": "c"}}, "c"),
        ({"detail": {"correlation_id": "c"}}, "c"),
        ({"message": {"correlation_id": "c"}}, "c"),
        ({"message": '{"correlation_id": "c"}'}, "c"),
        ({"correlation_id": None}, None),
        ({"correlation_id": ""}, None),
        ({"correlation_id": "undefined"}, None),
        ({"correlation_id": "x" * 300}, None),
    ],
)
def test_correlation_by_field(fields: dict[str, object], expected: str | None) -> None:
    parsed = parse(document(**{"level": "INFO", "message": "m", **fields}))
    assert parsed.correlation_id == expected
    assert parsed.correlation_source == ("field" if expected else "none")


def test_a_line_of_a_container_is_what_the_application_said() -> None:
    said = '{"level":"ERROR","message":"broken","correlation_id":"c-1"}'
    text = parse(document(log="19:50:59.978 WARN a.B#1 run_id=42\n", stream="stdout", time="2023-01-30T11:50:59.97Z"))
    nested = parse(document(log=said, stream="stderr", time="2023-01-30T11:50:59.97Z"))
    assert (text.level, text.message, text.run_id, text.attributes) == (
        "WARN",
        "a.B#1 run_id=42",
        "42",
        {"stream": "stdout"},
    )
    assert (nested.level, nested.message, nested.correlation_id) == ("ERROR", "broken", "c-1")
    assert parse(document(log="x", stream="stdout", time="t", more=1)).format == "json"


def postgres_line(**fields: object) -> str:
    return document(error_severity="ERROR", backend_type="client backend", message="duplicate key value", **fields)


def test_a_statement_that_postgres_refused() -> None:
    parsed = parse(postgres_line(state_code="23505", application_name="a55d9280-778c-5b3c-84cd-d4b60f24a990"))
    assert (parsed.format, parsed.level, parsed.correlation_id, parsed.correlation_source) == (
        "postgres-jsonlog",
        "ERROR",
        "a55d9280-778c-5b3c-84cd-d4b60f24a990",
        "field",
    )
    assert parsed.error
    assert (parsed.error.type, parsed.error.message) == ("UniqueViolation", "duplicate key value")
    assert parsed.attributes["state_code"] == "23505"


def test_an_application_name_that_is_no_id_is_none() -> None:
    parsed = parse(postgres_line(state_code="99999", application_name="Debezium Streaming"))
    assert (parsed.correlation_id, parsed.attributes["application_name"]) == (None, "Debezium Streaming")
    assert parsed.error
    assert parsed.error.type is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("corr=abcdef done", "abcdef"),
        ('x "correlationId": "abc-def-1"}', "abc-def-1"),
        ("[0b5f1c1e-8a1c-4b5e-9a37-4a2f0a3f1c11] hello", "0b5f1c1e-8a1c-4b5e-9a37-4a2f0a3f1c11"),
        ("acid=abcdef", None),
        ("correlation_id=abc", None),
        ("correlation of demand: strong", None),
    ],
)
def test_correlation_by_pattern(text: str, expected: str | None) -> None:
    assert parse(text).correlation_id == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=1", "5759e988bd862e3fe1be46a994272793"),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("3172564172058669914", None),
    ],
)
def test_trace_ids_become_one_form(raw: str, expected: str | None) -> None:
    assert trace_of(raw) == expected


@pytest.mark.parametrize(
    "line",
    ["{" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000, "[" * 10_000, '{"broken": ', "", "\n", "{}", "[]", "null"],
    ids=["open", "nested", "brackets", "broken", "empty", "newline", "no fields", "no items", "null"],
)
def test_what_cannot_be_read_is_kept(line: str) -> None:
    assert parse(line).message == line.rstrip("\r\n")


def test_characters_that_postgres_refuses_are_replaced_and_counted() -> None:
    parsed = parse("a\0b\ud800")
    assert parsed.message == "a\ufffdb\ufffd"
    assert parsed.attributes == {"replaced_characters": 2}
    parsed = parse(document(level="INFO", message="x\0", service="s", location="l", key={"k\0": ["\0"]}))
    assert parsed.message == "x\ufffd"
    assert parsed.attributes["key"] == {"k\ufffd": ["\ufffd"]}


def test_attributes_are_bounded() -> None:
    many = parse(document(level="INFO", message="m", **{f"k{n}": n for n in range(200)}))
    assert len(many.attributes) == 65
    assert many.attributes["_dropped"] == 136
    large = parse(document(level="INFO", message="m", small=1, big="x" * 10_000))
    assert large.attributes == {"small": 1, "_dropped": 1}


fragments = st.sampled_from(
    [
        "{",
        "}",
        "[",
        "]",
        '"',
        ":",
        ",",
        "\t",
        "\n",
        "\0",
        "\ud800",
        "[ERROR]",
        "START RequestId: ",
        REQUEST,
        "Traceback ",
        "(most recent call last):",
        '  File "a", line 1, in f',
        "correlation_id=",
        '{"level":"INFO","message":',
        "ValueError: ",
        "2026-11-22T12:00:00Z ",
        "\u00e9",
        " at f (a.js:1:2)",
        '"type":"platform.x","record":',
        "null",
        "1e999",
        "\\u0000",
    ]
)


@given(st.lists(fragments | st.text(max_size=8), max_size=12).map("".join))
def test_no_line_is_refused(line: str) -> None:
    parsed = parse(line)
    assert isinstance(parsed, Parsed)
    assert "\0" not in parsed.message
    parsed.message.encode()
