"""What an account holds: groups, their streams, and their events in the order of their ids."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import orjson

from connectors.cloudwatch import event_ids
from connectors.cloudwatch.simulator.faults import already_exists, invalid, not_found

_encode = msgspec.json.Encoder().encode
"""orjson's bytes keep their 4 KB buffer (measured), which counts in what is held by the ten thousand."""

EVENT_OVERHEAD_BYTES = 26
"""What AWS counts for an event beside its message."""

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted line. `encoded` is its JSON in an answer of FilterLogEvents, made once because it is read often."""

    id: int
    stream: str
    timestamp: int
    ingestion: int
    visible_at: int
    size: int
    encoded: bytes

    @property
    def message(self) -> str:
        return str(orjson.loads(self.encoded)["message"])


def make_event(event_id: int, stream: str, message: str, size: int, visible_at: int) -> Event:
    identity = event_ids.parts(event_id)
    encoded = _encode(
        {
            "logStreamName": stream,
            "timestamp": identity.timestamp,
            "message": message,
            "ingestionTime": identity.ingestion,
            "eventId": event_ids.text(event_id),
        }
    )
    return Event(event_id, stream, identity.timestamp, identity.ingestion, visible_at, size, encoded)


@dataclass(slots=True)
class Stream:
    name: str
    created: int
    first_timestamp: int | None = None
    last_timestamp: int | None = None
    last_ingestion: int | None = None

    def note(self, event: Event) -> None:
        self.first_timestamp = min(event.timestamp, self.first_timestamp or event.timestamp)
        self.last_timestamp = max(event.timestamp, self.last_timestamp or 0)
        self.last_ingestion = max(event.ingestion, self.last_ingestion or 0)


@dataclass(frozen=True, slots=True)
class Subscription:
    name: str
    pattern: str
    destination: str
    created: int


@dataclass(slots=True)
class Group:
    name: str
    created: int
    streams: dict[str, Stream] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    retention_days: int | None = None
    stored_bytes: int = 0
    _ids: list[int] = field(default_factory=list)
    _events: list[Event] = field(default_factory=list)

    def stream(self, name: str) -> Stream:
        """Raises ServiceFault where there is none."""
        try:
            return self.streams[name]
        except KeyError:
            raise not_found("log stream") from None

    def add_stream(self, name: str, now: int) -> None:
        if name in self.streams:
            raise already_exists("log stream")
        self.streams[name] = Stream(name, now)

    def add(self, events: list[Event]) -> None:
        """Put events in their places; events of one batch are mostly the newest, so this rarely moves others."""
        for event in events:
            place = bisect_left(self._ids, event.id)
            self._ids.insert(place, event.id)
            self._events.insert(place, event)
            self.streams[event.stream].note(event)
            self.stored_bytes += event.size

    def kept_since(self, now: int) -> int:
        """The time before which retention has taken the events, in epoch milliseconds."""
        return 0 if self.retention_days is None else now - self.retention_days * DAY_MS

    def place_of(self, event_id: int) -> int:
        """Index of the first event whose id is not smaller."""
        return bisect_left(self._ids, event_id)

    def events(self, first: int, end: int) -> Iterator[Event]:
        """Those from index `first` up to `end`, exclusive."""
        for place in range(first, end):
            yield self._events[place]

    def __len__(self) -> int:
        return len(self._ids)


@dataclass(slots=True)
class Account:
    id: str
    region: str
    groups: dict[str, Group] = field(default_factory=dict)

    def arn(self, group: str) -> str:
        return f"arn:aws:logs:{self.region}:{self.id}:log-group:{group}"

    def add_group(self, name: str, now: int) -> None:
        if name in self.groups:
            raise already_exists("log group")
        self.groups[name] = Group(name, now)

    def remove_group(self, name: str) -> None:
        self.group(name)
        del self.groups[name]

    def group(self, name: str | None, identifier: str | None = None) -> Group:
        """By name, or by name or ARN in `identifier`; exactly one of the two. Raises ServiceFault."""
        if (name is None) == (identifier is None):
            raise invalid("Exactly one of logGroupName and logGroupIdentifier must be specified.")
        if name is None and identifier is not None:
            name = identifier.removeprefix(self.arn("")).removesuffix(":*")
        try:
            return self.groups[str(name)]
        except KeyError:
            raise not_found("log group") from None
