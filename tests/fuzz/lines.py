"""Damaged log lines through forwarder and worker: none may crash either, and none may be missing.

    make fuzz-lines LINES=200000 SEED=7

Each line begins as one of a real format and is then cut, doubled, mixed and filled with what breaks parsers; some are long
and come in the pieces that log drivers make of them. A line must come out as exactly one record that the worker can land;
what the worker refuses is counted as a dead letter.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from clearsight.events import LogEvent, Rejected
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames
from connectors.cloudwatch.lines import MAX_VALUE_BYTES, Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.redact.redactor import Redactor
from connectors.cloudwatch.transcript import UNREAD, Transcript
from stream_processors.decode import Decoder
from stream_processors.records import RawRecord
from stream_processors.rows import log_row

PAGE_LINES = 500
REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"
TRACEBACK = "Traceback (most recent call last):\n  File \"/app/a.py\", line 4, in run\n    solve()\nKeyError: 'x'\n"
CHAIN = f"{TRACEBACK}\nThe above exception was the direct cause of the following exception:\n\n{TRACEBACK}"

FORMATS = [
    json.dumps({"level": "ERROR", "message": "m", "service": "s", "location": "f:1", "correlation_id": "c-12345", "run_id": 7, "exception": CHAIN, "exception_name": "KeyError", "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793"}),
    json.dumps({"timestamp": "t", "level": "INFO", "message": {"correlation_id": "c-1", "deep": [[{}]]}, "requestId": REQUEST}),
    json.dumps({"time": "t", "type": "platform.report", "record": {"requestId": REQUEST, "status": "timeout", "metrics": {"durationMs": 3.5}}}),
    json.dumps({"event": "failed", "level": "error", "exception": [{"exc_type": "V", "exc_value": "v", "frames": [{"filename": "a", "lineno": 1, "name": "f", "locals": {"password": "x"}}]}]}),
    json.dumps({"log": json.dumps({"log": "12:00:00.1 ERROR a.B#1 run_id=4 x", "container_name": "c"}), "container_id": "d", "ecs_task_arn": "e"}),
    json.dumps({"_aws": {"CloudWatchMetrics": [{"Namespace": "n", "Metrics": [{"Name": "v", "Unit": "Count"}], "Dimensions": [["d"]]}], "Timestamp": 1}, "v": 1, "d": "x"}),
    json.dumps({"error_severity": "ERROR", "backend_type": "client backend", "state_code": "23505", "message": "duplicate", "application_name": REQUEST}),
    json.dumps({"level": 50, "msg": "m", "err": {"type": "TypeError", "message": "x", "stack": "TypeError: x\n    at f (a.js:1:2)"}}),
    f"[ERROR]\t2026-11-22T12:00:00.123Z\t{REQUEST}\tcorrelation_id=abc-123 ValueError: x\n",
    f"[ERROR] KeyError: 'x'\r{TRACEBACK}".replace("\n", "\r").replace("    ", "\xa0\xa0\xa0\xa0"),
    f"START RequestId: {REQUEST} Version: $LATEST\n",
    f"REPORT RequestId: {REQUEST}\tDuration: 3.1 ms\tStatus: timeout\tXRAY TraceId: 1-5e61292c-cc1229a4dfbeae1043928548",
    f"2026-11-22T12:00:00.123Z {REQUEST} Task timed out after 3.00 seconds\n\n",
    f'2026-11-22T12:00:00Z\t{REQUEST}\tERROR\tInvoke Error \t{{"errorType":"E","errorMessage":"m","stack":["E: m","    at f (a.js:1:2)"]}}',
    f"2026-11-22 12:00:00,123 - app.solver - ERROR - failed\n{CHAIN}",
    "java.lang.IllegalStateException: x\n\tat com.acme.A.b(A.java:1)\nCaused by: java.io.IOException: y\n\t... 1 more",
    TRACEBACK,
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in f',
    "\tat com.acme.A.b(A.java:1)",
    "KeyError: 'x'",
    "mail alice@example.com card 4111 1111 1111 1111 password=hunter2 Authorization: Bearer abc123",
    "",
]  # fmt: skip
BREAKERS = [
    "\0", "\ud800", "\udcff", "\\u0000", "\\ud800", "{", "}", "[", "]", '"', "\\", "\n", "\r", "\t", "\xa0", "\u2028", "é", "𝕏",
    "null", "NaN", "1e999", "-0", "9" * 400, "{" * 300, "[" * 2000, '{"a":' * 700, '"' * 50, "\\" * 51, "password=", "token: ",
    "@", "a@b.cd", "=", ":", "correlation_id=", '"message":', '"message":"', "Traceback (most recent call last):", "\tat ",
    "Caused by: ", "eyJ", "-----BEGIN PRIVATE KEY-----", "\x1b[31m", "\x7f", "%", "+44 ", "4" * 19, "a.b." * 200, "(" * 100,
]  # fmt: skip
CUT_BYTES = 16_384
TIMES_MS = (-62_135_596_800_000, 0, 1_790_000_000_000, 253_402_300_799_999, -(2**63), 2**63 - 1, 2**62)
"""Year 1, 1970, today, year 9999 and what is no time at all."""
IDS = ("1", "39909000000000000000000000000000000000000000000000000001", "", "no number", "é" * 40, "9" * 300)


@dataclass
class Verdict:
    lines: int = 0
    landed: int = 0
    dead_letters: int = 0
    missing: int = 0
    unread: int = 0
    """Landed as text because a reader failed: a fault to be mended."""
    formats: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)


def damaged(chance: random.Random) -> str:
    """A line that nobody would write."""
    line = chance.choice(FORMATS)
    if line.startswith("{") and chance.random() < 0.5:
        line = json.dumps(_twisted(json.loads(line), chance))
    for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
        place = chance.randint(0, len(line))
        other = chance.randint(0, len(line))
        begin, end = min(place, other), max(place, other)
        what = chance.random()
        if what < 0.4:
            line = line[:place] + chance.choice(BREAKERS) + line[place:]
        elif what < 0.55:
            line = line[:begin] + line[end:]
        elif what < 0.65:
            line = line[:end] + line[begin:]
        elif what < 0.8:
            line = line[:place] + chance.choice(FORMATS)[place:]
        elif what < 0.9:
            line = json.dumps({"log" if chance.random() < 0.5 else "message": line, "container_name": "c"})
        else:
            line = (
                line[:place] + chr(chance.choice((chance.randint(0, 0xFF), chance.randint(0, 0x10FFFF)))) + line[place:]
            )
    if chance.random() < 0.0005:
        line = line + chance.choice((line or "x", "{", "correlation_id=a ", "a@b.cd ", "\n\tat f(a)")) * 100_000
    return line[: 1 << 20]


def _twisted(value: Any, chance: random.Random) -> Any:
    """The same document with values of other kinds, fields of other formats, and some of them gone."""
    if chance.random() < 0.12:
        return chance.choice(
            (None, True, 7, -1.5, 1e308, 2**63, "", "x", "error", [], {}, [None], {"type": 1}, [[1]], {"": ""})
        )
    if isinstance(value, list):
        return [_twisted(item, chance) for item in value if chance.random() < 0.95] * chance.choice((1, 1, 1, 2))
    if not isinstance(value, dict):
        return value
    more = (
        json.loads(chance.choice([line for line in FORMATS if line.startswith("{")])) if chance.random() < 0.1 else {}
    )
    return {key: _twisted(item, chance) for key, item in (value | more).items() if chance.random() < 0.95}


def events(count: int, chance: random.Random) -> Iterator[Event]:
    time_ms = 1_790_000_000_000
    for stream, text in islice(_said(chance), count):
        time_ms += chance.choice((0, 0, 1, 3000))
        timestamp = time_ms if chance.random() < 0.98 else chance.choice(TIMES_MS)
        yield Event(chance.choice(IDS), timestamp, chance.choice((None, timestamp, -1)), stream, text)


def _said(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Stream and text; now and then the pieces of a line that is longer than log drivers let through."""
    while True:
        stream = chance.choice(("a", "b", "", "é/[$LATEST]"))
        texts = [damaged(chance)] if chance.random() < 0.998 else cut(chance)
        yield from ((stream, text) for text in texts)


