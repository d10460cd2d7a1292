"""Reads every page of a window. By hand: botocore's paginator fails on a repeated token, which CloudWatch may send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from clearsight.errors import Unavailable
from connectors.cloudwatch.window import Window

REPEATED_TOKENS = 50


class Event(NamedTuple):
    """A line as CloudWatch tells it; times in epoch milliseconds."""

    id: str
    timestamp: int
    ingestion: int | None
    stream: str
    message: str


class LogsApi(Protocol):
    """The part of CloudWatch Logs that is read. Raises CloudWatchFailure."""

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]: ...


def naming(group: str) -> dict[str, str]:
    """How a call names a log group: by its name, or by its ARN, which another account's must be."""
    return {"logGroupIdentifier" if group.startswith("arn:") else "logGroupName": group}


def read(api: LogsApi, group: str, window: Window, page_limit: int) -> Iterator[list[Event]]:
    """The pages that hold events, until CloudWatch sends no token; an empty page means nothing.

    Raises CloudWatchFailure, and Unavailable where the same token comes back again and again.
    """
    parameters: dict[str, Any] = {
        **naming(group),
        "startTime": max(0, window.start),
        "endTime": max(0, window.end),
        "limit": page_limit,
        "interleaved": True,
    }
    repeats = 0
    while True:
        answer = api.filter_log_events(**parameters)
        events = [_event(raw) for raw in answer.get("events", ())]
        if events:
            yield events
        token = answer.get("nextToken")
        if not token:
            return
        repeats = repeats + 1 if token == parameters.get("nextToken") else 0
        if repeats > REPEATED_TOKENS:
            raise Unavailable(f"CloudWatch repeats the same page token for {group}", "wait: the window is read again")
        parameters["nextToken"] = token


def _event(raw: dict[str, Any]) -> Event:
    return Event(
        raw["eventId"], raw["timestamp"], raw.get("ingestionTime"), raw.get("logStreamName", ""), raw.get("message", "")
    )
