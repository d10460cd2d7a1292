"""Who goes first where threads share one interpreter: the one that lands, which everything waits for.

Python gives its lock to whoever waits, fairly. A landing asks PostgreSQL some fifty things, and after each answer it waited
for the threads that decode and publish: a quarter of its time, while PostgreSQL waited for it. So these stand back while it
works, and work while PostgreSQL does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")

STEP = 32
"""Items of the others between two looks: some 0.4 ms of work."""

LONGEST_S = 0.05
"""A landing that waits for something else than PostgreSQL's answer must not hold up the others for ever."""


class RightOfWay:
    """Of one thread over all others of a process."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._free = Event()
        self._free.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """By the one thread."""
        self._free.clear()
        try:
            yield
        finally:
            self.give()

    def give(self) -> None:
        """For the rest of `taken`."""
        self._free.set()

    @contextmanager
    def given(self) -> Iterator[None]:
        """Within `taken`: while it waits for another process."""
        self.give()
        try:
            yield
        finally:
            self._free.clear()

    def paced(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items; whoever works on them stands back meanwhile."""
        for number, item in enumerate(items):
            if number % STEP == 0 and not self._free.is_set():
                self._free.wait(self._longest_s)
            yield item