def cut(chance: random.Random) -> list[str]:
    """A long line in pieces of 16 KB, bare or wrapped; one of them may be damaged, twice there or gone."""
    document = json.loads(chance.choice([line for line in FORMATS if line.startswith("{")]))
    filler = chance.choice(("x", "é", '"', "{", ",", "\\", "\0")) * chance.randint(5_000, 60_000)
    encoded = json.dumps({**document, "padding": filler}, ensure_ascii=chance.random() < 0.5).encode()
    pieces = [encoded[at : at + CUT_BYTES].decode(errors="replace") for at in range(0, len(encoded), CUT_BYTES)]
    place, what = chance.randrange(len(pieces)), chance.random()
    if what < 0.3:
        pieces[place : place + 1] = chance.choice(
            ([], [pieces[place]] * 2, [pieces[place][:-7] + chance.choice(BREAKERS)])
        )
    if chance.random() < 0.5:
        return pieces
    flags = {"partial_message": "true", "partial_id": chance.choice(("1", 1, None))} if chance.random() < 0.5 else {}
    return [
        json.dumps({"log": piece, "container_name": "c", **flags, "partial_last": str(number == len(pieces)).lower()})
        for number, piece in enumerate(pieces, start=1)
    ]


def fuzz(count: int, seed: int) -> Verdict:
    """Raises whatever forwarder or worker raise: then the line is in the traceback's locals, and the seed finds it again."""
    chance = random.Random(seed)
    transcript = Transcript(Origin("000000000000", "eu-west-1", "/fuzz"), Redactor(user_key=b"0123456789abcdef"))
    names = TopicNames("fuzz")
    decode = Decoder(load_mapping(DEFAULT_MAPPING), names)
    verdict = Verdict()
    page: list[Event] = []
    for event in events(count, chance):
        page.append(event)
        if len(page) == PAGE_LINES or verdict.lines + len(page) == count:
            _land(page, transcript, decode, names.logs, verdict)
            page = []
    return verdict


