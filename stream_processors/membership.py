"""Finds out that a worker waits for its group in vain.

Where a broker stands still for longer than a session and goes on, librdkafka may drop its partitions and never ask for others
again, while Kafka answers everybody else (seen with 2.16, once in a few times). A worker that is started again gets them at
once, so this one has to stop.
"""

from __future__ import annotations

from collections.abc import Callable

from clearsight.errors import Unavailable

LIMIT_S = 60.0
"""A group deals its partitions out within its session's time-out and the landing of the batches on their way."""


class Membership:
    """When this worker was last dealt its partitions, perhaps none, and when it lost them. Times by `clock`, in seconds."""

    def __init__(self, clock: Callable[[], float], kafka_answers: Callable[[], bool]) -> None:
        self._clock = clock
        self._kafka_answers = kafka_answers
        self._out_since_s: float | None = None

    def lost(self) -> None:
        self._out_since_s = self._clock()

    def dealt(self) -> None:
        self._out_since_s = None

    def check(self) -> None:
        """Raises Unavailable where it was dealt none for too long, though Kafka is there."""
        if self._out_since_s is None or self._clock() - self._out_since_s < LIMIT_S:
            return
        self._out_since_s = self._clock()
        if self._kafka_answers():
            raise Unavailable(
                f"Kafka answers, but has dealt this worker no partitions for {LIMIT_S:.0f} s", "start the worker again"
            )
