"""When to try again after a failure, and what to say about it once. Pure; times are seconds of a monotonic clock."""

from __future__ import annotations

from clearsight.errors import ClearSightError

FIRST_S = 0.5
LONGEST_S = 5.0


class Backoff:
    """Waits twice as long after each failure in a row."""

    def __init__(self) -> None:
        self._wait_s = FIRST_S
        self._due = 0.0
        self._said: str | None = None

    def due(self, now: float) -> bool:
        return now >= self._due

    def failed(self, error: ClearSightError, now: float, park_s: float | None = None) -> str | None:
        """The line to log; None when it was said already. `park_s`: wait that long instead."""
        self._due = now + (self._wait_s if park_s is None else park_s)
        self._wait_s = min(self._wait_s * 2, LONGEST_S)
        if error.message == self._said:
            return None
        self._said = error.message
        return f"{error.message}; {error.mend}" if error.mend else error.message

    def succeeded_in_part(self) -> None:
        """Something works, what failed may not: the next failure waits as little as a first one, and is not said again."""
        self._wait_s, self._due = FIRST_S, 0.0

    def succeeded(self) -> str | None:
        """The line to log after failures; None when all was well before."""
        self.succeeded_in_part()
        said, self._said = self._said, None
        return f"works again, after: {said}" if said else None
