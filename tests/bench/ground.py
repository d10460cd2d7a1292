"""What every benchmark stands on: a stack of its own, progress, and an end in good order.

Everything runs in `.clearsight-bench`; Ctrl-C, SIGTERM and failures take it down and remove its data.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import httpx
import psutil
import psycopg
from confluent_kafka import KafkaException
from filelock import FileLock, Timeout
from rich.console import Console

from clearsight.errors import ClearSightError, StackError, Unavailable
from clearsight.settings import Settings, required
from clearsight.stack import progress, state
from clearsight.stack.part import Part
from clearsight.stack.supervisor import Stack

HOME = Path(".clearsight-bench")
STOP_LIMIT_S = 60.0
INTERRUPTED = 130

console = Console(stderr=True, highlight=False)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Ground:
    """A running stack and its settings, whatever the environment says about another one."""

    stack: Stack
    settings: Settings

    def administrator(self, database: str) -> psycopg.Connection[Any]:
        """A connection of the superuser, in autocommit."""
        return psycopg.connect(self.stack.site().dsn("postgres", database), autocommit=True)

    def reporting(self) -> psycopg.Connection[Any]:
        """A connection of the reporting database's owner, in autocommit."""
        return psycopg.connect(required(self.settings.report.owner_dsn, "report.owner_dsn"), autocommit=True)

    def process(self, part: str) -> psutil.Process:
        """Raises StackError where the part does not run."""
        found = next(status for status in self.stack.status() if status.name == part)
        if found.pid is None or found.state != "running":
            lines = "".join(f"\n  | {line}" for line in found.log)
            raise StackError(f"{part} is {found.state}{lines}", "mend what it says and run the benchmark again")
        return psutil.Process(found.pid)

    def stop(self, *parts: str) -> None:
        """In good order; `stack.restart` brings one back. Raises StackError where one does not end."""
        for part in parts:
            process = self.process(part)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_LIMIT_S)
            except psutil.TimeoutExpired:
                raise StackError(
                    f"{part} does not stop within {STOP_LIMIT_S:.0f} s", "look at what it waits for"
                ) from None


@contextmanager
def ground(home: Path = HOME, parts: Iterable[Part] | None = None) -> Iterator[Ground]:
    """The whole stack, with other `parts` where they are given; what an earlier benchmark left is removed first."""
    stack = Stack(home, parts)
    with _alone(stack.home):
        yield from _up_and_down(stack)


def _up_and_down(stack: Stack) -> Iterator[Ground]:
    try:
        with progress.shown("starting") as report:
            stack.down(purge=True)
            stack.up(report=report)
        yield Ground(stack, Settings(**state.load(stack.home).settings))
    finally:
        with progress.shown("taking the stack down"):
            stack.down(purge=True)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Two benchmarks at once would take each other's stack down. Raises StackError."""
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    lock = FileLock(Path(tempfile.gettempdir()) / f"clearsight-bench-{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StackError(f"another benchmark runs in {home}", "wait for its end, or choose another --home") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def phase(what: str) -> Iterator[Say]:
    """Shows on standard error what is being done, how far it is (what `say` is given), and in the end how long it took."""
    began_s = time.monotonic()
    with console.status(f"{what} …") as status:
        yield lambda words: status.update(f"{what}: {words} …")
    console.print(f"[dim]{time.monotonic() - began_s:6.1f} s[/dim]  {what}")


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="values and order follow from it")
    parser.add_argument(
        "--home", type=Path, default=HOME, help="folder of the benchmark's own stack; removed in the end"
    )
    return parser


def run(main: Callable[[], None]) -> NoReturn:
    """Run a benchmark as a program: errors of ours are one line with their mend and exit code, without a traceback."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        main()
    except ClearSightError as error:
        _end(error)
    except (psycopg.OperationalError, KafkaException, httpx.HTTPError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        _end(Unavailable(f"a part of the stack went away: {reason}", "run the benchmark again"))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(0)


def _end(error: ClearSightError) -> NoReturn:
    console.print(f"error: {error.message}", style="red", markup=False, soft_wrap=True)
    if error.mend:
        console.print(f"  mend: {error.mend}", markup=False, soft_wrap=True)
    sys.exit(error.exit_code)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
