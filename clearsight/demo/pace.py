"""How fast traffic may go."""

from __future__ import annotations

import threading


class Pace:
    """A schedule of commits at a steady rate, shared by threads.

    Who falls behind may catch up by at most `burst_s` of the schedule, so that a pause does not end in a flood.
    """

    def __init__(self, rate_per_s: float, started_s: float, burst_s: float = 3.0) -> None:
        self._interval_s = 1 / rate_per_s
        self._burst_s = burst_s
        self._next_s = started_s
        self._lock = threading.Lock()

    def reserve(self, now_s: float, commits: int = 1) -> float:
        """Take the next places in the schedule; how long to wait for the first of them, in seconds."""
        with self._lock:
            due_s = max(self._next_s, now_s - self._burst_s)
            self._next_s = due_s + commits * self._interval_s
        return max(0.0, due_s - now_s)
