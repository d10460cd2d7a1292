"""Reads a stretch of the past slice by slice, and waits where CloudWatch is away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import TypeVar

from clearsight.errors import Unavailable
from connectors.cloudwatch.backoff import Backoff
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.deliver import DeliveryFailed
from connectors.cloudwatch.history import History
from connectors.cloudwatch.window import Window

GIVE_UP_S = 300.0
"""CloudWatch may be away that long."""

Found = TypeVar("Found")


def is_lasting(error: Unavailable) -> bool:
    """Whether waiting is no help, but other log groups can be read."""
    return isinstance(error, CloudWatchFailure) and error.kind in ("missing", "denied", "expired")


def unread_groups(unread: Sequence[tuple[str, CloudWatchFailure]]) -> CloudWatchFailure:
    """One failure for all of them."""
    name, first = unread[0]
    others = f"; {len(unread) - 1} more log groups could not be read either" if len(unread) > 1 else ""
    return CloudWatchFailure(first.kind, f"{name}: {first.message}{others}")


def read_slices(history: History, read: Callable[[Window], tuple[int, Found]], stopping: Event) -> Iterator[Found]:
    """What `read` finds in each slice, after it counts as read; `read` gives the number of lines, too. A slice that fails
    is read again. Raises Unavailable where CloudWatch stays away, and whatever Kafka raises."""
    backoff, failing_since = Backoff(), None
    while (window := history.next()) and not stopping.is_set():
        try:
            lines, found = read(window)
        except DeliveryFailed:
            raise
        except Unavailable as error:
            now = time.monotonic()
            failing_since = failing_since or now
            if is_lasting(error) or now - failing_since > GIVE_UP_S:
                raise
            history.failed()
            backoff.failed(error, now)
            while not backoff.due(time.monotonic()) and not stopping.wait(0.1):
                pass
            continue
        backoff.succeeded()
        failing_since = None
        history.complete(window, lines)
        yield found
