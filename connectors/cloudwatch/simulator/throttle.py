"""A token bucket: how many calls an account may make."""

from __future__ import annotations


class TokenBucket:
    """Fills with `per_s` tokens a second up to `per_s * burst_s`; full at first."""

    def __init__(self, per_s: float, burst_s: float, now_ms: int) -> None:
        self._per_ms = per_s / 1000
        self._capacity = max(1.0, per_s * burst_s)
        self._tokens = self._capacity
        self._filled_at = now_ms

    def take(self, now_ms: int) -> bool:
        """Whether a call may be made now; takes its token if so."""
        elapsed_ms = max(0, now_ms - self._filled_at)
        self._filled_at = max(self._filled_at, now_ms)
        self._tokens = min(self._capacity, self._tokens + elapsed_ms * self._per_ms)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
