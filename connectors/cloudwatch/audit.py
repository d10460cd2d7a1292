"""Compares what CloudWatch holds with what is on the topic, minute by minute and id by id, and sends what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event

from connectors.cloudwatch import pages
from connectors.cloudwatch.history import History
from connectors.cloudwatch.pages import Event as Line
from connectors.cloudwatch.pages import LogsApi
from connectors.cloudwatch.published import MINUTE_MS, Published
from connectors.cloudwatch.slices import read_slices
from connectors.cloudwatch.window import Window

Heal = Callable[[Sequence[Line]], None]
"""Sends what is missing of a slice's lines, in order of time: the others tell which request has which correlation id."""


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
    is_whole: bool = True
    """False where it was stopped, or has a `problem`: `until` is how far it came."""
    problem: str | None = None
    """Why the group could not be compared, or not to the end of what was asked for."""


def compare(
    group: str,
    identifier: str,
    api: LogsApi,
    history: History,
    there: Published,
    page_limit: int,
    told: Callable[[float], None],
    stopping: Event,
    heal: Heal | None = None,
) -> Comparison:
    """Read the group's lines of that time. What retention has taken from CloudWatch meanwhile is on the topic alone, and
    no fault. Oldest first. Raises CloudWatchFailure, Unavailable, and what `heal` raises."""
    found = Comparison(group, history.until, doubled=there.doubled)
    held: Counter[int] = Counter()

    def read(window: Window) -> tuple[int, list[Line]]:
        lines = {line.id: line for page in pages.read(api, identifier, window, page_limit) for line in page}
        return len(lines), sorted(lines.values(), key=lambda line: line.timestamp)

    for lines in read_slices(history, read, stopping):
        held.update(line.timestamp // MINUTE_MS * MINUTE_MS for line in lines)
        found.missing += [line for line in lines if not there.seen.has(line.id, line.timestamp)]
        if heal is not None:
            heal(lines)
        told(history.share_done)
    on_topic = there.minutes
    if history.next() is not None:
        found.is_whole, found.until = False, history.position // MINUTE_MS * MINUTE_MS
        on_topic = Counter({minute: count for minute, count in on_topic.items() if minute < found.until})
        held = Counter({minute: count for minute, count in held.items() if minute < found.until})
        found.missing = [line for line in found.missing if line.timestamp < found.until]
    found.healed = len(found.missing) if heal is not None else 0
    found.at_cloudwatch, found.on_topic = held.total(), on_topic.total()
    found.minutes = {
        minute: (held[minute], on_topic[minute])
        for minute in sorted(held.keys() | on_topic.keys())
        if held[minute] != on_topic[minute]
    }
    return found
