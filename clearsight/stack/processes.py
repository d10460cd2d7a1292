"""Starting, finding and ending processes: by pid and start time, whole families, never by name."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil

from clearsight.settings import HOME_VARIABLE
from clearsight.stack.part import Launch
from clearsight.stack.state import ProcessRecord

PART_VARIABLE = "CLEARSIGHT_STACK_PART"
"""Set for every program that we start, so that one whose `up` was killed before writing its pid down is found."""

SAME_START_S = 0.05
LOG_LIMIT_BYTES = 64 * 1024 * 1024
KILL_LIMIT_S = 5.0
FOLLOW_EVERY_S = 0.2


def spawn(name: str, home: Path, launch: Launch, log: Path) -> tuple[subprocess.Popen[bytes], ProcessRecord]:
    """Start the program in a session of its own, its output going to `log`."""
    offset = _open_chapter(log, name)
    account = launch.account
    with log.open("ab") as output:
        process = subprocess.Popen(
            launch.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=launch.folder,
            env={**launch.environment, HOME_VARIABLE: str(home), PART_VARIABLE: name},
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    return process, ProcessRecord(process.pid, _created(process.pid), offset)


def _open_chapter(log: Path, name: str) -> int:
    """Mark the start in the log, setting a large one aside; where the new lines begin."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("a") as file:
        file.write(f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {name} starts\n")
        return file.tell()


def _created(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


def find(record: ProcessRecord) -> psutil.Process | None:
    """The recorded process where it still runs; None where it ended or its pid belongs to another one."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created) < SAME_START_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def unrecorded(home: Path, known: Iterable[ProcessRecord]) -> dict[str, list[psutil.Process]]:
    """Programs of this stack, by part, that nobody wrote down: their `up` was killed, or stack.json is gone."""
    pids = {record.pid for record in known if find(record)}
    found: dict[str, list[psutil.Process]] = {}
    for process, environment in _environments():
        leads = environment.get(HOME_VARIABLE) == str(home) and _leads_session(process.pid)
        if leads and process.pid not in pids and PART_VARIABLE in environment:
            found.setdefault(environment[PART_VARIABLE], []).append(process)
    return found


def _environments() -> Iterator[tuple[psutil.Process, dict[str, str]]]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            yield process, process.environ()


def _leads_session(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return os.getsid(pid) == pid
    return False


def inside(folder: Path) -> list[psutil.Process]:
    """Processes whose working folder is `folder`: PostgreSQL's, even when their postmaster is gone."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.cwd() == str(folder):
                found.append(process)
    return found


def end(leaders: Iterable[tuple[psutil.Process, signal.Signals]], limit_s: float) -> bool:
    """End these processes and all below them: first the given signal, SIGKILL after the limit.

    Returns whether all leaders ended in good order.
    """
    leaders = list(leaders)
    families = [member for leader, _ in leaders for member in _family(leader)]
    for leader, polite in leaders:
        with contextlib.suppress(psutil.Error):
            leader.send_signal(polite)
    _, stubborn = psutil.wait_procs([leader for leader, _ in leaders], timeout=limit_s)
    for member in {*families, *stubborn}:
        with contextlib.suppress(psutil.Error):
            member.kill()
    psutil.wait_procs([*families, *stubborn], timeout=KILL_LIMIT_S)
    return not stubborn


def _family(leader: psutil.Process) -> list[psutil.Process]:
    """All descendants, and whoever else is in the leader's process group."""
    with contextlib.suppress(psutil.Error):
        return leader.children(recursive=True)
    return []


def last_lines(log: Path, count: int, offset: int = 0) -> list[str]:
    """The last lines written after `offset` bytes."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(min(offset, size), size - count * 1000))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []


def followed(log: Path) -> Iterator[str]:
    """What is written from now on, for ever; goes on when the log is set aside for a new one."""
    position = log.stat().st_size if log.exists() else 0
    while True:
        size = log.stat().st_size if log.exists() else 0
        if size < position:
            position = 0
        if size > position:
            with log.open("rb") as file:
                file.seek(position)
                text = file.read(size - position)
            position += len(text)
            yield text.decode(errors="replace")
        time.sleep(FOLLOW_EVERY_S)
