"""What a part of the stack is: a program, what must run before it, and how one knows that it works."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path

from clearsight.errors import StackError
from clearsight.stack.state import HOST

Report = Callable[[str, str], None]
"""Told what happens: the part ("" for the stack as a whole) and a few words."""


def quiet(part: str, words: str) -> None:
    """A Report for nobody."""


@dataclass(frozen=True)
class Site:
    """Where a stack lives, its ports by name and its passwords by role; `say` tells the user something."""

    home: Path
    ports: dict[str, int]
    passwords: dict[str, str] = field(repr=False)
    say: Report = quiet

    def address(self, port: str) -> str:
        return f"{HOST}:{self.ports[port]}"

    def url(self, port: str) -> str:
        return f"http://{self.address(port)}"

    def dsn(self, role: str, database: str) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@{self.address('postgres')}/{database}"

    def log(self, part: str) -> Path:
        return self.home / "logs" / f"{part}.log"

    def ready_file(self, part: str) -> Path:
        return self.home / "run" / f"{part}.ready"


@dataclass(frozen=True)
class Account:
    """The system user that a program runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Launch:
    """How to start the program."""

    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    account: Account | None = None
    folder: Path | None = None


def _nothing(site: Site) -> None:
    pass


def _no_sweep(site: Site, in_order: bool) -> None:
    pass


def _no_endpoint(site: Site) -> None:
    return None


@dataclass(frozen=True)
class Part:
    """`launch` prepares the part's files and says how to start it; `ready` asks it a real question.

    A part without `ready` is a one-shot: it is done when it ends with 0. `settle` runs once the part answers, `swept`
    after it ended (in good order or not), `purge` when its data shall go.
    """

    name: str
    launch: Callable[[Site], Launch]
    after: tuple[str, ...] = ()
    ready: Callable[[Site], bool] | None = None
    settle: Callable[[Site], None] = _nothing
    swept: Callable[[Site, bool], None] = _no_sweep
    purge: Callable[[Site], None] = _nothing
    endpoint: Callable[[Site], str | None] = _no_endpoint
    ports: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    ready_limit_s: float = 60.0
    stop_limit_s: float = 15.0

    @property
    def one_shot(self) -> bool:
        return self.ready is None


class Plan:
    """Parts by name, given in an order in which each follows what it needs."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = {part.name: part for part in parts}

    def sorter(self, names: Iterable[str]) -> TopologicalSorter[str]:
        """Of these parts alone."""
        chosen = set(names)
        return TopologicalSorter({name: chosen.intersection(self.parts[name].after) for name in chosen})

    def with_needs(self, names: Iterable[str]) -> set[str]:
        """These parts and all that they need. Raises StackError for a name that is none."""
        found: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in self.parts:
                raise StackError(f"there is no part {name!r}", f"choose from {', '.join(self.parts)}")
            if name not in found:
                found.add(name)
                pending.extend(self.parts[name].after)
        return found

    def dependents(self, names: Iterable[str]) -> set[str]:
        """All that need one of these parts, directly or not; without the parts themselves."""
        touched = set(names)
        own = set(touched)
        for name in self.parts:
            if touched.intersection(self.parts[name].after):
                touched.add(name)
        return touched - own

    def levels(self) -> list[list[str]]:
        """The parts in groups that may start, or in reverse stop, together."""
        sorter = self.sorter(self.parts)
        sorter.prepare()
        levels: list[list[str]] = []
        while sorter.is_active():
            levels.append(list(sorter.get_ready()))
            sorter.done(*levels[-1])
        return levels
