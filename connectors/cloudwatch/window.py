"""Which stretch of time to read next, and how far a group is settled. Pure: time comes in, no I/O.

Lines become visible late, so every window overlaps the one before. A tier says how far: the narrow one, often, gives
freshness; the wide one, rarely, finds what came later. A line whose lag is not above the widest `back_ms` is in at
least one window read after it became visible.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

SLICE_MS = 300_000
LONGEST_SLICE_MS = 86_400_000


class Tier(msgspec.Struct, frozen=True):
    back_ms: int
    """How far each window reads behind the end of the last one."""
    every_ms: int


class Window(msgspec.Struct, frozen=True):
    """Read events with start <= time <= end, in epoch milliseconds."""

    tier: int
    start: int
    end: int
    read_at: int


class Progress:
    """How far each tier of one group has been read. Tiers go from narrow to wide."""

    def __init__(self, tiers: Sequence[Tier], through: int, settle_ms: int) -> None:
        """Begin or resume where everything up to `through` was read: a wider tier may have been behind the narrow one
        by its own interval, so it starts that much earlier."""
        self._tiers = tuple(tiers)
        self._read_to = [through - tier.every_ms for tier in self._tiers]
        self._settle_ms = settle_ms
        self._slice_ms = SLICE_MS
        self.through = through
        """Lines up to this event time are settled: whatever became visible within `settle_ms` was delivered."""

    @property
    def horizon(self) -> int:
        """No later window starts before this time: ids of older events can be forgotten."""
        return min(read_to - tier.back_ms for read_to, tier in zip(self._read_to, self._tiers, strict=True))

    def next(self, now: int) -> Window | None:
        """The window of the widest tier that is due; None when nothing is. A long stretch comes in slices."""
        for number in reversed(range(len(self._tiers))):
            tier, read_to = self._tiers[number], self._read_to[number]
            if abs(now - read_to) >= tier.every_ms:
                reached = min(read_to, now)
                return Window(number, reached - tier.back_ms, min(now, reached + self._slice_ms), now)
        return None

    def complete(self, window: Window, lines: int) -> None:
        """Every page of the window was read, every new line of it delivered. Moves all tiers not wider than its own."""
        for number in range(window.tier + 1):
            ahead = self._read_to[number] > window.read_at
            self._read_to[number] = window.end if ahead else max(self._read_to[number], window.end)
        self.through = max(self.through, min(window.end, window.read_at - self._settle_ms))
        self._slice_ms = SLICE_MS if lines else min(self._slice_ms * 4, LONGEST_SLICE_MS)

    def behind(self, now: int) -> bool:
        """Whether more than a slice is still to be read."""
        return now - self._read_to[-1] > max(SLICE_MS, self._tiers[-1].every_ms)
