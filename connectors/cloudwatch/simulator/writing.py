"""PutLogEvents: what is accepted, what is rejected, and the ids that accepted lines get."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from connectors.cloudwatch import event_ids
from connectors.cloudwatch.simulator import catalogue
from connectors.cloudwatch.simulator.constraints import Params
from connectors.cloudwatch.simulator.faults import invalid
from connectors.cloudwatch.simulator.ledger import Accepted, Ledger
from connectors.cloudwatch.simulator.profile import Profile
from connectors.cloudwatch.simulator.store import EVENT_OVERHEAD_BYTES, Account, Event, make_event

MAX_BATCH_BYTES = 1_048_576
MAX_EVENT_BYTES = 1_048_576
DAY_MS = 24 * 3600 * 1000
TOO_OLD_MS = 14 * DAY_MS
TOO_NEW_MS = 2 * 3600 * 1000


class Writer:
    """Accepts batches. An event's visibility lag follows from the seed and its id, so a restart repeats it. `accepted`
    is told group, stream and events of each batch."""

    def __init__(
        self,
        account: Account,
        ledger: Ledger,
        profile: Profile,
        seed: int,
        accepted: Callable[[str, str, list[Event]], None],
    ) -> None:
        self._account = account
        self._ledger = ledger
        self._lag_ms = profile.visibility_lag_ms
        self._late = profile.late
        self._accepted = accepted
        self._seed = seed
        self._next_batch = 1

    def recover(self) -> None:
        """Take up what an earlier process accepted."""
        for named in self._ledger.names():
            catalogue.recover(self._account, named)
        for line in self._ledger.lines():
            event_id = int(line.event_id)
            self._next_batch = max(self._next_batch, event_ids.parts(event_id).batch + 1)
            group = self._account.groups.get(line.group)
            if group is not None and group.created <= line.ingestion:
                self._serve(line.group, line.stream, [(event_id, line.message)])

    def put_log_events(self, params: Params, now: int) -> Params:
        group = self._account.group(params["logGroupName"])
        stream = group.stream(params["logStreamName"])
        events = params["logEvents"]
        _check_batch(events)
        first, end, rejected = _acceptable(events, now)
        if end > first:
            _check_span(events[first:end])
            self._accept(group.name, stream.name, events[first:end], now)
        answer: Params = {"nextSequenceToken": event_ids.text(event_ids.compose(now, now, self._next_batch, 0))}
        if rejected:
            answer["rejectedLogEventsInfo"] = rejected
        return answer

    def _accept(self, group: str, stream: str, events: list[dict[str, Any]], now: int) -> None:
        batch, self._next_batch = self._next_batch, self._next_batch + 1
        identified = [
            (event_ids.compose(event["timestamp"], now, batch, index), event) for index, event in enumerate(events)
        ]
        self._ledger.accept(
            [
                Accepted(event_ids.text(event_id), group, stream, event["timestamp"], now, event["message"])
                for event_id, event in identified
            ]
        )
        served = self._serve(group, stream, [(event_id, event["message"]) for event_id, event in identified])
        self._accepted(group, stream, served)

    def _serve(self, group: str, stream: str, lines: list[tuple[int, str]]) -> list[Event]:
        events = [
            make_event(event_id, stream, message, _size(message), self._visible_at(event_id))
            for event_id, message in lines
        ]
        self._account.group(group).add(events)
        return events

    def _visible_at(self, event_id: int) -> int:
        chance = zlib.crc32(event_id.to_bytes(24, "big"), self._seed & 0xFFFFFFFF)
        least, most = self._lag_of(zlib.crc32(chance.to_bytes(4, "big")) / (1 << 32))
        return event_ids.parts(event_id).ingestion + least + chance % (most - least + 1)

    def _lag_of(self, place: float) -> tuple[int, int]:
        for late in self._late:
            if place < late.share:
                return late.least_ms, late.most_ms
            place -= late.share
        return self._lag_ms


def _size(message: str) -> int:
    return len(message.encode()) + EVENT_OVERHEAD_BYTES


def _check_batch(events: list[Any]) -> None:
    """Raises ServiceFault where the whole batch is refused."""
    total_bytes, previous = 0, 0
    for event in events:
        timestamp, message = _members(event)
        size = _size(message)
        if size > MAX_EVENT_BYTES:
            raise invalid(f"Log event too large: {size} bytes exceeds limit of {MAX_EVENT_BYTES}")
        if timestamp < previous:
            raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
        previous = timestamp
        total_bytes += size
    if total_bytes > MAX_BATCH_BYTES:
        raise invalid(f"Upload too large: {total_bytes} bytes exceeds limit of {MAX_BATCH_BYTES}")


def _members(event: Any) -> tuple[int, str]:
    timestamp, message = (event.get("timestamp"), event.get("message")) if isinstance(event, dict) else (None, None)
    if not isinstance(timestamp, int) or timestamp < 0:
        raise invalid("1 validation error detected: Member 'timestamp' of 'logEvents' must be epoch milliseconds")
    if not isinstance(message, str) or not message:
        raise invalid("1 validation error detected: Member 'message' of 'logEvents' must have length at least 1")
    try:
        message.encode()
    except UnicodeEncodeError:
        raise invalid("Log event message is not valid UTF-8.") from None
    return timestamp, message


def _acceptable(events: list[dict[str, Any]], now: int) -> tuple[int, int, dict[str, int]]:
    """The accepted part, [first, end), of an ordered batch, and what the answer says about the rest."""
    first = next((n for n, event in enumerate(events) if event["timestamp"] >= now - TOO_OLD_MS), len(events))
    end = next((n for n, event in enumerate(events) if event["timestamp"] > now + TOO_NEW_MS), len(events))
    rejected = {}
    if first > 0:
        rejected["tooOldLogEventEndIndex"] = first
    if end < len(events):
        rejected["tooNewLogEventStartIndex"] = end
    return first, end, rejected


def _check_span(events: list[dict[str, Any]]) -> None:
    if events[-1]["timestamp"] - events[0]["timestamp"] > DAY_MS:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
