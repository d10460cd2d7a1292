"""What would be extracted from given lines: the forwarder's own reading, and the category that the worker would decide."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from clearsight.categories import verdict_on
from clearsight.logline import LogLine
from clearsight.mapping import ErrorRule
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.transcript import Transcript

_GZIP_OR_ZLIB = 47
_PAGE_EVENTS = 1000

_decode = msgspec.json.Decoder(LogLine).decode


class Explained(msgspec.Struct, frozen=True):
    """`line` is what would be published; `category` is None where the line tells of no error."""

    number: int
    line: LogLine
    category: str | None
    because: str


def explain(events: list[Event], transcript: Transcript, rules: tuple[ErrorRule, ...]) -> Iterator[Explained]:
    """In the order of `events`, which is taken for that of time."""
    for begin in range(0, len(events), _PAGE_EVENTS):
        page = events[begin : begin + _PAGE_EVENTS]
        for number, (event, parsed) in enumerate(zip(page, transcript.read(page), strict=True), start=begin + 1):
            line = _decode(transcript.record(event, parsed, event.timestamp).value)
            found = verdict_on(rules, line)
            yield Explained(number, line, found.category if found else None, found.because if found else "")


def events_of(data: bytes, now: int) -> list[Event]:
    """The events of a file: an answer of FilterLogEvents or GetLogEvents, what a subscription sends (also as Lambda or
    Kinesis hand it over), else each line of text; `now` in epoch milliseconds is the time of the first of those."""
    stripped = data.strip()
    if stripped.startswith((b"{", b"[")):
        try:
            found = list(_events_in(orjson.loads(stripped)))
        except (ValueError, zlib.error):  # orjson's and base64's own are ValueErrors
            found = []
        if found:
            return found
    text = data.decode("utf-8", "surrogateescape")
    lines = text.removesuffix("\n").split("\n") if text else []
    return [_event(place, {"message": line, "timestamp": now + place}, "file") for place, line in enumerate(lines)]


def _events_in(document: Any) -> Iterator[Event]:
    if not isinstance(document, dict):
        return
    if isinstance(inner := document.get("awslogs"), dict):
        yield from _events_in(_unpacked(inner.get("data")))
    records = document.get("Records")
    for record in records if isinstance(records, list) else ():
        if isinstance(record, dict) and isinstance(record.get("kinesis"), dict):
            yield from _events_in(_unpacked(record["kinesis"].get("data")))
    stream = str(document.get("logStream") or "stream")
    told = document.get("logEvents") or document.get("events")
    for place, raw in enumerate(told if isinstance(told, list) else ()):
        if isinstance(raw, dict) and isinstance(raw.get("message"), str):
            yield _event(place, raw, stream)


def _unpacked(data: Any) -> Any:
    return orjson.loads(zlib.decompress(base64.b64decode(str(data)), wbits=_GZIP_OR_ZLIB))


def _event(place: int, raw: dict[str, Any], stream: str) -> Event:
    timestamp = raw.get("timestamp")
    return Event(
        str(raw.get("eventId") or raw.get("id") or place + 1),
        timestamp if isinstance(timestamp, int) else place,
        None,
        str(raw.get("logStreamName") or stream),
        raw["message"],
    )
