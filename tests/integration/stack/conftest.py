"""A stack of small shell programs, and one of the real parts that the tests of a session share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from clearsight.stack.part import Launch, Part, Site
from clearsight.stack.status import PartStatus
from clearsight.stack.supervisor import Stack

REAL_PARTS = ("postgres", "kafka", "connect")


@pytest.fixture(scope="session")
def real_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """PostgreSQL, Kafka and Connect, below a folder that only its owner may enter."""
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    stack = Stack(closed / "home")
    try:
        stack.up(REAL_PARTS)
        yield stack
    finally:
        stack.down(purge=True)


def service(name: str, script: str = "", after: tuple[str, ...] = (), **options: object) -> Part:
    """A program that writes its ready file and then waits."""

    def launch(site: Site) -> Launch:
        site.ready_file(name).unlink(missing_ok=True)
        return Launch(("sh", "-c", script or f"touch {site.ready_file(name)}; exec sleep 600"))

    part: Callable[..., Part] = Part
    return part(name, launch, after=after, ready=lambda site: site.ready_file(name).exists(), **options)


def one_shot(name: str, script: str, after: tuple[str, ...] = ()) -> Part:
    return Part(name, lambda site: Launch(("sh", "-c", script)), after=after)


def status_of(stack: Stack, name: str) -> PartStatus:
    return next(part for part in stack.status() if part.name == name)


def pid_of(stack: Stack, name: str) -> int:
    pid = status_of(stack, name).pid
    assert pid is not None, f"{name} does not run"
    return pid


def processes_of(home: Path) -> list[psutil.Process]:
    """Whatever runs with this home, found without the supervisor's own means."""
    text = str(home)
    found = []
    for process in psutil.process_iter():
        try:
            if text in "\0".join(process.cmdline()) or process.environ().get("CLEARSIGHT_HOME") == text:
                found.append(process)
        except psutil.Error:
            continue
    return found
