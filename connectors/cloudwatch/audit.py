"""Compares what CloudWatch holds with what is on the topic, minute by minute and id by id, and sends what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from connectors.cloudwatch import pages
from connectors.cloudwatch.history import History
from connectors.cloudwatch.pages import Event as Line
from connectors.cloudwatch.pages import LogsApi
from connectors.cloudwatch.published import MINUTE_MS, Published
from connectors.cloudwatch.writer import GroupWriter


@dataclass
class Comparison:
    """Of one log group. `minutes` holds those that differ: start of the minute → lines at CloudWatch, on the topic."""

    group: str
    until: int
    """Compared up to this event time, exclusive: the rest is the running forwarder's own work still."""
    at_cloudwatch: int = 0
    on_topic: int = 0
    doubled: int = 0
    healed: int = 0
    missing: list[Line] = field(default_factory=list)
    minutes: dict[int, tuple[int, int]] = field(default_factory=dict)


def compare(
    group: str,
    identifier: str,
    api: LogsApi,
    history: History,
    there: Published,
    page_limit: int,
    told: Callable[[float], None],
    stopping: Event,
) -> Comparison:
    """Read the group's lines of that time. What retention has taken from CloudWatch meanwhile is on the topic alone, and
    no fault. Raises CloudWatchFailure and Unavailable."""
    found = Comparison(group, history.until, on_topic=sum(there.minutes.values()), doubled=there.doubled)
    held: Counter[int] = Counter()
    while (window := history.next()) and not stopping.is_set():
        read = 0
        known: set[str] = set()
        for page in pages.read(api, identifier, window, page_limit):
            fresh = [line for line in page if line.id not in known]
            known.update(line.id for line in fresh)
            read += len(page)
            held.update(line.timestamp // MINUTE_MS * MINUTE_MS for line in fresh)
            found.missing += [line for line in fresh if not there.seen.has(line.id, line.timestamp)]
        history.complete(window, read)
        told(history.share_done)
    found.at_cloudwatch = sum(held.values())
    found.minutes = {
        minute: (held[minute], there.minutes[minute])
        for minute in sorted(held.keys() | there.minutes.keys())
        if held[minute] != there.minutes[minute]
    }
    return found


def heal(found: Comparison, writer: GroupWriter, at_once: int = 10_000) -> None:
    """Send what is missing. Raises DeliveryFailed."""
    for first in range(0, len(found.missing), at_once):
        found.healed += len(writer.write(found.missing[first : first + at_once]))
        writer.settle()
