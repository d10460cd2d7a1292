"""From events to Kafka: what was seen is dropped, the rest becomes records, and counts as seen once it is delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from connectors.cloudwatch.deliver import Outbox
from connectors.cloudwatch.dropped import records_dropped
from connectors.cloudwatch.lines import Origin, Via
from connectors.cloudwatch.metrics import Meter
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.transcript import Transcript


class GroupWriter:
    """The only way of one log group's lines to the topic, be they polled, pushed or read from history: `seen` holds
    the ids that are there. `settle` ends what `write` began. `dropped` is told how many lines Lambda has dropped."""

    def __init__(
        self,
        origin: Origin,
        transcript: Transcript,
        outbox: Outbox,
        *,
        topic: str,
        clock: Callable[[], int],
        meter: Meter,
        via: Via = "pull",
        dropped: Callable[[int], None] = lambda records: None,
    ) -> None:
        self.origin = origin
        self.seen = SeenIds()
        self._transcript = transcript
        self._outbox = outbox
        self._topic = topic
        self._clock = clock
        self._meter = meter
        self._via = via
        self._dropped = dropped
        self._sent: set[str] = set()

    def write(self, page: Sequence[Event], *, teach: bool = False, via: Via | None = None) -> list[Event]:
        """Hand over the new events of a page and return them. `teach`: the others, too, tell which request has which
        correlation id. Raises DeliveryFailed."""
        fresh = [event for event in page if self._is_new(event)]
        read = page if teach else fresh
        sent = {event.id for event in read} - {event.id for event in fresh}
        parsed = dict(zip((event.id for event in read), self._transcript.read(read, sent), strict=True))
        now, way = self._clock(), via or self._via
        for event in fresh:
            record = self._transcript.record(event, parsed[event.id], now, way)
            remember = partial(self.seen.add, event.id, event.timestamp)
            self._outbox.send(self._topic, record.key, record.value, event.id, remember)
        new = [parsed[event.id] for event in fresh]
        self._meter.lines(way, new, repeated=len(page) - len(fresh))
        if lost := records_dropped(new):
            self._dropped(lost)
        return fresh

    def _is_new(self, event: Event) -> bool:
        if event.id in self._sent or self.seen.has(event.id, event.timestamp):
            return False
        self._sent.add(event.id)
        return True

    def settle(self) -> None:
        """Wait until Kafka has all that was handed over. Raises DeliveryFailed."""
        self._outbox.settle()
        self._sent.clear()

    def begin(self, seen: SeenIds) -> None:
        """Go on with the ids that the topic holds."""
        self.seen = seen
        self._sent.clear()
