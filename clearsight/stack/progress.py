"""What `up` and `down` show on standard error while they work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from clearsight.stack.part import Report

BEGINNINGS = ("starting", "at work", "stopping")
ENDINGS = ("running", "done", "stopped", "killed")


@contextmanager
def shown(what: str) -> Iterator[Report]:
    """One line for each event, and below them a running clock with the parts that are not through yet."""
    console = Console(stderr=True, highlight=False)
    began = time.monotonic()
    busy: list[str] = []
    lock = threading.Lock()

    with console.status(f"{what} …") as status:

        def report(part: str, words: str) -> None:
            with lock:
                if words in BEGINNINGS:
                    busy.append(part)
                else:
                    if words.startswith(ENDINGS) and part in busy:
                        busy.remove(part)
                    console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {part:12} {words}")
                status.update(f"{what} {', '.join(busy)} …" if busy else f"{what} …")

        yield report
