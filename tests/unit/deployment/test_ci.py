"""The container engine of a CI run is ended with it, and one that ran before is not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from kit.waiting import until

pytestmark = pytest.mark.unit

SCRIPTS = Path(__file__).resolve().parents[3] / ".ci"
ENGINE = """#!/usr/bin/env bash
case $1 in
  start) touch "$RUNNING"; if [[ -n ${HANG:-} ]]; then touch "$HANG"; sleep 60; fi ;;
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
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with stand-ins beside it, and a machine without a running engine."""
    folder = tmp_path / "checkout"
    shutil.copytree(SCRIPTS, folder / ".ci")
    (folder / "Dockerfile").write_text("FROM python\n")
    (folder / "docker-compose.yml").write_text("")
    programs = {"shared/tools/images/engine": ENGINE, "bin/docker": DOCKER, "bin/make": MAKE}
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
        [script, what], env=environment(checkout), capture_output=True, text=True, check=True, timeout=20
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
    done = subprocess.run([script], env=environment(checkout), capture_output=True, text=True, check=True, timeout=20)
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
    assert run.wait(timeout=20) != 0
    until(lambda: not running(checkout).exists())
