"""Several questions at once, within a time limit that holds whatever hangs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def all_within(
    limit_s: float, questions: dict[str, Callable[[], Answer]], answered: Callable[[str], None] = lambda name: None
) -> dict[str, Answer | BaseException]:
    """Each question's answer, or the exception that it raised; TimeoutError where there was none in time.

    Threads that hang are left behind and do not keep the process from ending.
    """
    answers: queue.SimpleQueue[tuple[str, Answer | BaseException]] = queue.SimpleQueue()

    def ask(name: str, question: Callable[[], Answer]) -> None:
        try:
            answers.put((name, question()))
        except BaseException as error:
            answers.put((name, error))

    for name, question in questions.items():
        threading.Thread(target=ask, args=(name, question), name=f"doctor-{name}", daemon=True).start()
    done: dict[str, Answer | BaseException] = {}
    deadline = time.monotonic() + limit_s
    while len(done) < len(questions):
        try:
            name, answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        done[name] = answer
        answered(name)
    late = TimeoutError(f"no answer within {limit_s:.0f} s")
    return {name: done.get(name, late) for name in questions}
