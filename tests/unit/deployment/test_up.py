"""What `docker/up.py` takes for trouble, and what it waits for."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]


def loaded() -> ModuleType:
    """A program beside the packages, made to run without them."""
    spec = importlib.util.spec_from_file_location("compose_up", ROOT / "docker/up.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


up: Any = loaded()


def inspected(**state: Any) -> dict[str, Any]:
    return {
        "Id": "c1",
        "Name": "/clearsight-worker-1",
        "RestartCount": 0,
        "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}},
        "State": {"Status": "running", "ExitCode": 0, "StartedAt": "t1", "Error": "", **state},
    }


SERVICE = up.container(inspected(Health={"Status": "healthy", "Log": []}))
STARTING = replace(SERVICE, health="starting")
ONCE = replace(SERVICE, once=True, health="")
RESTARTED = replace(SERVICE, status="restarting", health="", exit_code=7)


@pytest.mark.parametrize(
    ("now", "at_work"),
    [
        (SERVICE, True),
        (replace(SERVICE, health=""), True),
        (STARTING, False),
        (RESTARTED, False),
        (replace(SERVICE, status="exited"), False),
        (ONCE, False),
        (replace(ONCE, status="exited"), True),
        (replace(ONCE, status="exited", exit_code=1), False),
    ],
)
def test_at_work(now: Any, at_work: bool) -> None:
    assert now.at_work is at_work


@pytest.mark.parametrize(
    ("now", "what"),
    [
        (replace(RESTARTED, restarts=5), "restarts for ever: 5 times so far, last exit code 7"),
        (replace(STARTING, restarts=5, exit_code=1), "restarts for ever: 5 times so far, last exit code 1"),
        (replace(SERVICE, health="unhealthy", complaint="refused"), "is unhealthy: refused"),
        (replace(ONCE, status="exited", exit_code=3), "ended with exit code 3"),
        (replace(SERVICE, status="exited"), "ended with exit code 0"),
        (replace(SERVICE, status="created", health="", complaint="port is taken"), "cannot start: port is taken"),
    ],
)
def test_trouble(now: Any, what: str) -> None:
    assert up.trouble(now, None, True) == what


@pytest.mark.parametrize("now", [SERVICE, STARTING, ONCE, replace(RESTARTED, restarts=4), replace(SERVICE, restarts=9)])
def test_what_is_waited_for(now: Any) -> None:
    assert up.trouble(now, None, False) is None


def test_restarts_before_the_watch_do_not_count() -> None:
    assert up.trouble(replace(RESTARTED, restarts=104), replace(SERVICE, restarts=100), True) is None
    assert up.trouble(replace(RESTARTED, restarts=105), replace(SERVICE, restarts=100), True)
    assert up.trouble(replace(RESTARTED, restarts=5), replace(SERVICE, restarts=100), True), "counted anew"


def test_what_was_down_before_is_given_the_time_to_start() -> None:
    killed = replace(SERVICE, status="exited", exit_code=137)
    assert up.trouble(killed, killed, all_started=False) is None
    assert up.trouble(killed, killed, all_started=True)
    assert up.trouble(replace(killed, started="t2"), killed, all_started=False), "it ran, and ended again"


def test_the_engines_words_are_kept() -> None:
    log = [{"ExitCode": 1, "Output": "first"}, {"ExitCode": 1, "Output": "refused\n"}, {"ExitCode": 0, "Output": "ok"}]
    assert up.container(inspected(Health={"Status": "unhealthy", "Log": log})).complaint == "refused"
    assert up.container(inspected(Error="port is taken")).complaint == "port is taken"


def test_each_role_gets_a_password_of_its_own(tmp_path: Path) -> None:
    up.write_env(tmp_path / ".env")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    lines = (tmp_path / ".env").read_text().splitlines()
    passwords = re.findall(r"^\w+_PASSWORD=(.*)$", "\n".join(lines), re.MULTILINE)
    assert len(set(passwords)) == len(passwords) == 7
    assert all(re.fullmatch(r"[0-9a-f]{32}", password) for password in passwords)
    assert [line for line in lines if not line.endswith(tuple(passwords))] == [
        line for line in (ROOT / ".env.example").read_text().splitlines() if not line.endswith("_PASSWORD=")
    ]


def test_an_env_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("mine")
    with pytest.raises(FileExistsError):
        up.write_env(tmp_path / ".env")


class Engine:
    """Answers as Docker does; the first `gone` looks meet a container that Compose has just replaced."""

    def __init__(self, gone: int) -> None:
        self.gone = gone

    def __call__(self, command: str, *_: str) -> str:
        if command == "compose":
            return "c1\n"
        self.gone -= 1
        if self.gone >= 0:
            raise up.Refused("Error: No such object: c1")
        return json.dumps([inspected()])


def test_a_container_that_compose_replaces_is_asked_for_again() -> None:
    (found,) = up.containers(Engine(gone=2), lambda _: None)
    assert found.id == "c1"


def test_a_container_that_stays_away_is_said() -> None:
    with pytest.raises(up.Refused, match="No such object"):
        up.containers(Engine(gone=99), lambda _: None)
