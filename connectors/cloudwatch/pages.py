"""Reads every page of a window. By hand: botocore's paginator fails on a repeated token, which CloudWatch may send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

import msgspec

from clearsight.errors import Unavailable
from connectors.cloudwatch.window import Window

REPEATED_TOKENS = 50
"""So many in a row that came before, the same one or several in turns, are no way to the end."""


class Event(NamedTuple):
    """A line as CloudWatch tells it; times in epoch milliseconds."""

    id: str
    timestamp: int
    ingestion: int | None
    stream: str
    message: str


class _Told(msgspec.Struct, gc=False, rename="camel"):
    event_id: str
    timestamp: int
    ingestion_time: int | None = None
    log_stream_name: str = ""
    message: str = ""


class Page(msgspec.Struct, gc=False):
    """The body of FilterLogEvents' answer."""

    events: list[_Told]
    """Always there, be it empty: what has none is no page, whatever else it is."""
    next_token: str | None = msgspec.field(default=None, name="nextToken")

    def lines(self) -> list[Event]:
        return [Event(e.event_id, e.timestamp, e.ingestion_time, e.log_stream_name, e.message) for e in self.events]


PAGE = "page"
"""In an answer: the whole of it as a Page, None where it is none, where the client has decoded it so. boto3's own
parsing of a line costs ten times as much as that, and more than anything else that is done with the line."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not the JSON that was expected."""

_decode_page = msgspec.json.Decoder(Page).decode


def page_of(body: bytes) -> Page | None:
    """None where it is none. Halves of surrogates are kept, bytes that are no UTF-8 are replaced."""
    with suppress(*UNREADABLE):
        return _decode_page(body)
    with suppress(ValueError, RecursionError, msgspec.ValidationError):
        return msgspec.convert(json.loads(body.decode("utf-8", "replace")), Page)
    return None


class LogsApi(Protocol):
    """The part of CloudWatch Logs that is read. Raises CloudWatchFailure."""

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]: ...


def naming(group: str) -> dict[str, str]:
    """How a call names a log group: by its name, or by its ARN, which another account's must be."""
    return {"logGroupIdentifier" if group.startswith("arn:") else "logGroupName": group}


def read(api: LogsApi, group: str, window: Window, page_limit: int) -> Iterator[list[Event]]:
    """The pages that hold events, until CloudWatch sends no token; an empty page means nothing.

    Raises CloudWatchFailure, and Unavailable where tokens come back again and again, or the answer is no page.
    """
    parameters: dict[str, Any] = {
        **naming(group),
        "startTime": max(0, window.start),
        "endTime": max(0, window.end),
        "limit": page_limit,
        "interleaved": True,
    }
    known, repeats = set[int](), 0
    while True:
        page = _page(api.filter_log_events(**parameters))
        if page.events:
            yield page.lines()
        token = page.next_token
        if not token:
            return
        repeats = repeats + 1 if hash(token) in known else 0
        if repeats > REPEATED_TOKENS:
            raise Unavailable(f"CloudWatch repeats its page tokens for {group}", "wait: the window is read again")
        known.add(hash(token))
        parameters["nextToken"] = token


def _page(answer: dict[str, Any]) -> Page:
    page: Page | None = None
    with suppress(msgspec.ValidationError):
        page = answer[PAGE] if PAGE in answer else msgspec.convert(answer, Page)
    if page is None:
        raise Unavailable("CloudWatch's answer is no page of events", "look for a proxy in between")
    return page
