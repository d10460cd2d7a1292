"""A stretch of the past, read once in slices, oldest or newest first. Pure."""

from __future__ import annotations

from connectors.cloudwatch.window import LONGEST_SLICE_MS, SHORTEST_SLICE_MS, SLICE_LINES, SLICE_MS, Window

MOST_LINES = 4 * SLICE_LINES
"""About as many lines are read in one slice: what is in Kafka before the job's state says so."""


class History:
    """From `since` up to `until`, exclusive, in epoch milliseconds. `position` is where it goes on."""

    def __init__(self, since: int, until: int, *, newest_first: bool, position: int | None = None) -> None:
        self.since = since
        self.until = max(since, until)
        self.newest_first = newest_first
        begin = self.until if newest_first else since
        self.position = begin if position is None else min(max(position, since), self.until)
        self._slice_ms = SLICE_MS

    @property
    def share_done(self) -> float:
        left = self.position - self.since if self.newest_first else self.until - self.position
        return 1.0 - left / (self.until - self.since) if self.until > self.since else 1.0

    def next(self) -> Window | None:
        """The slice to read; None at the end."""
        if self.newest_first:
            start, end = max(self.since, self.position - self._slice_ms), self.position
        else:
            start, end = self.position, min(self.until, self.position + self._slice_ms)
        return Window(0, start, end - 1, end) if end > start else None

    def complete(self, window: Window, lines: int) -> None:
        """Every page of the slice was read, every new line delivered."""
        self.position = window.start if self.newest_first else window.end + 1
        if lines > MOST_LINES:
            self._slice_ms = max(SHORTEST_SLICE_MS, self._slice_ms // 2)
        elif lines < MOST_LINES // 2:
            self._slice_ms = min(LONGEST_SLICE_MS, self._slice_ms * (2 if lines else 4))

    def failed(self) -> None:
        self._slice_ms = max(SHORTEST_SLICE_MS, self._slice_ms // 2)
