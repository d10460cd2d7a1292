"""How long after its commit a change can be seen through the API: some commits are followed until they answer."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from queue import SimpleQueue

import httpx

from clearsight.demo.application import Committed

POLL_S = 0.01
BETWEEN_SAMPLES_S = 0.1
SAMPLE_LIMIT_S = 15.0


@dataclass(frozen=True)
class Freshness:
    samples_ms: tuple[float, ...]
    unseen: int
    """Followed commits that did not show within SAMPLE_LIMIT_S."""

    def percentile_ms(self, share: float) -> float | None:
        """Nearest rank; None without samples."""
        if not self.samples_ms:
            return None
        ranked = sorted(self.samples_ms)
        return round(ranked[math.ceil(share * len(ranked)) - 1], 1)


@dataclass
class FreshnessProbe:
    """Follows one commit at a time, in a thread of its own, so that measuring stays a small part of the load.

    A figure includes the API's answer and up to POLL_S of waiting between two questions.
    """

    client: httpx.Client
    """Of the API."""
    _samples_ms: list[float] = field(default_factory=list)
    _unseen: int = 0
    _next: SimpleQueue[Committed | None] = field(default_factory=SimpleQueue)
    _following: threading.Lock = field(default_factory=threading.Lock)
    """Taken by whoever hands over a commit, given back by the thread once it is through with it."""
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)
        self._thread.start()

    def notice(self, committed: Committed) -> None:
        """Called right after a commit, by whoever made it; takes it once started, if no other is being followed."""
        if self._thread and self._following.acquire(blocking=False):
            self._next.put(committed)

    def stop(self) -> Freshness:
        self._stopping.set()
        self._next.put(None)
        if self._thread:
            self._thread.join()
        return Freshness(tuple(self._samples_ms), self._unseen)

    def _run(self) -> None:
        while committed := self._next.get():
            self._follow(committed)
            self._stopping.wait(BETWEEN_SAMPLES_S)
            self._following.release()

    def _follow(self, committed: Committed) -> None:
        seen_ms = visible_after_ms(self.client, committed, SAMPLE_LIMIT_S, self._stopping)
        if seen_ms is not None:
            self._samples_ms.append(seen_ms)
        elif not self._stopping.is_set():
            self._unseen += 1


def visible_after_ms(
    client: httpx.Client, committed: Committed, limit_s: float, stopping: threading.Event
) -> float | None:
    """Ask until the API shows the commit; None if it did not within the limit, or before `stopping`."""
    while time.monotonic() - committed.at_s < limit_s and not stopping.is_set():
        if _visible(client, committed):
            return (time.monotonic() - committed.at_s) * 1000
        stopping.wait(POLL_S)
    return None


def _visible(client: httpx.Client, committed: Committed) -> bool:
    try:
        answer = client.get(f"/rca/correlation/{committed.correlation_id}")
    except httpx.HTTPError:
        return False
    return answer.status_code == httpx.codes.OK and committed.row_key in answer.text
