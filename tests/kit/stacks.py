"""A stack of some parts, for as long as a test needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clearsight.stack import state
from clearsight.stack.supervisor import Stack


@contextmanager
def stack_of(folder: Path, *parts: str) -> Iterator[Stack]:
    """These parts and what they need, in a home inside `folder`, which is gone afterwards."""
    stack = Stack(folder / "home")
    try:
        stack.up(parts)
        yield stack
    finally:
        stack.down(purge=True)


def servers_of(stack: Stack) -> str:
    """The address of its Kafka."""
    return str(state.load(stack.home).settings["kafka"]["bootstrap_servers"])
