"""Lines that Docker's drivers and Fluent Bit cut at 16 KB: each piece stays a record, one of them says what the line says."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from kit.memory_forwarder import NOW, Bench

from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.redact.redactor import Redactor
from connectors.cloudwatch.transcript import Transcript

pytestmark = pytest.mark.unit

ORIGIN = Origin("000000000000", "eu-west-1", "/ecs/app")
CUT = 16_384
Wrap = Callable[[str, int, int], str]
"""A piece, which it is and of how many, as it comes to CloudWatch."""


def line(size: int = 40_000, **more: Any) -> str:
    """Of python-json-logger, with an error whose text is long."""
    stack = "Traceback (most recent call last):\n" + '  File "/app/plan.py", line 3, in plan\n    solve()\n' * (
        size // 50
    )
    told = {
        "asctime": "2026-11-22 08:00:00,123",
        "levelname": "ERROR",
        "service": "plan",
        "correlation_id": "corr-4711",
        "run_id": "r-7",
        "message": "run failed",
        "exc_info": stack + "ValueError: horizon must be positive",
    }
    return json.dumps({**told, **more})


def awslogs(piece: str, number: int, count: int) -> str:
    return piece


def docker(piece: str, number: int, count: int) -> str:
    end = "\n" if number == count else ""
    return json.dumps({"log": piece + end, "stream": "stdout", "time": "2026-11-22T08:00:00.000000001Z"})


def fargate(piece: str, number: int, count: int) -> str:
    """FireLens without flags, as on Fargate."""
    return json.dumps(
        {
            "source": "stdout",
            "log": piece,
            "container_id": "c0ffee-123",
            "container_name": "app",
            "ecs_cluster": "prod",
            "ecs_task_arn": "arn:aws:ecs:eu-west-1:000000000000:task/prod/0123",
            "ecs_task_definition": "app:7",
        }
    )


def firelens(piece: str, number: int, count: int) -> str:
    flags = {
        "partial_message": "true",
        "partial_id": "5d1b0e",
        "partial_ordinal": str(number),
        "partial_last": "true" if number == count else "false",
    }
    return json.dumps({**json.loads(fargate(piece, number, count)), **flags})


def old_firelens(piece: str, number: int, count: int) -> str:
    """Docker before it numbered the pieces: the last one has no flag."""
    flags = {"partial_message": "true"} if number < count else {}
    return json.dumps({**json.loads(fargate(piece, number, count)), **flags})


def pieces(text: str, wrap: Wrap = awslogs, size: int = CUT) -> list[str]:
    cut = [text[begin : begin + size] for begin in range(0, len(text), size)]
    return [wrap(piece, number, len(cut)) for number, piece in enumerate(cut, start=1)]


def events(messages: Sequence[str], stream: str = "s", begin: int = 1_000_000, step: int = 1) -> list[Event]:
    return [Event(f"{stream}-{n}", begin + n * step, None, stream, message) for n, message in enumerate(messages)]


def continued(parsed: Sequence[Parsed]) -> list[str | None]:
    return [each.attributes.get("continues") for each in parsed]


def ids(parsed: Parsed) -> tuple[str | None, ...]:
    return parsed.correlation_id, parsed.run_id, parsed.service


@pytest.mark.parametrize("wrap", [awslogs, docker, fargate, firelens, old_firelens])
def test_the_first_piece_says_what_the_line_says_and_the_others_whose_they_are(wrap: Wrap) -> None:
    page = events([wrap('{"message": "before"}', 1, 1), *pieces(line(), wrap), "after"])
    before, whole, *others, after = Transcript(ORIGIN).read(page)
    (uncut,) = Transcript(ORIGIN).read(events([wrap(line(), 1, 1)]))
    told = {key: value for key, value in uncut.attributes.items() if not key.startswith("partial_")}
    assert (whole.format, whole.level, whole.message, whole.attributes) == (uncut.format, "ERROR", "run failed", told)
    assert (whole.error, ids(whole)) == (uncut.error, ("corr-4711", "r-7", "plan"))
    assert whole.error is not None
    assert whole.error.type == "ValueError"
    assert continued([before, whole, *others, after]) == [None, None, page[1].id, page[1].id, None]
    assert [(ids(each), each.correlation_source, each.level, each.error) for each in others] == [
        (ids(whole), "inherited", "INFO", None)
    ] * 2
    assert "".join(each.message for each in others) == line()[CUT:]


@pytest.mark.parametrize("wrap", [awslogs, fargate, firelens])
def test_where_a_page_ends_within_a_line_its_rest_says_the_whole_and_continues_the_first(wrap: Wrap) -> None:
    transcript, page = Transcript(ORIGIN), events([*pieces(line(), wrap), "after"])
    (first,) = transcript.read(page[:1])
    second, third, after = transcript.read(page[1:])
    assert (first.level, ids(first), first.error) == ("ERROR", ("corr-4711", "r-7", "plan"), None)
    assert (second.level, second.message, ids(second)) == ("ERROR", "run failed", ids(first))
    assert second.error is not None
    assert continued([first, second, third, after]) == [None, page[0].id, page[0].id, None]


def test_a_piece_that_comes_page_by_page_stays_as_it_is_until_the_line_is_whole() -> None:
    transcript, page = Transcript(ORIGIN), events(pieces(line()))
    first, second, third = (transcript.read([event])[0] for event in page)
    assert [each.message == event.message for each, event in zip((first, second), page, strict=False)] == [True] * 2
    assert (continued([first, second, third]), third.message) == ([None, None, page[0].id], "run failed")


def test_no_secret_that_lies_across_a_cut_is_published() -> None:
    secret = "hunter-2-of-the-long-kind"
    begins_at = line(padding="", password=secret).index(secret)
    padded = line(padding="x" * (-(begins_at + len(secret) // 2) % CUT), password=secret)
    page = events(pieces(padded))
    assert secret in padded
    assert not any(secret in event.message for event in page)
    transcript = Transcript(ORIGIN)
    values = [
        transcript.record(event, each, 1).value.decode()
        for event, each in zip(page, transcript.read(page), strict=True)
    ]
    assert not any(secret[at : at + 8] in value for value in values for at in range(len(secret) - 8))


def test_streams_that_are_mixed_are_told_apart() -> None:
    one, two = events(pieces(line(run_id="r-1")), "one"), events(pieces(line(run_id="r-2")), "two")
    page = [event for pair in zip(one, two, strict=True) for event in pair]
    parsed = Transcript(ORIGIN).read(page)
    assert [each.run_id for each in parsed] == ["r-1", "r-2"] * 3
    assert continued(parsed) == [None, None, *["one-0", "two-0"] * 2]


def test_a_character_that_lies_across_the_cut_does_not_keep_the_pieces_apart() -> None:
    encoded = json.dumps({"level": "INFO", "message": "m", "of": "é" * 20_000}, ensure_ascii=False).encode()
    page = events([encoded[at : at + CUT].decode("utf-8", "replace") for at in range(0, len(encoded), CUT)])
    assert "\ufffd" in page[0].message
    assert continued(Transcript(ORIGIN).read(page)) == [None, page[0].id, page[0].id]


def test_a_long_line_of_text_that_says_it_was_cut_is_one() -> None:
    text = f"2026-11-22 08:00:00 ERROR run_id=r-7 ValueError: {'x' * 20_000}"
    first, rest = Transcript(ORIGIN).read(events(pieces(text, firelens)))
    assert (first.format, first.level, first.run_id, first.message) == ("plain", "ERROR", "r-7", text[26:])
    assert (rest.message, rest.run_id, rest.attributes["continues"]) == (text[CUT:], "r-7", "s-0")


@pytest.mark.parametrize(
    ("messages", "step"),
    [
        (pieces(line(300_000)), 1),
        (pieces(line()), 6_000),
        ([pieces(line())[0], "another line", *pieces(line())[1:]], 1),
        ([pieces(line())[0], '{"message": "another line"}', *pieces(line())[1:]], 1),
        (pieces(line()[:-1]), 1),
        (pieces(line(), size=8_000), 1),
        (pieces(line(60_000), size=40_000), 1),
        ([pieces(line(), firelens)[0], pieces(line(), firelens)[2].replace("5d1b0e", "another")], 1),
    ],
    ids=[
        "too long",
        "too slow",
        "interrupted",
        "interrupted by JSON",
        "never whole",
        "small",
        "large",
        "of another line",
    ],
)
def test_what_is_no_whole_line_stays_as_it_is(messages: list[str], step: int) -> None:
    assert continued(Transcript(ORIGIN).read(events(messages, step=step))) == [None] * len(messages)


def test_of_pieces_that_do_not_become_whole_the_first_has_what_its_whole_fields_say() -> None:
    first, second = Transcript(ORIGIN).read(events(pieces(line()[:-1]))[:2])
    assert (first.format, first.level, first.level_raw, ids(first)) == (
        "text",
        "ERROR",
        "ERROR",
        ("corr-4711", "r-7", "plan"),
    )
    assert (first.message, first.attributes) == (line()[:CUT], {})
    assert ids(second) == (None, None, None)


def test_every_piece_is_forwarded_once_whichever_poll_shows_it(tmp_path: Path) -> None:
    bench, cut = Bench(tmp_path / "ledger.jsonl"), pieces(line(), firelens)
    bench.service.put(*((NOW + place, piece) for place, piece in enumerate(cut[:2])))
    bench.polls()
    bench.service.put((NOW + 2, cut[2]))
    bench.polls()
    first, second, third = sorted(bench.lines(), key=lambda line: line.event_time)
    assert len({first.event_id, second.event_id, third.event_id}) == 3
    assert (first.format, third.message, third.run_id) == ("text", "run failed", "r-7")
    assert third.attributes["continues"] == first.event_id


def test_what_is_remembered_of_lines_that_never_become_whole_is_bounded() -> None:
    transcript = Transcript(ORIGIN)
    for number in range(200):
        transcript.read(events(pieces(line())[:1], stream=f"s{number}"))
    assert len(transcript._split_lines._open) <= 64


@pytest.mark.parametrize("wrap", [awslogs, fargate, firelens])
def test_the_first_piece_that_was_not_sent_says_the_whole_and_continues_the_first(wrap: Wrap) -> None:
    page = events(pieces(line(), wrap))
    _, second, third = Transcript(ORIGIN).read(page, {page[0].id})
    assert (second.level, second.message, third.level) == ("ERROR", "run failed", "INFO")
    assert second.error is not None
    assert (continued([second, third]), ids(third)) == ([page[0].id] * 2, ids(second))


def test_after_a_restart_within_a_line_the_rest_of_it_says_the_whole(tmp_path: Path) -> None:
    bench, cut = Bench(tmp_path / "ledger.jsonl"), pieces(line(), firelens)
    bench.service.put((NOW, cut[0]))
    bench.polls()
    bench.restart()
    bench.service.put((NOW + 1, cut[1]), (NOW + 2, cut[2]))
    bench.clock.now += 10_000
    bench.polls()
    first, second, third = sorted(bench.lines(), key=lambda line: line.event_time)
    assert (first.format, second.message, second.level, third.level) == ("text", "run failed", "ERROR", "INFO")
    assert second.error is not None
    assert second.attributes["continues"] == third.attributes["continues"] == first.event_id


@pytest.mark.parametrize("wrap", [awslogs, fargate, firelens, old_firelens])
@pytest.mark.parametrize(
    ("read", "again"), [((0, 1), 0), ((0, 2), 0), ((0, 3), 0), ((0, 2), 1), ((0, 3), 1), ((0, 3), 2)]
)
def test_pieces_that_come_again_are_one_line(wrap: Wrap, read: tuple[int, int], again: int) -> None:
    transcript, page = Transcript(ORIGIN), events(pieces(line(), wrap))
    transcript.read(page[slice(*read)])
    whole, *others = transcript.read(page[again:])
    assert (whole.message, whole.level, [each.level for each in others]) == (
        "run failed",
        "ERROR",
        ["INFO"] * (2 - again),
    )
    assert continued([whole, *others]) == [page[0].id if again else None, *[page[0].id] * (2 - again)]


@pytest.mark.parametrize("error", [RecursionError, TypeError, ValueError, OverflowError])
def test_a_line_that_cannot_be_redacted_leaves_its_pieces_as_they_are(error: type[Exception]) -> None:
    def fails(text: str) -> str:
        raise error

    page = events(pieces(line()))
    transcript = Transcript(ORIGIN)
    transcript._split_lines._redact = fails
    parsed = transcript.read(page)
    assert [each.message for each in parsed] == [event.message for event in page]
    assert continued(parsed) == [None] * 3


def test_an_earlier_event_that_comes_late_does_not_end_the_line() -> None:
    transcript, page = Transcript(ORIGIN), events(pieces(line()))
    transcript.read(page[:1])
    (late,) = transcript.read([Event("late", page[0].timestamp - 10, None, "s", "came late")])
    second, third = transcript.read(page[1:])
    assert (late.message, second.message) == ("came late", "run failed")
    assert continued([late, second, third]) == [None, page[0].id, page[0].id]


def test_of_a_stack_whose_head_was_sent_the_first_line_that_was_not_tells_of_the_error() -> None:
    stack = ["ERROR:app:failed", "Traceback (most recent call last):", '  File "/app/a.py", line 3, in f', "    g()"]
    page = events([*stack, "KeyError: 'demand'"])
    *_, last = Transcript(ORIGIN).read(page, {event.id for event in page[:4]})
    assert (last.level, last.attributes["continues"]) == ("ERROR", page[0].id)
    assert last.error is not None
    assert last.error.type == "KeyError"


HIDDEN: dict[str, Any] = {
    "tax_number": "xk7-plain-value",
    "iban": "my xk7-account",
    "e_mail": "xk7 at example",
    "phone": 8470004711,
    "dateOfBirth": 'xk7 "1990" xk7',
    "account_number": ["a", {"b": "xk7"}],
    "locals": {"x": "xk7", "y": {"z": "xk7 }"}},
}


def values_of(transcript: Transcript, page: Sequence[Event]) -> list[str]:
    read = [transcript.read([event])[0] for event in page]
    return [transcript.record(event, each, 1).value.decode() for event, each in zip(page, read, strict=True)]


@pytest.mark.parametrize("wrap", [awslogs, docker, fargate, firelens])
@pytest.mark.parametrize("before", [0, CUT], ids=["in the first piece", "in the second piece"])
@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize(
    "nested", [dict, lambda told: {"inner": [told]}, lambda told: {"body": json.dumps({"of": told})}]
)
def test_a_piece_that_is_sent_alone_shows_no_value_that_its_name_hides(
    wrap: Wrap, before: int, name: str, nested: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    told = json.dumps({"a": "-" * before, **nested({name: HIDDEN[name]}), "plain": "seen", "of": "x" * 40_000})
    transcript = Transcript(ORIGIN, Redactor(keys=("tax_number",)))
    values = values_of(transcript, events(pieces(told, wrap))[:2])
    assert not any(secret in value for value in values for secret in ("xk7", "8470004711"))
    assert any("seen" in value for value in values) or (
        name in ("locals", "account_number") and "body" in told[:20_000]
    )


@pytest.mark.parametrize("name", ["locals", "tax_number", "account_number"])
def test_a_hidden_value_that_goes_on_in_the_next_piece_stays_hidden(name: str) -> None:
    told = json.dumps({"a": 1, name: ["-" * 20_000, "xk7"], "plain": "seen", "of": "x" * 40_000})
    values = values_of(Transcript(ORIGIN, Redactor(keys=("tax_number",))), events(pieces(told))[:2])
    assert ["xk7" in value for value in values] == [False, False]
    assert "seen" in values[1]


@pytest.mark.parametrize(
    "text",
    [
        '{"email": null, "phone": "", "locals": {}, "cookies": [], "ssn": "[ssn]", "iban": [iban], "pan": true',
        'the "mail": was not sent',
        '"' * 3 + "\\" * 50_000 + '": "',
    ],
)
def test_what_has_no_value_to_hide_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_what_is_hidden_by_its_name_in_a_piece_is_counted() -> None:
    transcript, (event,) = (
        Transcript(ORIGIN),
        events(pieces(json.dumps({"a": 1, "phone": "xk7", "of": "x" * 40_000}))[:1]),
    )
    (parsed,) = transcript.read([event])
    assert b'\\"phone\\": \\"[phone]\\"' in transcript.record(event, parsed, 1).value
    assert parsed.redactions == {"phone": 1}


def test_a_line_behind_a_piece_whose_last_value_is_hidden_is_seen() -> None:
    piece = pieces(json.dumps({"a": 1, "locals": ["-" * 20_000, "xk7"]}))[0]
    first, second = Transcript(ORIGIN).read(events([piece, "another line"]))
    assert (first.format, second.message) == ("text", "another line")
