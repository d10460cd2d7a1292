"""Starts, watches and stops the parts of one home.

`Stack.up` takes a lock, chooses ports, and starts whatever is not running, each part as soon as what it needs answers.
Every started process is written down at once: an interrupted `up` leaves nothing that the next one does not find.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Literal

import msgspec
import psutil
from filelock import FileLock, Timeout

from clearsight.errors import StackError
from clearsight.settings import STACK_FILE
from clearsight.stack import ports, processes, state
from clearsight.stack.part import Part, Plan, Site, graph_levels
from clearsight.stack.programs import all_parts
from clearsight.stack.state import StackState

LOCK_LIMIT_S = 180
FREE_BYTES_NEEDED = 1024**3
ASK_EVERY_S = 0.05
SHOWN_LINES = 15

PartState = Literal["running", "starting", "done", "dead", "stopped"]
Report = Callable[[str, str], None]
"""Told what happens: the part ("" for the stack as a whole) and a few words."""


def quiet(part: str, words: str) -> None:
    """A Report for nobody."""


class PartStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    state: PartState
    pid: int | None
    endpoint: str | None
    log: list[str] = []
    """The last lines of a dead part."""


class Description(msgspec.Struct, frozen=True):
    """The stack for programs; the addresses are null before the first `up`."""

    parts: list[PartStatus]
    source_dsn: str | None
    report_dsn: str | None
    bootstrap_servers: str | None
    connect_url: str | None
    api_url: str | None
    cloudwatch_url: str | None


class Stack:
    """The stack of one home. `parts` is the whole stack unless a test passes its own."""

    def __init__(self, home: Path, parts: Iterable[Part] | None = None) -> None:
        self.home = home.resolve()
        self._plan = Plan(all_parts() if parts is None else parts)
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._writing = threading.Lock()

    # --- what one may ask

    def up(self, only: Iterable[str] | None = None, report: Report = quiet) -> None:
        """Start what is not running: everything, or the named parts and all that they need.

        Raises StackError when a part does not come to answer; what was started stays up for a look.
        """
        wanted = self._plan.with_needs(self._plan.parts if only is None else only)
        self._check_home()
        with self._lock(report):
            kept = state.load(self.home)
            self._end_unrecorded(kept, report)
            self._choose_ports(kept, report)
            self._start(wanted, kept, report)

    def down(self, purge: bool = False, report: Report = quiet) -> None:
        """Stop everything, in reverse order; with `purge` remove all data as well."""
        if not self.home.exists():
            self.home.mkdir(parents=True)
        with self._lock(report):
            kept = self._loaded_for_down(purge)
            self._stop(list(self._plan.parts), kept, report)
            self._end_unrecorded(kept, report)
            kept.done.clear()
            kept.processes.clear()
            if purge:
                self._purge(kept, report)
            elif (self.home / STACK_FILE).exists():
                state.save(self.home, kept)
        if purge:
            shutil.rmtree(self.home, ignore_errors=True)

    def restart(self, part: str, report: Report = quiet) -> None:
        """Stop one part and start it again, leaving the others alone."""
        self._plan.with_needs([part])
        with self._lock(report):
            kept = state.load(self.home)
            self._stop([part], kept, report)
            self._start({part}, kept, report)

    def status(self) -> list[PartStatus]:
        """Every part of the stack, in starting order."""
        kept = state.load(self.home)
        return [self._status_of(part, kept) for part in self._plan.parts.values()]

    def description(self) -> Description:
        """What programs want to know. Holds passwords."""
        kept = state.load(self.home)
        tree = kept.settings or None
        return Description(
            self.status(),
            tree and tree["demo"]["dsn"],
            tree and tree["report"]["owner_dsn"],
            tree and tree["kafka"]["bootstrap_servers"],
            tree and tree["connect"]["url"],
            tree and f"http://{tree['api']['host']}:{tree['api']['port']}",
            tree and tree["cloudwatch"]["endpoint_url"],
        )

    def log(self, part: str) -> Path:
        """Where the part writes. Raises StackError for a name that is none."""
        self._plan.with_needs([part])
        return self.home / "logs" / f"{part}.log"

    # --- before the start

    def _check_home(self) -> None:
        try:
            for folder in (self.home, self.home / "logs", self.home / "run"):
                folder.mkdir(parents=True, exist_ok=True)
            self.home.chmod(0o700)
            (self.home / "run" / "writable").touch()
        except OSError as error:
            raise StackError(
                f"{self.home} is not writable: {error.strerror}",
                "mend its rights, or set CLEARSIGHT_HOME to another folder",
            ) from error
        check_room(shutil.disk_usage(self.home).free, self.home)

    @contextlib.contextmanager
    def _lock(self, report: Report) -> Iterator[None]:
        """One `up`, `down` or `restart` at a time. The lock lies beside the home, which `down --purge` removes."""
        lock = FileLock(self.home.with_name(f".{self.home.name}.lock"))
        try:
            try:
                lock.acquire(timeout=0)
            except Timeout:
                report("", "waiting for another clearsight up or down")
                lock.acquire(timeout=LOCK_LIMIT_S)
        except Timeout:
            raise StackError(
                "another `clearsight up` or `down` has been at work here for minutes", "wait for it, or end it"
            ) from None
        except OSError as error:
            raise StackError(
                f"{lock.lock_file} is not writable: {error.strerror}", "set CLEARSIGHT_HOME to a writable folder"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def _end_unrecorded(self, kept: StackState, report: Report) -> None:
        for name, found in processes.unrecorded(self.home, kept.processes.values()).items():
            report(name, "ending one that an interrupted start left behind")
            part = self._plan.parts.get(name)
            polite = part.stop_signal if part else signal.SIGTERM
            processes.end([(process, polite) for process in found], part.stop_limit_s if part else 10)

    def _choose_ports(self, kept: StackState, report: Report) -> None:
        running = [part for name, part in self._plan.parts.items() if self._running(name, kept)]
        in_use = frozenset(port for part in running for port in part.ports)
        choice = ports.choose(kept.ports, ports.fixed_ports(os.environ), in_use, ports.free_on_loopback)
        kept.ports = choice.ports
        for name in choice.moved:
            report("", f"port of {name} was taken meanwhile; it is {choice.ports[name]} now")
        movers = [name for name, part in self._plan.parts.items() if set(part.ports) & set(choice.moved)]
        self._stop(self._plan.dependents(movers), kept, report)
        kept.complete()
        state.save(self.home, kept)

    # --- starting

    def _start(self, wanted: set[str], kept: StackState, report: Report) -> None:
        """Each part in a thread of its own, as soon as its needs are met. The first failure ends the start."""
        site = Site(self.home, kept.ports, kept.passwords)
        giving_up = threading.Event()
        sorter = self._plan.sorter(wanted)
        sorter.prepare()
        pending: dict[Future[None], str] = {}
        failures: list[BaseException] = []
        with ThreadPoolExecutor(max(1, len(wanted))) as pool:
            try:
                while sorter.is_active() and not failures:
                    for name in sorter.get_ready():
                        future = pool.submit(self._bring_up, self._plan.parts[name], site, kept, giving_up, report)
                        pending[future] = name
                    finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        sorter.done(pending.pop(future))
                        if error := future.exception():
                            failures.append(error)
            finally:
                giving_up.set()
        if failures:
            raise failures[0]

    def _bring_up(self, part: Part, site: Site, kept: StackState, giving_up: threading.Event, report: Report) -> None:
        record = kept.processes.get(part.name)
        if part.one_shot:
            if part.name in kept.done:
                return
            self._end_one(part, kept)
            self._run_once(part, site, kept, giving_up, report)
        elif record and record.ready and processes.find(record):
            report(part.name, "running")
        else:
            self._end_one(part, kept)
            self._start_service(part, site, kept, giving_up, report)

    def _run_once(self, part: Part, site: Site, kept: StackState, giving_up: threading.Event, report: Report) -> None:
        report(part.name, "at work")
        process = self._spawn(part, site, kept)
        self._await(part, lambda: process.poll() is not None, None, giving_up, kept)
        if process.returncode != 0:
            self._record(kept, part.name, failed=True)
            raise self._failure(part, f"ended with {process.returncode}", kept)
        with self._writing:
            kept.done.append(part.name)
            kept.processes.pop(part.name, None)
            state.save(self.home, kept)
        report(part.name, "done")

    def _start_service(
        self, part: Part, site: Site, kept: StackState, giving_up: threading.Event, report: Report
    ) -> None:
        began = time.monotonic()
        report(part.name, "starting")
        process = self._spawn(part, site, kept)
        ready = part.ready or (lambda site: True)
        self._await(part, lambda: ready(site), process, giving_up, kept)
        part.settle(site)
        self._record(kept, part.name, ready=True)
        report(part.name, f"running after {time.monotonic() - began:.1f} s")

    def _spawn(self, part: Part, site: Site, kept: StackState) -> subprocess.Popen[bytes]:
        """A started part makes the one-shots that need it due again."""
        launch = part.launch(site)
        with self._writing:
            process, record = processes.spawn(part.name, self.home, launch, site.log(part.name))
            self._children[process.pid] = process
            kept.processes[part.name] = record
            again = self._plan.dependents([part.name])
            kept.done = [name for name in kept.done if name not in again]
            state.save(self.home, kept)
        return process

    def _await(
        self,
        part: Part,
        answered: Callable[[], bool],
        process: subprocess.Popen[bytes] | None,
        giving_up: threading.Event,
        kept: StackState,
    ) -> None:
        """Raises StackError with the part's last lines where it dies, is too slow, or another part has failed."""
        limit = time.monotonic() + part.ready_limit_s
        while not answered():
            if process and process.poll() is not None:
                raise self._failure(part, f"died while starting (exit code {process.returncode})", kept)
            if giving_up.is_set():
                self._end_one(part, kept)
                raise StackError(f"{part.name} was not awaited: another part has failed")
            if time.monotonic() > limit:
                failure = self._failure(part, f"does not answer after {part.ready_limit_s:.0f} s", kept)
                self._end_one(part, kept)
                raise failure
            time.sleep(ASK_EVERY_S)

    def _failure(self, part: Part, what: str, kept: StackState) -> StackError:
        record = kept.processes[part.name]
        log = self.home / "logs" / f"{part.name}.log"
        lines = "".join(f"\n  | {line}" for line in processes.last_lines(log, SHOWN_LINES, record.log_offset))
        return StackError(f"{part.name} {what}{lines}", f"read {log}, then run `clearsight up` again")

    def _record(self, kept: StackState, name: str, ready: bool = False, failed: bool = False) -> None:
        with self._writing:
            kept.processes[name] = msgspec.structs.replace(kept.processes[name], ready=ready, failed=failed)
            state.save(self.home, kept)

    # --- stopping

    def _stop(self, names: Iterable[str], kept: StackState, report: Report) -> None:
        """Level by level, the last started first; forget what was stopped."""
        chosen = set(names)
        site = Site(self.home, kept.ports, kept.passwords)
        for level in graph_levels(self._plan):
            running = [self._plan.parts[name] for name in level if name in chosen and self._running(name, kept)]
            for part in running:
                report(part.name, "stopping")
            with ThreadPoolExecutor(max(1, len(running))) as pool:
                orderly = list(pool.map(lambda part: self._end_one(part, kept), running))
            for part, in_order in zip(running, orderly, strict=True):
                if in_order:
                    part.kept(site)
                report(part.name, "stopped" if in_order else "killed: it did not stop in time")
        with self._writing:
            for name in chosen:
                kept.processes.pop(name, None)
            again = self._plan.dependents(chosen) | chosen
            kept.done = [name for name in kept.done if name not in again]

    def _end_one(self, part: Part, kept: StackState) -> bool:
        """Whether the recorded process, if it was running, ended in good order."""
        record = kept.processes.get(part.name)
        process = processes.find(record) if record else None
        if process is None:
            return False
        in_order = processes.end([(process, part.stop_signal)], part.stop_limit_s)
        self._reap(process)
        return in_order

    def _reap(self, process: psutil.Process) -> None:
        if child := self._children.pop(process.pid, None):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=1)

    def _loaded_for_down(self, purge: bool) -> StackState:
        try:
            return state.load(self.home)
        except StackError:
            if not purge:
                raise
            return StackState()

    def _purge(self, kept: StackState, report: Report) -> None:
        report("", "removing all data")
        site = Site(self.home, kept.ports, kept.passwords)
        for part in self._plan.parts.values():
            part.purge(site)

    # --- looking

    def _running(self, name: str, kept: StackState) -> bool:
        record = kept.processes.get(name)
        return record is not None and processes.find(record) is not None

    def _status_of(self, part: Part, kept: StackState) -> PartStatus:
        record = kept.processes.get(part.name)
        endpoint = part.endpoint(Site(self.home, kept.ports, kept.passwords)) if kept.ports else None
        if part.name in kept.done:
            return PartStatus(part.name, "done", None, endpoint)
        if record is None:
            return PartStatus(part.name, "stopped", None, endpoint)
        if processes.find(record):
            return PartStatus(part.name, "running" if record.ready else "starting", record.pid, endpoint)
        lines = processes.last_lines(self.home / "logs" / f"{part.name}.log", SHOWN_LINES, record.log_offset)
        return PartStatus(part.name, "dead", None, endpoint, lines)


def check_room(free_bytes: int, folder: Path) -> None:
    """Raises StackError below 1 GiB."""
    if free_bytes < FREE_BYTES_NEEDED:
        raise StackError(
            f"only {free_bytes / 1024**2:.0f} MiB are free for {folder}; the stack needs 1024",
            "make room there, or set CLEARSIGHT_HOME to a folder on a larger disk",
        )
