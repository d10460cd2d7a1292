"""Whose time it is: ours, CloudWatch's, or one that runs faster so that hours of log lines pass in minutes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

log = logging.getLogger(__name__)

SKEW_MS = 2000
"""A Date header has whole seconds; smaller differences are not told from none."""


class ScaledClock:
    """Epoch milliseconds that run `speed` times as fast as this machine's since `origin_ms`. All programs that share
    these two numbers share the time."""

    def __init__(self, speed: float = 1.0, origin_ms: int = 0, now_ms: Callable[[], int] | None = None) -> None:
        self.speed = speed
        self._origin_ms = origin_ms
        self._now_ms = now_ms or _now_ms

    def __call__(self) -> int:
        return self._origin_ms + int((self._now_ms() - self._origin_ms) * self.speed)

    def real(self, time_ms: int) -> int:
        """This machine's time at which it is `time_ms` here."""
        return self._origin_ms + int((time_ms - self._origin_ms) / self.speed)

    def real_wait_s(self, wait_ms: float) -> float:
        """How many seconds of this machine pass in so many milliseconds of this clock."""
        return wait_ms / 1000 / self.speed


class ServerClock:
    """Epoch milliseconds as CloudWatch sees them: ours, moved by what the answers' Date headers show."""

    def __init__(self, clock: Callable[[], int], skew_ms: int = SKEW_MS) -> None:
        self._clock = clock
        self._skew_ms = skew_ms
        self.offset_ms = 0

    def __call__(self) -> int:
        return self._clock() + self.offset_ms

    def observe(self, date: str) -> None:
        """Take a Date header into account."""
        try:
            told = int(parsedate_to_datetime(date).timestamp() * 1000)
        except ValueError:
            return
        difference = told + 500 - self._clock()
        offset = difference if abs(difference) > self._skew_ms else 0
        if abs(offset - self.offset_ms) > self._skew_ms:
            log.warning("this machine's clock differs from CloudWatch's by %d ms; CloudWatch's is used", -offset)
            self.offset_ms = offset
        elif offset == 0:
            self.offset_ms = 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
