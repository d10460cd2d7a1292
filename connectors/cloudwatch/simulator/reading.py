"""FilterLogEvents and GetLogEvents: pages of what is visible, in the order of the ids."""

from __future__ import annotations

import random
from typing import Any
from zlib import crc32

from connectors.cloudwatch import event_ids
from connectors.cloudwatch.simulator import patterns, tokens
from connectors.cloudwatch.simulator.constraints import Params
from connectors.cloudwatch.simulator.faults import invalid
from connectors.cloudwatch.simulator.profile import Profile
from connectors.cloudwatch.simulator.store import EVENT_OVERHEAD_BYTES, Account, Event, Group

MAX_PAGE_EVENTS = 10_000
MAX_PAGE_BYTES = 1_048_576
_LATEST = (1 << 62) - 1


class Reader:
    """`chance` decides which pages are empty on purpose."""

    def __init__(self, account: Account, profile: Profile, chance: random.Random) -> None:
        self._account = account
        self._profile = profile
        self._chance = chance

    def filter_log_events(self, params: Params, now: int) -> bytes:
        """The answer's body. Raises ServiceFault."""
        group = self._account.group(params.get("logGroupName"), params.get("logGroupIdentifier"))
        if params.get("startFromHead") is False:
            raise invalid("The simulator reads from the head only: startFromHead=false is not supported.")
        wanted = _Wanted(params, now)
        question = _question(group, params)
        start = max(params.get("startTime", 0), group.kept_since(now))
        first, end = _range(group, start, params.get("endTime", _LATEST) + 1)
        page_number = 0
        if "nextToken" in params:
            token = tokens.read(params["nextToken"], question, now)
            if self._happens(self._profile.lost_token_share):
                raise invalid("The specified nextToken is invalid.")
            if self._happens(self._profile.repeated_token_share):
                return _filtered([], params["nextToken"])
            first, page_number = max(first, group.place_of(int(token.position))), token.page + 1
        taken: list[Event] = []
        stopped_at = first
        if first == end or not self._happens(self._profile.empty_page_share):
            taken, stopped_at = _take(group, first, end, params.get("limit", MAX_PAGE_EVENTS), wanted)
        token_text = None
        if stopped_at < end:
            position = str(next(group.events(stopped_at, end)).id)
            token_text = tokens.write(tokens.Token(position, question, now, page_number))
        return _filtered(taken, token_text)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._chance.random() < share

    def get_log_events(self, params: Params, now: int) -> Params:
        """Pages of one stream, forward or backward; the same token again means that nothing follows."""
        group = self._account.group(params.get("logGroupName"), params.get("logGroupIdentifier"))
        stream = group.stream(params["logStreamName"]).name
        start = max(params.get("startTime", 0), group.kept_since(now))
        first, end = _range(group, start, params.get("endTime", _LATEST))
        events = [e for e in group.events(first, end) if e.stream == stream and e.visible_at <= now]
        return _page_of_stream(events, params)


class _Wanted:
    """Which events a FilterLogEvents question matches now."""

    def __init__(self, params: Params, now: int) -> None:
        names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
        if names is not None and prefix is not None:
            raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive.")
        self._names = frozenset(names) if names else None
        self._prefix = prefix or ""
        self._matches = patterns.matcher(params.get("filterPattern"))
        self._now = now

    def __call__(self, event: Event) -> bool:
        if event.visible_at > self._now or not event.stream.startswith(self._prefix):
            return False
        if self._names is not None and event.stream not in self._names:
            return False
        return self._matches is None or self._matches(event.message)


def _range(group: Group, start: int, end: int) -> tuple[int, int]:
    """Places of the events with start <= timestamp < end."""
    first = group.place_of(event_ids.first_at(start))
    return first, max(first, group.place_of(event_ids.first_at(end)))


def _question(group: Group, params: Params) -> int:
    fixed = sorted((k, v) for k, v in params.items() if k not in ("nextToken", "limit", "interleaved"))
    return crc32(repr((group.name, fixed)).encode())


def _take(group: Group, first: int, end: int, limit: int, wanted: _Wanted) -> tuple[list[Event], int]:
    """A page from place `first` on, and the place where the next one begins."""
    taken: list[Event] = []
    free_bytes = MAX_PAGE_BYTES
    for place, event in enumerate(group.events(first, end), start=first):
        if not wanted(event):
            continue
        if taken and (len(taken) == limit or event.size - EVENT_OVERHEAD_BYTES > free_bytes):
            return taken, place
        taken.append(event)
        free_bytes -= event.size - EVENT_OVERHEAD_BYTES
    return taken, end


def _filtered(events: list[Event], token: str | None) -> bytes:
    body = b'{"events":[' + b",".join([event.encoded for event in events]) + b'],"searchedLogStreams":[]'
    return body + (f',"nextToken":"{token}"' if token else "").encode() + b"}"


def _page_of_stream(events: list[Event], params: Params) -> Params:
    """A token is "f/" or "b/" and the id at that end of the page."""
    limit = params.get("limit", MAX_PAGE_EVENTS)
    token = params.get("nextToken")
    forward = token.startswith("f/") if token else bool(params.get("startFromHead"))
    if token:
        events = _beyond(events, token)
    page = _within_bytes(events[:limit] if forward else events[-limit:][::-1])
    if not forward:
        page.reverse()
    at = token[2:] if token else event_ids.text(0)
    return {
        "events": [_output(event) for event in page],
        "nextForwardToken": f"f/{event_ids.text(page[-1].id) if page else at}",
        "nextBackwardToken": f"b/{event_ids.text(page[0].id) if page else at}",
    }


def _beyond(events: list[Event], token: str) -> list[Event]:
    direction, _, position = token.partition("/")
    if direction not in ("f", "b") or not position.isdecimal():
        raise invalid("The specified nextToken is invalid.")
    at = int(position)
    return [event for event in events if (event.id > at if direction == "f" else event.id < at)]


def _within_bytes(events: list[Event]) -> list[Event]:
    total_bytes = 0
    for count, event in enumerate(events):
        total_bytes += event.size
        if count and total_bytes > MAX_PAGE_BYTES:
            return events[:count]
    return events


def _output(event: Event) -> dict[str, Any]:
    return {"timestamp": event.timestamp, "message": event.message, "ingestionTime": event.ingestion}
