"""Which stretch of time to read next, and how far a group is settled. Pure: time comes in, no I/O.

Lines become visible late, so what was read is read again. A tier says how far back: the narrow one, often, gives
freshness; the wide ones, rarely, find what came later. A line whose lag is not above the widest `back_ms` is in at
least one window read after it became visible.

A stretch that is read by a tier counts for every other one, too: what lies further back than the widest tier reaches
is read once, however far behind a group is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

SLICE_MS = 300_000
SHORTEST_SLICE_MS = 1_000
LONGEST_SLICE_MS = 86_400_000
SLICE_LINES = 10_000
"""About as many lines are read in one window: between two of them a narrower tier has its turn."""

FIRST_RETRY_MS = 1_000
LONGEST_RETRY_MS = 60_000


class Tier(msgspec.Struct, frozen=True):
    back_ms: int
    """How late a line may become visible to be found by this tier."""
    every_ms: int


class Window(msgspec.Struct, frozen=True):
    """Read events with start <= time <= end, in epoch milliseconds."""

    tier: int
    start: int
    end: int
    read_at: int
    """When the sweep that it is part of began."""


@dataclass(slots=True)
class _Place:
    settled: int
    """Lines up to this event time that became visible within the tier's `back_ms` were delivered."""
    swept: int
    """All that the tier had to read by this time was read. As `settled`, but a reach that changes does not move it."""
    read_at: int
    """When the last whole sweep began."""
    sweep: int | None = None
    """When the sweep under way began."""
    cursor: int = 0
    """How far that one has come."""
    turn: int = 0
    failures: int = 0
    """In a row, of its own windows."""
    retry_at: int = 0

    def settle(self, end: int, read_at: int, back_ms: int) -> None:
        """Everything up to `end` was delivered as it was at `read_at`, by whichever tier."""
        self.swept = max(self.swept, min(end + back_ms, read_at))
        time = min(end, read_at - back_ms)
        if time > self.settled:
            self.settled, self.cursor = time, max(self.cursor, time)

    def end_sweep(self) -> None:
        """Note the end of the sweep where it is reached."""
        if self.sweep is not None and self.cursor >= self.sweep:
            self.read_at, self.sweep = self.sweep, None


class Progress:
    """How far each tier of one group has been read. Tiers go from narrow to wide."""

    def __init__(self, tiers: Sequence[Tier], through: int, settle_ms: int, settled: Sequence[int] = ()) -> None:
        """Begin or resume where everything up to `through` was read. `settled` says how far each tier was; without it,
        a wider tier may have been behind the narrow one by its own interval, so it starts that much earlier."""
        self._tiers = tuple(tiers)
        self._least_settle_ms = self._settle_ms = settle_ms
        self._slice_ms = SLICE_MS
        self._turn = 0
        self._last = -1
        self.through = through
        """Lines up to this event time are settled: whatever became visible within `settle_ms`, or the longer time that was
        `usual` when it was read, was delivered."""
        known = settled if len(settled) == len(self._tiers) else [min(settled)] * len(self._tiers) if settled else ()
        starts = known or [through - max(0, tier.back_ms - settle_ms) - tier.every_ms for tier in self._tiers]
        ends = [start + tier.back_ms for start, tier in zip(starts, self._tiers, strict=True)]
        # nothing is known yet to be late: a reach that had been wider says nothing of when the tier was read
        self._places = [_Place(start, max(end, through), end) for start, end in zip(starts, ends, strict=True)]

    @property
    def horizon(self) -> int:
        """No later window starts before this time: ids of older events can be forgotten."""
        return min(place.settled for place in self._places)

    @property
    def settled(self) -> tuple[int, ...]:
        """For each tier, up to which event time every line that came within its `back_ms` was delivered."""
        return tuple(place.settled for place in self._places)

    @property
    def swept(self) -> tuple[int, ...]:
        """For each tier, the time by which all that it had to read was read: younger than its interval while all is well."""
        return tuple(place.swept for place in self._places)

    @property
    def read_at(self) -> int:
        """When the narrow tier last was read whole."""
        return self._places[0].read_at

    @property
    def tiers(self) -> tuple[Tier, ...]:
        return self._tiers

    def retune(self, tiers: Sequence[Tier], usual_ms: int = 0) -> None:
        """As many tiers as before, with other reach. What is settled stays so: no window starts before the horizon.

        `usual_ms`: `through` stays as far behind what is read, and where the hot tier reaches less far, it moves with the
        warm one.
        """
        self._tiers = tuple(tiers)
        self._settle_ms = max(self._least_settle_ms, usual_ms)

    def next(self, now: int) -> Window | None:
        """The next window of the tiers that are due, in turns; None when none is. A long stretch comes in slices."""
        due = [n for n in range(len(self._tiers)) if self._wait_ms(n, now) <= 0]
        if not due:
            return None
        number = due[0] if due[0] != self._last or len(due) == 1 else min(due[1:], key=lambda n: self._places[n].turn)
        place = self._places[number]
        self._last, self._turn, place.turn = number, self._turn + 1, self._turn
        if place.sweep is None or place.sweep > now:
            is_ahead = place.settled > now  # the clock was set back
            place.sweep, place.cursor = now, now - self._tiers[number].back_ms if is_ahead else place.settled
        return Window(number, place.cursor, min(place.sweep, place.cursor + self._slice_ms), place.sweep)

    def complete(self, window: Window, lines: int) -> None:
        """Every page of the window was read, every new line of it delivered."""
        own = self._places[window.tier]
        own.cursor = window.end
        own.failures = own.retry_at = 0
        own.settle(window.end, window.read_at, self._tiers[window.tier].back_ms)
        for place, tier in zip(self._places, self._tiers, strict=True):
            if window.start <= place.settled:
                place.settle(window.end, window.read_at, tier.back_ms)
            place.end_sweep()
        if window.start <= self.through:
            self.through = max(self.through, min(window.end, window.read_at - self._settle_ms))
        self._fit_slice(window.end - window.start, lines)

    def failed(self, window: Window, now: int) -> None:
        """The window could not be read to its end: its tier waits twice as long after each time, no longer than its interval
        or a minute, while the others are read; then its window is a shorter one."""
        place, every_ms = self._places[window.tier], self._tiers[window.tier].every_ms
        wait_ms = FIRST_RETRY_MS << min(place.failures, 16)
        place.retry_at = now + min(wait_ms, every_ms, LONGEST_RETRY_MS)
        place.failures += 1
        self._slice_ms = max(SHORTEST_SLICE_MS, self._slice_ms // 2)

    @property
    def is_failing(self) -> bool:
        """Whether a tier has not been read since it failed, though others may have been."""
        return any(place.failures for place in self._places)

    def wait_ms(self, now: int) -> int:
        """Until a window is due; 0 when one is."""
        return max(0, min(self._wait_ms(n, now) for n in range(len(self._tiers))))

    def _wait_ms(self, number: int, now: int) -> int:
        place, tier = self._places[number], self._tiers[number]
        wait_ms = 0 if place.sweep is not None else tier.every_ms - abs(now - place.read_at)
        return max(wait_ms, min(place.retry_at - now, LONGEST_RETRY_MS))

    def _fit_slice(self, length_ms: int, lines: int) -> None:
        if lines > 2 * SLICE_LINES:
            self._slice_ms = max(SHORTEST_SLICE_MS, min(self._slice_ms, length_ms) // 2)
        elif length_ms >= self._slice_ms and lines < SLICE_LINES // 2:
            self._slice_ms = min(LONGEST_SLICE_MS, self._slice_ms * (2 if lines else 4))
