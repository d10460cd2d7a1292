"""How many calls an account and region may make: a token bucket that slows down when CloudWatch throttles. Pure.

Additive increase, multiplicative decrease: each throttled call halves the rate, each answer raises it a little, up to
the quota. Times are seconds of any clock; where it is set back, tokens come from then on.
"""

from __future__ import annotations

SLOWEST_SHARE = 0.05
RECOVERY_SHARE = 0.01
BURST_S = 1.0


class Quota:
    def __init__(self, per_s: float, now_s: float) -> None:
        self._quota = per_s
        self._filled_s = now_s
        self._tokens = max(1.0, per_s * BURST_S)
        self.per_s = per_s
        """The rate of now."""

    def take(self, now_s: float) -> float:
        """0 when a call may be made, and its token is taken; else how many seconds to wait before asking again."""
        self._tokens = min(max(1.0, self.per_s * BURST_S), self._tokens + max(0.0, now_s - self._filled_s) * self.per_s)
        self._filled_s = now_s
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self.per_s

    def throttled(self) -> None:
        """CloudWatch refused a call."""
        self.per_s = max(self._quota * SLOWEST_SHARE, self.per_s / 2)
        self._tokens = min(self._tokens, 0.0)

    def answered(self) -> None:
        self.per_s = min(self._quota, self.per_s + self._quota * RECOVERY_SHARE)
