"""How many heavy questions run at once: the others are refused at once, so that quick ones still find a connection."""

from __future__ import annotations


class TooBusy(Exception):
    """The message is for the caller."""


class HeavyQuestions:
    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0

    def take(self, heavy: bool) -> Place:
        """A place for a question, to be left when it is answered. Raises TooBusy where a heavy one finds none."""
        if heavy and self._running >= self._most:
            raise TooBusy(f"{self._most} questions over whole periods run already; ask again soon")
        self._running += heavy
        return Place(self, heavy)

    def left(self) -> None:
        self._running -= 1


class Place:
    def __init__(self, questions: HeavyQuestions, heavy: bool) -> None:
        self._questions = questions
        self._held = heavy

    def leave(self) -> None:
        """Once; again changes nothing."""
        if self._held:
            self._held = False
            self._questions.left()
