"""Stacks whose lines came as events of their own: nothing is merged away, and one line tells of the error."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.fields import FieldNames
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.transcript import Transcript

pytestmark = pytest.mark.unit

ORIGIN = Origin("000000000000", "eu-west-1", "/app")
PYTHON = [
    "2026-11-22 12:00:00,123 ERROR app.solver run_id=r-1 correlation_id=corr-1 node failed",
    "Traceback (most recent call last):",
    '  File "/app/engine.py", line 41, in run',
    "    solve(node)",
    "    ^^^^^^^^^^^",
    "KeyError: 'demand'",
    "",
    "The above exception was the direct cause of the following exception:",
    "",
    "Traceback (most recent call last):",
    '  File "/app/engine.py", line 50, in run',
    "    raise NodeFailed(node)",
    "app.errors.NodeFailed: demand could not be solved",
    "DETAIL:  none",
]
JAVA = [
    "java.lang.IllegalStateException: no instances available",
    "\tat com.acme.Client.call(Client.java:42)",
    "\tat com.acme.Main.main(Main.java:7)",
    "Caused by: java.net.ConnectException: Connection refused",
    "\tat com.acme.Socket.open(Socket.java:1)",
    "\t... 2 more",
]


def events(lines: Iterable[str], stream: str = "s", begin: int = 1_000_000, step: int = 1) -> list[Event]:
    return [
        Event(f"{stream}-{begin + place}", begin + place * step, None, stream, line) for place, line in enumerate(lines)
    ]


def continued(parsed: list[Parsed]) -> list[str | None]:
    return [each.attributes.get("continues") for each in parsed]


def test_the_line_before_a_traceback_gets_it_whole() -> None:
    page = events([*PYTHON, "2026-11-22 12:00:01,000 INFO next"])
    head, *stack, after = Transcript(ORIGIN).read(page)
    assert head.error is not None
    assert (head.error.type, head.error.message) == ("NodeFailed", "demand could not be solved\nDETAIL:  none")
    assert head.error.stack == "\n".join(PYTHON[1:])
    assert head.attributes["causes"] == [{"type": "KeyError", "message": "'demand'"}]
    assert continued(stack) == [page[0].id] * len(stack)
    assert {(each.level, each.error) for each in stack} == {("INFO", None)}
    assert {(each.correlation_id, each.correlation_source, each.run_id) for each in stack} == {
        ("corr-1", "inherited", "r-1")
    }
    assert continued([head, after]) == [None, None]


def test_a_java_stack_belongs_to_the_line_that_names_the_exception() -> None:
    head, *stack = Transcript(ORIGIN).read(events(JAVA))
    assert head.error is not None
    assert (head.level, head.error.type, head.error.message) == (
        "ERROR",
        "IllegalStateException",
        "no instances available",
    )
    assert head.attributes["causes"] == [{"type": "ConnectException", "message": "Connection refused"}]
    assert all(continued(stack))


def test_a_traceback_alone_is_its_own_head() -> None:
    first, *rest = Transcript(ORIGIN).read(events(["2026-11-22 12:00:00,123 INFO fine", *PYTHON[1:6]]))[1:]
    assert first.error is not None
    assert first.error.type == "KeyError"
    assert all(continued(rest))


def test_the_rest_of_a_torn_stack_is_an_error_that_continues_the_first() -> None:
    transcript, page = Transcript(ORIGIN), events(PYTHON[:6])
    first = transcript.read(page[:4])
    rest = transcript.read(page[4:])
    assert first[0].error is not None
    assert first[0].error.type is None
    assert rest[0].error is not None
    assert (rest[0].error.type, rest[0].level, rest[1].error) == ("KeyError", "ERROR", None)
    assert continued(rest) == [page[0].id] * 2
    assert rest[0].correlation_id == "corr-1"


@pytest.mark.parametrize(("lines", "kind"), [(PYTHON[:6], "KeyError"), (JAVA, "IllegalStateException")])
def test_a_stack_whose_line_has_gone_out_before_is_an_error_that_continues_it(lines: list[str], kind: str) -> None:
    transcript, page = Transcript(ORIGIN), events(lines)
    (head,) = transcript.read(page[:1])
    first, *others = transcript.read(page[1:])
    assert head.error is None
    assert first.error is not None
    assert (first.level, first.error.type) == ("ERROR", kind)
    assert continued([first, *others]) == [page[0].id] * (len(lines) - 1)
    assert {each.level for each in others} == {"INFO"}


def test_what_is_remembered_of_a_line_is_short() -> None:
    transcript = Transcript(ORIGIN)
    transcript.read(events(["x" * 1_000_000], "one"))
    transcript.read(
        events([f"2026-11-22 12:00:00 ERROR failed\n{'y' * 1_000_000}\n{chr(10).join(PYTHON[1:6])}"], "two")
    )
    assert len(repr(vars(transcript._continuations))) < 5_000


def test_a_line_that_came_late_does_not_belong_to_a_later_one() -> None:
    transcript, page = Transcript(ORIGIN), events(PYTHON[:6], step=10)
    transcript.read(page[:1])
    late = [Event(event.id, event.timestamp - 5000, None, event.stream, event.message) for event in page[1:]]
    assert continued(transcript.read(late)) == [None, *[late[0].id] * 4]


def test_streams_that_are_mixed_are_told_apart() -> None:
    one, two = events(PYTHON[:6], "one"), events(PYTHON[:6], "two")
    page = [event for pair in zip(one, two, strict=True) for event in pair]
    parsed = Transcript(ORIGIN).read(page)
    assert continued(parsed[2::2]) == [one[0].id] * 5
    assert continued(parsed[3::2]) == [two[0].id] * 5


@pytest.mark.parametrize(
    "lines",
    [
        ["2026-11-22 12:00:00 ERROR query failed", "  SELECT 1", "  FROM runs"],
        ["2026-11-22 12:00:00 ERROR failed", "KeyError: x"],
        ["2026-11-22 12:00:00 INFO fine", "\tat home (today)"],
        ["Traceback"],
    ],
)
def test_what_is_no_stack_stays_as_it_is(lines: list[str]) -> None:
    assert continued(Transcript(ORIGIN).read(events(lines))) == [None] * len(lines)


def test_lines_far_apart_do_not_belong_together() -> None:
    parsed = Transcript(ORIGIN).read(events(PYTHON[:6], step=3000))
    assert continued(parsed) == [None] * 6


def test_every_line_stays_a_record() -> None:
    transcript, page = Transcript(ORIGIN), events([*PYTHON, *JAVA])
    values = [transcript.record(event, each, 1).value for event, each in zip(page, transcript.read(page), strict=True)]
    assert [json.loads(value)["message"] for value in values][1:] == [*PYTHON, *JAVA][1:]


def test_names_of_the_application_are_ids_in_fields_and_in_text() -> None:
    names = FieldNames({"scenario_id": ["forecast_id"], "correlation_id": ["operation"]})
    transcript = Transcript(ORIGIN, names=names)
    field, text = transcript.read(
        events([json.dumps({"message": "m", "forecast_id": 7, "operation": "o-1"}), "forecast_id=8, operation: op-2."])
    )
    assert (field.scenario_id, field.correlation_id, field.correlation_source) == ("7", "o-1", "field")
    assert (text.scenario_id, text.correlation_id, text.correlation_source) == ("8", "op-2", "pattern")


def test_a_line_after_the_end_of_a_request_belongs_to_no_request() -> None:
    request = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    lines = ["before", f"START RequestId: {request} Version: 1", "inside", f"END RequestId: {request}", "after"]
    transcript, page = Transcript(ORIGIN), events(lines, step=10)
    assert [each.request_id for each in transcript.read(page)] == [None, request, request, request, None]
    (late,) = transcript.read([Event("late", page[2].timestamp + 1, None, "s", "came late")])
    assert late.request_id == request
