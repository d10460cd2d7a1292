"""How many heavy questions run at once: the others are refused at once, so that quick ones still find a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TooBusy(Exception):
    """The message is for the caller."""


class HeavyQuestions:
    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0

    @asynccontextmanager
    async def place(self, heavy: bool) -> AsyncIterator[None]:
        """Raises TooBusy where a heavy question finds no place."""
        if not heavy:
            yield
            return
        if self._running >= self._most:
            raise TooBusy(f"{self._most} questions over whole periods run already; ask again soon")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
