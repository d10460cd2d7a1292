"""How often and how far back each tier of one log group is read, from how late its lines are seen to be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from connectors.cloudwatch.visible_lag import STEP, VisibleLag
from connectors.cloudwatch.window import Tier, Window

ENOUGH = 500
"""Lines after which quantiles mean something."""

POLL_SHARE = 2
"""The hot tier is read so often that waiting for it adds a part of the median lag; more often costs more than it gains."""

REST = 4
"""The hot tier rests this many times as long as it reads."""

LIVE_MS = 5_000
"""Where the hot tier was last read longer ago than this, and than three of its intervals, what it finds says nothing of
how late lines are."""

IDLE_WARM = 12
"""An idle group is read by the warm tier once in so many polls."""

_USUAL = 0.99
"""Of the lines are there when a time is called whole."""

NAMES = ("hot", "warm", "cold")
_MEMORY = 0.8
"""Share of the old value in the smoothed time of a hot reading."""


class Limits(msgspec.Struct, frozen=True):
    """Between which tuning moves a tier."""

    least: Tier
    most: Tier


class Pace:
    """Hot, warm and cold reach back as far as 95 %, 99.5 % and, twice over, all lines were late; never less than the
    least that was asked for, on which rests what is promised. With other than three tiers nothing is tuned.

    `idle_ms`: a group that shows no line for `IDLE_AFTER_MS` is polled this rarely. `everywhere` is the lag of the lines of
    all groups, for one that shows few; where nobody has shown enough, `unknown_ms` is taken for usual.
    """

    IDLE_AFTER_MS = 60_000

    def __init__(
        self,
        limits: Sequence[Limits],
        *,
        tune: bool = True,
        idle_ms: int = 0,
        everywhere: VisibleLag | None = None,
        unknown_ms: int = 0,
    ) -> None:
        self._limits = tuple(limits)
        self._tune = tune and len(self._limits) == len(NAMES)
        self._idle_ms = idle_ms
        self._lag = VisibleLag()
        self._everywhere = everywhere or VisibleLag()
        self._unknown_ms = unknown_ms
        self._reading_ms = 0.0
        self._last_line: int | None = None

    @property
    def least(self) -> tuple[Tier, ...]:
        return tuple(limit.least for limit in self._limits)

    def tier_name(self, number: int) -> str:
        """The cold one is alone where the rest is pushed."""
        return NAMES[number - len(self._limits)]

    def limit(self, limits: Sequence[Limits]) -> None:
        """Tune between others from now on, of as many tiers."""
        self._limits = tuple(limits)

    def live_from(self, now: int, read_at: int) -> int | None:
        """Lines of before this time were late where they are new now; None while a group catches up."""
        limit_ms = max(LIVE_MS, 3 * self._limits[0].most.every_ms)
        return read_at if now - read_at <= limit_ms else None

    def observe(self, lag_ms: int) -> None:
        """A new line could be read so long after its own time."""
        self._lag.observe(lag_ms)
        self._everywhere.observe(lag_ms)

    def completed(self, window: Window, began: int, now: int, new_lines: int) -> None:
        if window.tier == 0 and window.end >= window.read_at:
            self._reading_ms = _MEMORY * self._reading_ms + (1 - _MEMORY) * max(0, now - began)
        if new_lines or self._last_line is None:
            self._last_line = now
        for lag in (self._lag, self._everywhere):
            lag.turn_every(self._limits[-1].least.every_ms, now)

    def tiers(self, now: int) -> tuple[Tier, ...]:
        """What the tiers are from now on."""
        if not self._tune:
            return self.least
        tiers = self.least if self._lag.count < ENOUGH else self._tuned()
        idle = self._last_line is not None and now - self._last_line >= self.IDLE_AFTER_MS
        return self._rested(tiers) if idle and self._idle_ms else tiers

    def usual_ms(self, now: int) -> int:
        """How late nearly all lines are, as far as the warm tier reaches: nobody should take a time for whole before. What
        the hot tier's reach cannot be told from is that reach. Where only the cold tier is read, what is unknown."""
        if len(self._limits) != len(NAMES):
            return min(self._unknown_ms, self._limits[-1].least.back_ms)
        hot, warm, _ = self.tiers(now)
        lag = next((lag for lag in (self._lag, self._everywhere) if lag.count >= ENOUGH), None)
        usual_ms = lag.quantile_ms(_USUAL) if lag else self._unknown_ms
        return min(usual_ms, hot.back_ms if usual_ms <= STEP * hot.back_ms else warm.back_ms)

    def _rested(self, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
        everies = (self._idle_ms, IDLE_WARM * self._idle_ms, 0)
        return tuple(Tier(tier.back_ms, max(tier.every_ms, every)) for tier, every in zip(tiers, everies, strict=True))

    def _tuned(self) -> tuple[Tier, ...]:
        backs = [reach(self._lag) for reach in _REACH]
        poll_ms = max(self._lag.quantile_ms(0.5) // POLL_SHARE, int(self._reading_ms * REST))
        everies = [poll_ms, backs[1] // 2, 0]
        return tuple(
            Tier(
                _within(back, limit.least.back_ms, limit.most.back_ms),
                _within(every, limit.least.every_ms, limit.most.every_ms),
            )
            for back, every, limit in zip(backs, everies, self._limits, strict=True)
        )


_REACH: tuple[Callable[[VisibleLag], int], ...] = (
    lambda lag: lag.quantile_ms(0.95),
    lambda lag: lag.quantile_ms(0.995),
    lambda lag: lag.most_ms * 2,
)


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
