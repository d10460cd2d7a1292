"""What the output topic holds of a stretch of event time: for work on the past, which must not send anything twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from connectors.cloudwatch.event_ids import FUTURE_MS
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.state import delivered_after
from connectors.cloudwatch.topic_reader import TopicReader

MINUTE_MS = 60_000


class Published:
    """Lines of one log group: their ids, how many of each minute, and how many records repeat an id."""

    def __init__(self) -> None:
        self.seen = SeenIds()
        self.minutes: Counter[int] = Counter()
        self.doubled = 0

    def add(self, event_id: str, timestamp: int) -> None:
        if self.seen.has(event_id, timestamp):
            self.doubled += 1
            return
        self.seen.add(event_id, timestamp)
        self.minutes[timestamp // MINUTE_MS * MINUTE_MS] += 1


def published(
    reader: TopicReader, topic: str, spans: Mapping[Origin, tuple[int, int]], real: Callable[[int], int]
) -> dict[Origin, Published]:
    """What is there of each log group's span of event time, [since, until). Raises Unavailable."""
    found = {origin: Published() for origin in spans}
    wanted = {
        (origin.account, origin.region, origin.group): (since, until, found[origin].add)
        for origin, (since, until) in spans.items()
    }
    appended = real(min(since for since, _ in spans.values()) - FUTURE_MS)
    for line in delivered_after(reader, topic, appended):
        since, until, add = wanted.get((line.account, line.region, line.log_group), _UNWANTED)
        if since <= line.event_time < until:
            add(line.event_id, line.event_time)
    return found


_UNWANTED: tuple[int, int, Callable[[str, int], None]] = (0, 0, lambda event_id, timestamp: None)
