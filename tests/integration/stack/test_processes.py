"""Real processes: known by birth, ended with their families."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from kit.waiting import until

from clearsight.stack import processes
from clearsight.stack.part import Launch
from clearsight.stack.state import ProcessRecord

pytestmark = pytest.mark.integration


def shell(home: Path, script: str, name: str = "part") -> tuple[subprocess.Popen[bytes], ProcessRecord]:
    return processes.spawn(name, home, Launch(("sh", "-c", script)), home / "part.log")


def test_a_spawned_process_is_found_until_it_ends(tmp_path: Path) -> None:
    child, record = shell(tmp_path, "exec sleep 60")
    found = processes.find(record)
    assert found is not None
    assert processes.end([found])
    assert processes.find(record) is None
    child.wait()


def test_a_reused_pid_is_another_process(tmp_path: Path) -> None:
    own = processes.birth(psutil.Process())
    assert processes.find(ProcessRecord(os.getpid(), own)) is not None
    assert processes.find(ProcessRecord(os.getpid(), f"{own}0")) is None


def test_a_zombie_does_not_run(tmp_path: Path) -> None:
    child, record = shell(tmp_path, "exit 0")
    until(lambda: processes.find(record) is None)
    child.wait()


def test_grandchildren_end_too_even_when_their_parent_has_gone(tmp_path: Path) -> None:
    child, record = shell(tmp_path, f"(sleep 60 & echo $! >{tmp_path}/pid) ; exec sleep 60")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().endswith("\n"))
    grandchild = int((tmp_path / "pid").read_text())
    found = processes.find(record)
    assert found is not None
    processes.end([found])
    child.wait()
    until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == "zombie")


def test_one_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    child, record = shell(tmp_path, f"trap '' TERM; touch {tmp_path}/deaf; while :; do sleep 0.1; done")
    until(lambda: (tmp_path / "deaf").exists())
    found = processes.find(record)
    assert found is not None
    assert not processes.end([found], signal.SIGTERM, limit_s=0.3)
    assert processes.find(record) is None
    child.wait()


def test_a_process_that_nobody_wrote_down_is_found_by_its_home(tmp_path: Path) -> None:
    child, record = shell(tmp_path, "exec sleep 60", name="kafka")
    until(lambda: "kafka" in processes.unrecorded(tmp_path, []))
    assert processes.unrecorded(tmp_path, [record]) == {}
    assert processes.unrecorded(tmp_path / "other", []) == {}
    processes.end(processes.unrecorded(tmp_path, [])["kafka"])
    child.wait()


def test_the_last_lines_begin_at_the_last_start(tmp_path: Path) -> None:
    for word in ("old", "new"):
        child, record = shell(tmp_path, f"echo {word}")
        child.wait()
    log = tmp_path / "part.log"
    assert processes.last_lines(log, 10, record.log_offset) == ["new"]
    assert processes.last_lines(log, 1) == ["new"]
    assert processes.last_lines(tmp_path / "none.log", 5) == []


def test_a_tool_tells_its_last_line_when_it_fails(tmp_path: Path) -> None:
    assert processes.run("part", tmp_path, Launch(("sh", "-c", "echo fine")), 10) == ""
    assert processes.run("part", tmp_path, Launch(("sh", "-c", "echo no room >&2; exit 3")), 10) == "no room"
    assert processes.run("part", tmp_path, Launch(("sleep", "10")), 0.1) == "not through after 0 s"


def test_following_a_log_goes_on_when_it_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text("before\n")
    lines = processes.followed(log)
    append(log, "not seen: nobody has asked yet\n")
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(next, lines)
        until(lambda: first.done() or append(log, "a\n"), "what is written is read")  # where it begins nobody sees
        assert set(first.result().split()) == {"a"}
    log.write_text("b\n")
    assert next(lines) == "b\n"


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)
