"""The supervisor's promises, on small shell programs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from kit.killing import kill
from kit.waiting import until

from clearsight.errors import StackError
from clearsight.stack import state
from clearsight.stack.part import Site
from clearsight.stack.processes import birth
from clearsight.stack.supervisor import Stack
from tests.integration.stack.conftest import one_shot, pid_of, processes_of, service, status_of

pytestmark = pytest.mark.integration


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_parts_start_after_what_they_need_and_stop_in_reverse(home: Path, tmp_path: Path) -> None:
    order = tmp_path / "order"
    stack = Stack(
        home,
        [
            service("base", ports=("postgres",)),
            one_shot("prepare", f"test -e {home}/run/base.ready && echo prepared >>{order}", after=("base",)),
            service("top", after=("prepare",)),
        ],
    )
    events: list[tuple[str, str]] = []
    stack.up()
    assert [part.state for part in stack.status()] == ["running", "done", "running"]
    assert lines(order) == ["prepared"]
    stack.down(report=lambda part, words: events.append((part, words)))
    assert [part for part, words in events if words == "stopped"] == ["top", "base"]
    assert [part.state for part in stack.status()] == ["stopped"] * 3
    assert processes_of(home) == []


def test_a_second_up_starts_nothing_twice(home: Path, tmp_path: Path) -> None:
    stack = Stack(home, [service("base"), one_shot("prepare", f"echo x >>{tmp_path}/runs", after=("base",))])
    stack.up()
    before, pid = (home / "stack.json").read_bytes(), pid_of(stack, "base")
    stack.up()
    assert (home / "stack.json").read_bytes() == before
    assert pid_of(stack, "base") == pid
    assert lines(tmp_path / "runs") == ["x"]
    stack.down(purge=True)


def test_a_dead_part_is_told_with_its_last_words_and_started_again(home: Path) -> None:
    talks = f"echo 'out of luck' >&2; touch {home}/run/base.ready; exec sleep 600"
    stack = Stack(home, [service("base", talks), one_shot("prepare", "true", after=("base",)), service("other")])
    stack.up()
    other = pid_of(stack, "other")
    kill(pid_of(stack, "base"))
    dead = status_of(stack, "base")
    assert (dead.state, dead.pid, dead.log) == ("dead", None, ["out of luck"])
    stack.up()
    assert status_of(stack, "base").state == "running"
    assert pid_of(stack, "other") == other
    stack.down(purge=True)


def test_a_one_shot_runs_again_when_what_it_needs_was_started_anew(home: Path, tmp_path: Path) -> None:
    stack = Stack(home, [service("base"), one_shot("prepare", f"echo x >>{tmp_path}/runs", after=("base",))])
    stack.up()
    kill(pid_of(stack, "base"))
    stack.up()
    assert lines(tmp_path / "runs") == ["x", "x"]
    stack.down(purge=True)


def test_a_part_that_dies_while_starting_fails_the_up_with_its_log(home: Path) -> None:
    stack = Stack(home, [service("base", "echo 'no such column'; exit 3")])
    with pytest.raises(StackError, match=r"base died while starting \(exit code 3\)\n  \| no such column") as caught:
        stack.up()
    assert "base.log" in caught.value.mend
    assert status_of(stack, "base").state == "dead"
    stack.down(purge=True)


def test_a_one_shot_that_fails_fails_the_up_and_runs_again_next_time(home: Path, tmp_path: Path) -> None:
    stack = Stack(home, [one_shot("prepare", f"test -e {tmp_path}/mended || {{ echo 'table missing'; exit 1; }}")])
    with pytest.raises(StackError, match=r"prepare ended with 1\n  \| table missing"):
        stack.up()
    assert status_of(stack, "prepare").log == ["table missing"]
    (tmp_path / "mended").touch()
    stack.up()
    assert status_of(stack, "prepare").state == "done"
    stack.down(purge=True)


def test_a_part_that_never_answers_is_ended_and_named(home: Path) -> None:
    def answers(site: Site) -> bool:
        until(lambda: "waiting" in lines(home / "logs" / "base.log"), "it has begun")
        return False

    silent = service("base", "echo waiting; exec sleep 600", ready_limit_s=0.3)
    stack = Stack(home, [replace(silent, ready=answers)])
    with pytest.raises(StackError, match=r"base does not answer after 0 s\n  \| waiting"):
        stack.up()
    assert processes_of(home) == []
    stack.down(purge=True)


def test_a_part_that_does_not_stop_is_killed(home: Path) -> None:
    deaf = f"trap '' TERM; touch {home}/run/base.ready; while :; do sleep 0.1; done"
    stack = Stack(home, [service("base", deaf, stop_limit_s=0.3)])
    stack.up()
    events: list[str] = []
    stack.down(report=lambda part, words: events.append(words))
    assert any("killed" in words for words in events)
    assert processes_of(home) == []


def test_only_names_parts_and_brings_what_they_need(home: Path) -> None:
    stack = Stack(home, [service("base"), service("top", after=("base",)), service("other")])
    stack.up(["top"])
    assert [part.state for part in stack.status()] == ["running", "running", "stopped"]
    stack.down(purge=True)


def test_a_restarted_part_is_another_process_and_the_others_stay(home: Path) -> None:
    stack = Stack(home, [service("base"), service("top", after=("base",))])
    stack.up()
    base, top = pid_of(stack, "base"), pid_of(stack, "top")
    stack.restart("base")
    assert pid_of(stack, "base") != base
    assert pid_of(stack, "top") == top
    stack.down(purge=True)


def born_after(record: state.ProcessRecord) -> subprocess.Popen[bytes]:
    """A process of a later tick of the kernel's clock: the next one may start within the tick of the one before."""
    while True:
        process = subprocess.Popen(("sleep", "600"))
        if birth(psutil.Process(process.pid)) != record.birth:
            return process
        process.kill()
        process.wait()


