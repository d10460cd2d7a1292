"""What was pushed and waits for the loop that delivers it. Safe for several threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue

from clearsight.errors import Unavailable
from connectors.cloudwatch.pages import Event

CAPACITY = 100
"""Batches; one that pushes more is told to come again."""


class Refused(Unavailable):
    """The lines were not delivered; whoever pushed them has to do so again."""


class PushBatch:
    """Lines of one log group. Whoever pushed them waits for `done`."""

    def __init__(self, account: str, group: str, events: Sequence[Event]) -> None:
        self.account = account
        self.group = group
        self.events = events
        self.done: Future[None] = Future()

    def delivered(self) -> None:
        self.done.set_result(None)

    def refused(self, why: str) -> None:
        self.done.set_exception(Refused(why, "send it again"))


class Inbox:
    def __init__(self) -> None:
        self._queue: Queue[PushBatch] = Queue(CAPACITY)
        self._next: PushBatch | None = None

    def put(self, batch: PushBatch) -> None:
        """Raises Refused where too many wait already."""
        try:
            self._queue.put_nowait(batch)
        except Full:
            raise Refused("too many pushed batches wait", "send it again later") from None

    def take(self) -> PushBatch | None:
        """What came first; None where nothing waits."""
        if self._next is not None:
            batch, self._next = self._next, None
            return batch
        try:
            return self._queue.get_nowait()
        except Empty:
            return None

    def wait(self, limit_s: float) -> None:
        """Until something is there, at most so long. Only the loop that takes may wait."""
        if self._next is not None or limit_s <= 0:
            return
        try:
            self._next = self._queue.get(timeout=limit_s)
        except Empty:
            return
