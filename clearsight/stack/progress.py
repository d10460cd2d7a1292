"""What `up` and `down` show on standard error while they work."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from clearsight.stack.runner import Report


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
                if words in ("starting", "at work", "stopping"):
                    busy.append(part)
                else:
                    busy[:] = [name for name in busy if name != part]
                    console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {part:12} {words}")
                status.update(f"{what} {', '.join(busy)} …" if busy else f"{what} …")

        yield report