def test_a_reused_pid_is_left_alone(home: Path) -> None:
    stack = Stack(home, [service("base")])
    stack.up()
    kill(pid_of(stack, "base"))
    kept = state.load(home)
    record = kept.processes["base"]
    stranger = born_after(record)
    kept.processes["base"] = state.ProcessRecord(stranger.pid, record.birth, record.log_offset, ready=True)
    state.save(home, kept)
    assert status_of(stack, "base").state == "dead"
    stack.up()
    stack.down(purge=True)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


UP_IN_A_PROCESS = """
import signal
import sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
from clearsight.stack.supervisor import Stack
from tests.integration.stack.conftest import service
slow = "until test -e {0}/go; do sleep 0.05; done; touch {0}/run/base.ready; exec sleep 600".format(sys.argv[1])
Stack(Path(sys.argv[1]), [service("base", slow, stop_limit_s=1)]).up()
"""


def start_up(home: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[3]
    return subprocess.Popen(
        (sys.executable, "-c", UP_IN_A_PROCESS, str(home)), env={**os.environ, "PYTHONPATH": str(root)}
    )


def test_an_up_killed_while_it_waits_leaves_a_part_that_the_next_one_awaits(home: Path) -> None:
    stack = Stack(home, [service("base", "exit 1", stop_limit_s=1)])
    killed = start_up(home)
    until(lambda: home.exists() and status_of(stack, "base").state == "starting")
    killed.kill()
    killed.wait()
    pid = pid_of(stack, "base")
    threading.Timer(0.3, (home / "go").touch).start()
    stack.up()
    assert status_of(stack, "base").state == "running"
    assert pid_of(stack, "base") == pid
    stack.down(purge=True)
    assert processes_of(home) == []


def test_a_process_that_a_killed_up_did_not_write_down_is_ended_first(home: Path) -> None:
    stack = Stack(home, [service("base")])
    stack.up()
    stray = pid_of(stack, "base")
    kept = state.load(home)
    kept.processes.clear()
    state.save(home, kept)
    stack.up()
    assert stray not in [process.pid for process in processes_of(home)]
    stack.down(purge=True)


def test_two_ups_at_once_start_one_of_each(home: Path, tmp_path: Path) -> None:
    counted = f"echo x >>{tmp_path}/starts; touch {home}/run/base.ready; exec sleep 600"
    stack = Stack(home, [service("base", counted)])
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: stack.up(), range(2)))
    assert lines(tmp_path / "starts") == ["x"]
    stack.down(purge=True)


def test_a_port_that_somebody_took_moves_and_its_users_are_started_anew(home: Path) -> None:
    stack = Stack(home, [service("base", ports=("postgres",)), service("top", after=("base",)), service("other")])
    stack.up()
    top, other = pid_of(stack, "top"), pid_of(stack, "other")
    before = state.load(home).ports
    kill(pid_of(stack, "base"))
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", before["postgres"]))
        thief.listen()
        stack.up()
    after = state.load(home)
    assert after.ports != before
    assert str(after.ports["postgres"]) in after.settings["source"]["dsn"]
    assert pid_of(stack, "top") != top
    assert pid_of(stack, "other") == other
    stack.down(purge=True)


def test_two_stacks_live_beside_each_other(tmp_path: Path) -> None:
    one, two = Stack(tmp_path / "one", [service("base")]), Stack(tmp_path / "two", [service("base")])
    one.up()
    with ExitStack() as held:
        for port in state.load(one.home).ports.values():  # as its parts would
            held.enter_context(socket.create_server(("127.0.0.1", port)))
        two.up()
    assert not set(state.load(one.home).ports.values()) & set(state.load(two.home).ports.values())
    one.down(purge=True)
    assert status_of(two, "base").state == "running"
    two.down(purge=True)


def test_down_finds_the_processes_of_a_home_that_was_removed_by_hand(home: Path, tmp_path: Path) -> None:
    stack = Stack(home, [service("base")])
    stack.up()
    home.rename(tmp_path / "away")
    stack.down()
    assert processes_of(home) == []
    assert not home.exists()


def test_an_unreadable_state_can_be_purged(home: Path) -> None:
    stack = Stack(home, [service("base")])
    stack.up()
    (home / "stack.json").write_text("{")
    with pytest.raises(StackError, match="not readable"):
        stack.up()
    stack.down(purge=True)
    assert not home.exists()
    assert processes_of(home) == []


def test_ctrl_c_leaves_the_lock_free_and_the_part_for_the_next_up(home: Path) -> None:
    stack = Stack(home, [service("base", "exit 1", stop_limit_s=1)])
    interrupted = start_up(home)
    until(lambda: home.exists() and status_of(stack, "base").state == "starting")
    interrupted.send_signal(signal.SIGINT)
    interrupted.wait(60)
    (home / "go").touch()
    stack.up()
    assert status_of(stack, "base").state == "running"
    stack.down(purge=True)
