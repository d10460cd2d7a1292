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
from typing import Any

import psutil

from clearsight.settings import HOME_VARIABLE
from clearsight.stack.part import Launch
from clearsight.stack.state import ProcessRecord

PART_VARIABLE = "CLEARSIGHT_STACK_PART"
"""Set for every program that we start, so that one whose `up` was killed before writing its pid down is found."""

LOG_LIMIT_BYTES = 64 * 1024 * 1024
KILL_LIMIT_S = 5.0
LOOK_EVERY_S = 0.02
FOLLOW_EVERY_S = 0.2


def spawn(name: str, home: Path, launch: Launch, log: Path) -> tuple[subprocess.Popen[bytes], ProcessRecord]:
    """Start the program in a session of its own, its output going to `log`."""
    offset = _open_chapter(log, name)
    with log.open("ab") as output:
        process = subprocess.Popen(
            launch.argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **_as_told(name, home, launch),
        )
    return process, ProcessRecord(process.pid, birth(psutil.Process(process.pid)), offset)


def run(name: str, home: Path, launch: Launch, limit_s: float) -> str:
    """Run a tool of a part to its end; empty if it ended with 0, else the last line that it wrote."""
    output: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
        "text": True,
    }
    try:
        result = subprocess.run(launch.argv, timeout=limit_s, check=False, **output, **_as_told(name, home, launch))
    except subprocess.TimeoutExpired:
        return f"not through after {limit_s:.0f} s"
    return "" if result.returncode == 0 else (result.stdout.strip().splitlines() or ["no message"])[-1]


def _as_told(name: str, home: Path, launch: Launch) -> dict[str, Any]:
    account = launch.account
    return {
        "cwd": launch.folder,
        "env": {**launch.environment, HOME_VARIABLE: str(home), PART_VARIABLE: name},
        "start_new_session": True,
        "user": account.uid if account else None,
        "group": account.gid if account else None,
        "extra_groups": [] if account else None,
    }


def _open_chapter(log: Path, name: str) -> int:
    """Mark the start in the log, setting a large one aside; where the new lines begin."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    with log.open("a") as file:
        file.write(f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {name} starts\n")
        return file.tell()


def birth(process: psutil.Process) -> str:
    """What tells a process from a later one with its pid, whatever the clock did: the boot and the tick of its start.

    Raises psutil.NoSuchProcess.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        start_tick = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return str(process.create_time())
    return f"{boot} {start_tick}"


def find(record: ProcessRecord) -> psutil.Process | None:
    """The recorded process where it still runs; None where it ended or its pid belongs to another one."""
    try:
        process = psutil.Process(record.pid)
        same = birth(process) == record.birth
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


def inside(folder: Path, name: str) -> list[psutil.Process]:
    """Processes of this name whose working folder is `folder`: PostgreSQL's, even when their postmaster is gone."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.name() == name and process.cwd() == str(folder):
                found.append(process)
    return found


def end(
    leaders: Iterable[psutil.Process], polite: signal.Signals = signal.SIGTERM, limit_s: float = KILL_LIMIT_S
) -> bool:
    """End these processes and all of their families: first the given signal, SIGKILL after the limit.

    Returns whether all leaders ended in time.
    """
    leaders = list(leaders)
    families = {member for leader in leaders for member in _family(leader)}
    for leader in leaders:
        with contextlib.suppress(psutil.Error):
            leader.send_signal(polite)
    stubborn = still_there(leaders, limit_s)
    _kill(stubborn)
    _kill({*families, *(member for leader in leaders for member in _family(leader))})
    return not stubborn


def _kill(doomed: Iterable[psutil.Process]) -> None:
    doomed = list(doomed)
    for process in doomed:
        with contextlib.suppress(psutil.Error):
            process.kill()
    still_there(doomed, KILL_LIMIT_S)


def still_there(awaited: Iterable[psutil.Process], limit_s: float) -> list[psutil.Process]:
    """Those that still run after the limit. A zombie is gone: only its parent's glance at it is missing."""
    limit = time.monotonic() + limit_s
    remaining = [process for process in awaited if _runs(process)]
    while remaining and time.monotonic() < limit:
        time.sleep(LOOK_EVERY_S)
        remaining = [process for process in remaining if _runs(process)]
    return remaining


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _family(leader: psutil.Process) -> list[psutil.Process]:
    """All descendants, and whoever else is in the leader's session, which outlives its leader."""
    found: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        found += leader.children(recursive=True)
    for pid in psutil.pids():
        with contextlib.suppress(psutil.Error, OSError):
            if pid != leader.pid and os.getsid(pid) == leader.pid:
                found.append(psutil.Process(pid))
    return found


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
