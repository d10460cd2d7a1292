"""The container engine of a CI run is ended with it, and one that ran before is not; what failed has a second chance."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from kit.waiting import until

pytestmark = pytest.mark.unit

SCRIPTS = Path(__file__).resolve().parents[3] / ".ci"
LIMIT_S = 120
ENGINE = """#!/usr/bin/env bash
case $1 in
  start) touch "$RUNNING"; if [[ -n ${HANG:-} ]]; then touch "$HANG"; sleep 600; fi ;;
  stop) rm -f "$RUNNING" ;;
esac
"""
DOCKER = """#!/usr/bin/env bash
case $1 in
  info) [[ -e $RUNNING ]] ;;
  *) true ;;
esac
"""
MAKE = """#!/usr/bin/env bash
echo "made $1"
[[ $1 != "${FAILS:-}" ]]
"""
PYTEST = """#!/usr/bin/env bash
echo "pytest $*"
exit "$AGAIN"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with stand-ins beside it, and a machine without a running engine."""
    folder = tmp_path / "checkout"
    shutil.copytree(SCRIPTS, folder / ".ci")
    (folder / "Dockerfile").write_text("FROM python\n")
    (folder / "docker-compose.yml").write_text("")
    programs = {
        "shared/tools/images/engine": ENGINE,
        "bin/docker": DOCKER,
        "bin/make": MAKE,
        "checkout/.venv/bin/pytest": PYTEST,
    }
    for name, text in programs.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return folder


def environment(checkout: Path, **more: str) -> dict[str, str]:
    path = f"{checkout.parent / 'bin'}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "RUNNING": str(running(checkout)), **more}


def running(checkout: Path) -> Path:
    return checkout.parent / "running"


def engine(checkout: Path, what: str) -> str:
    script = checkout / ".ci" / "engine"
    done = subprocess.run(
        [script, what], env=environment(checkout), capture_output=True, text=True, check=True, timeout=LIMIT_S
    )
    return done.stdout.strip()


def test_started_twice_it_is_still_ended(checkout: Path) -> None:
    assert [engine(checkout, "start"), engine(checkout, "start")] == ["ready", "ready"]
    assert running(checkout).exists()
    engine(checkout, "stop")
    assert not running(checkout).exists()


def test_one_that_ran_before_is_left(checkout: Path) -> None:
    running(checkout).touch()
    assert engine(checkout, "start") == "ready"
    engine(checkout, "stop")
    assert running(checkout).exists()


def test_a_run_says_how_long_each_part_took_and_ends_its_engine(checkout: Path) -> None:
    script = checkout / ".ci" / "run"
    done = subprocess.run(
        [script], env=environment(checkout), capture_output=True, text=True, check=True, timeout=LIMIT_S
    )
    for part in ("check", "container engine", "test", "test-compose"):
        assert f"\n{part} took " in f"\n{done.stdout}"
    assert not running(checkout).exists()


def test_an_interrupted_start_ends_it_too(checkout: Path, tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    run = subprocess.Popen(
        [checkout / ".ci" / "run"], env=environment(checkout, HANG=str(hangs)), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(hangs.exists)
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(timeout=LIMIT_S) != 0
    until(lambda: not running(checkout).exists())


def failed_in(checkout: Path, *tests: str) -> None:
    """As pytest remembers it."""
    cache = checkout / ".pytest_cache" / "v" / "cache"
    cache.mkdir(parents=True)
    (cache / "lastfailed").write_text(json.dumps(dict.fromkeys(tests, True)))


def run_with_a_failure(checkout: Path, again: int) -> subprocess.CompletedProcess[str]:
    environ = environment(checkout, FAILS="test", AGAIN=str(again))
    return subprocess.run([checkout / ".ci" / "run"], env=environ, capture_output=True, text=True, timeout=LIMIT_S)


def test_what_passes_alone_is_named(checkout: Path) -> None:
    failed_in(checkout, "tests/a.py::test_x", "tests/a.py::test_y[1]", "tests/b.py::test_z")
    done = run_with_a_failure(checkout, again=0)
    assert done.returncode == 0
    assert "pytest --last-failed" in done.stdout
    assert "passed the second time, find out why not the first:\n  tests/a.py::test_x\n" in done.stdout
    assert "made test-compose" in done.stdout


def test_what_fails_again_has_failed(checkout: Path) -> None:
    failed_in(checkout, "tests/a.py::test_x")
    done = run_with_a_failure(checkout, again=1)
    assert done.returncode == 1
    assert "failed again:\n  tests/a.py::test_x\n" in done.stdout
    assert not running(checkout).exists()


@pytest.mark.parametrize("files", [0, 4])
def test_many_failures_and_none_that_is_known_have_no_second_chance(checkout: Path, files: int) -> None:
    failed_in(checkout, *(f"tests/{number}.py::test_x" for number in range(files)))
    done = run_with_a_failure(checkout, again=0)
    assert done.returncode == 1
    assert "pytest --last-failed" not in done.stdout
    assert f"not tried again: {files} tests of {files} files failed" in done.stdout
