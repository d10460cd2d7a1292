"""Brings parts up, each as soon as what it needs answers, and takes them down in reverse.

Every started process is written down at once: an interrupted start leaves nothing that the next one does not find.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import msgspec

from clearsight.errors import StackError
from clearsight.stack import processes, state
from clearsight.stack.part import Part, Plan, Site
from clearsight.stack.state import StackState
from clearsight.stack.status import SHOWN_LINES

ASK_EVERY_S = 0.05


class Runner:
    """Works on one loaded state, under the home's lock, and saves it with every change."""

    def __init__(self, plan: Plan, site: Site, kept: StackState) -> None:
        self._plan = plan
        self._site = site
        self._kept = kept
        self._report = site.say
        self._writing = threading.Lock()
        self._giving_up = threading.Event()

    def start(self, wanted: set[str]) -> None:
        """Each part in a thread of its own. Raises the first failure; parts that are still starting are left to it."""
        sorter = self._plan.sorter(wanted)
        sorter.prepare()
        pending: dict[Future[None], str] = {}
        with ThreadPoolExecutor(max(1, len(wanted))) as pool:
            try:
                while sorter.is_active():
                    for name in sorter.get_ready():
                        pending[pool.submit(self._bring_up, self._plan.parts[name])] = name
                    finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                    for future in finished:
                        future.result()
                        sorter.done(pending.pop(future))
            finally:
                self._giving_up.set()

    def stop(self, names: Iterable[str]) -> None:
        """Level by level, the last started first; what was stopped is forgotten."""
        chosen = set(names)
        for level in self._plan.levels()[::-1]:
            parts = [self._plan.parts[name] for name in level if name in chosen]
            with ThreadPoolExecutor(max(1, len(parts))) as pool:
                list(pool.map(self._stop_one, parts))
        with self._writing:
            for name in chosen:
                self._kept.processes.pop(name, None)
            self._forget_done(chosen | self._plan.dependents(chosen))
            state.save(self._site.home, self._kept)

    # --- one part

    def _bring_up(self, part: Part) -> None:
        record = self._kept.processes.get(part.name)
        alive = record is not None and processes.find(record) is not None
        if part.one_shot:
            if part.name not in self._kept.done:
                self._stop_one(part)
                self._run_once(part)
        elif record and record.ready and alive:
            self._report(part.name, "running")
        else:
            self._start_service(part, started=alive)

    def _run_once(self, part: Part) -> None:
        self._report(part.name, "at work")
        process = self._spawn(part)
        self._await(part, process, lambda: process.poll() is not None)
        if process.returncode != 0:
            raise self._failure(part, f"ended with {process.returncode}")
        with self._writing:
            self._kept.done.append(part.name)
            self._kept.processes.pop(part.name)
            state.save(self._site.home, self._kept)
        self._report(part.name, "done")

    def _start_service(self, part: Part, started: bool) -> None:
        """A process that an interrupted `up` started is awaited, not started again."""
        began = time.monotonic()
        self._report(part.name, "starting")
        process = None if started else self._spawn(part)
        ready = part.ready or (lambda site: True)
        self._await(part, process, lambda: ready(self._site))
        part.settle(self._site)
        with self._writing:
            self._kept.processes[part.name] = msgspec.structs.replace(self._kept.processes[part.name], ready=True)
            state.save(self._site.home, self._kept)
        self._report(part.name, f"running after {time.monotonic() - began:.1f} s")

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        """A started part makes the one-shots that need it due again."""
        launch = part.launch(self._site)
        with self._writing:
            process, record = processes.spawn(part.name, self._site.home, launch, self._site.log(part.name))
            self._kept.processes[part.name] = record
            self._forget_done(self._plan.dependents([part.name]))
            state.save(self._site.home, self._kept)
        return process

    def _await(self, part: Part, process: subprocess.Popen[bytes] | None, answered: Callable[[], bool]) -> None:
        """Raises StackError with the part's last lines where it dies or is too slow, or another part has failed."""
        limit = time.monotonic() + part.ready_limit_s
        while not answered():
            if not self._lives(part, process):
                code = f" (exit code {process.returncode})" if process else ""
                raise self._failure(part, f"died while starting{code}")
            if self._giving_up.is_set():
                raise StackError(f"{part.name} was not awaited: another part has failed")
            if time.monotonic() > limit:
                failure = self._failure(part, f"does not answer after {part.ready_limit_s:.0f} s")
                self._stop_one(part)
                raise failure
            time.sleep(ASK_EVERY_S)

    def _lives(self, part: Part, process: subprocess.Popen[bytes] | None) -> bool:
        return process.poll() is None if process else processes.find(self._kept.processes[part.name]) is not None

    def _failure(self, part: Part, what: str) -> StackError:
        log = self._site.log(part.name)
        lines = processes.last_lines(log, SHOWN_LINES, self._kept.processes[part.name].log_offset)
        shown = "".join(f"\n  | {line}" for line in lines)
        return StackError(f"{part.name} {what}{shown}", f"read {log}, then run `clearsight up` again")

    def _stop_one(self, part: Part) -> None:
        record = self._kept.processes.get(part.name)
        process = processes.find(record) if record else None
        if process is None:
            part.swept(self._site, False)
            return
        self._report(part.name, "stopping")
        in_order = processes.end([process], part.stop_signal, part.stop_limit_s)
        part.swept(self._site, in_order)
        self._report(part.name, "stopped" if in_order else "killed: it did not stop in time")

    def _forget_done(self, names: set[str]) -> None:
        self._kept.done = [name for name in self._kept.done if name not in names]


def end_unrecorded(plan: Plan, site: Site, kept: StackState) -> None:
    """End programs of this home that nobody wrote down, the last started first."""
    found = processes.unrecorded(site.home, kept.processes.values())
    for part in reversed(plan.parts.values()):
        if strays := found.get(part.name):
            site.say(part.name, "ending one that an interrupted start left behind")
            processes.end(strays, part.stop_signal, part.stop_limit_s)