def _land(page: list[Event], transcript: Transcript, decode: Decoder, topic: str, verdict: Verdict) -> None:
    parsed = transcript.read(page)
    verdict.missing += len(page) - len(parsed)
    for event, each in zip(page, parsed, strict=True):
        verdict.lines += 1
        verdict.formats[each.format] += 1
        record = transcript.record(event, each, event.timestamp)
        assert record.key
        assert len(record.value) <= MAX_VALUE_BYTES
        landed = decode(RawRecord(topic, 0, verdict.lines, event.timestamp, record.key, record.value))
        if isinstance(landed, LogEvent):
            verdict.landed += 1
            verdict.unread += UNREAD in landed.line.attributes
            row = log_row(landed)
            assert "\0" not in row.text
            row.text.encode()
        elif isinstance(landed, Rejected):
            verdict.dead_letters += 1
            verdict.reasons[landed.reason] += 1
        else:
            verdict.missing += 1


def main() -> int:
    options = argparse.ArgumentParser(description="Damaged log lines through forwarder and worker.")
    options.add_argument("--lines", type=int, default=200_000)
    options.add_argument("--seed", type=int, default=1)
    asked = options.parse_args()
    began = time.monotonic()
    verdict = fuzz(asked.lines, asked.seed)
    print(f"{verdict.lines:,} lines in {time.monotonic() - began:.0f} s: {verdict.landed:,} landed,", end=" ")
    print(
        f"{verdict.dead_letters:,} dead letters, {verdict.missing:,} missing, {verdict.unread:,} unread; seed {asked.seed}"
    )
    print("formats:", ", ".join(f"{name} {count:,}" for name, count in verdict.formats.most_common()))
    for reason, count in verdict.reasons.most_common():
        print(f"{count:,} × {reason}")
    whole = verdict.landed + verdict.dead_letters == asked.lines and verdict.missing == verdict.unread == 0
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
