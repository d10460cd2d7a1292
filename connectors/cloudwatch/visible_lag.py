"""How late lines become visible. Pure."""

from __future__ import annotations

import math

STEP = 1.25
"""Each bucket of the histogram ends this much later than the one before."""
FIRST_MS = 20


class VisibleLag:
    """Milliseconds between a line's own time and when it could be read, of this stretch of time and the one before."""

    def __init__(self) -> None:
        self._counts = [0] * (int(math.log(86_400_000 / FIRST_MS, STEP)) + 2)
        self._before = [0] * len(self._counts)
        self._latest = self._latest_before = 0
        self._turned: int | None = None

    def observe(self, lag_ms: int) -> None:
        place = 0 if lag_ms <= FIRST_MS else math.ceil(math.log(lag_ms / FIRST_MS, STEP))
        self._counts[min(place, len(self._counts) - 1)] += 1
        self._latest = max(self._latest, lag_ms)

    def turn_every(self, length_ms: int, now: int) -> None:
        """Begin a new stretch where this one is that long."""
        if self._turned is None or now - self._turned >= length_ms:
            self._turned = now
            self.turn()

    def turn(self) -> None:
        """Begin a new stretch; what was two stretches ago is forgotten."""
        self._before, self._counts = self._counts, [0] * len(self._counts)
        self._latest_before, self._latest = self._latest, 0

    @property
    def count(self) -> int:
        return sum(self._counts) + sum(self._before)

    @property
    def most_ms(self) -> int:
        return max(self._latest, self._latest_before)

    def quantile_ms(self, share: float) -> int:
        """The end of the bucket in which that share of the lines has been visible; 0 without lines."""
        wanted, count = share * self.count, 0
        for place, (now, before) in enumerate(zip(self._counts, self._before, strict=True)):
            count += now + before
            if count and count >= wanted:
                return int(FIRST_MS * STEP**place)
        return 0
