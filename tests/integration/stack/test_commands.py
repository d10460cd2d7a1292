"""What a person types, and what a program reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clearsight.stack.supervisor import Stack

pytestmark = pytest.mark.integration

KEYS = [
    "parts",
    "source_dsn",
    "report_dsn",
    "bootstrap_servers",
    "connect_url",
    "api_url",
    "cloudwatch_url",
    "connector",
]


def clearsight(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (sys.executable, "-m", "clearsight", *arguments),
        env={**os.environ, "CLEARSIGHT_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_status_before_the_first_up(tmp_path: Path) -> None:
    result = clearsight(tmp_path / "home", "status", "--json")
    told = json.loads(result.stdout)
    assert result.returncode == 4
    assert list(told) == KEYS
    assert {part["state"] for part in told["parts"]} == {"stopped"}
    assert set(told["parts"][0]) == {"name", "state", "pid", "endpoint"}
    assert not (tmp_path / "home").exists()


def test_up_again_status_and_tail_of_a_running_part(real_stack: Stack) -> None:
    again = clearsight(real_stack.home, "up", "--only", "postgres,connect", "--json")
    assert again.returncode == 0, again.stderr
    told = json.loads(again.stdout)
    assert told["source_dsn"].startswith("postgresql://forecast_app:")
    assert told["report_dsn"].startswith("postgresql://clearsight_owner:")
    assert {part["name"] for part in told["parts"] if part["state"] == "running"} == {"postgres", "kafka", "connect"}
    tail = clearsight(real_stack.home, "tail", "kafka", "-n", "3")
    assert len(tail.stdout.splitlines()) == 3


@pytest.mark.parametrize("arguments", [("up", "--only", "conect"), ("tail", "conect")])
def test_a_wrong_name_is_one_line_and_a_mend(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = clearsight(tmp_path / "home", *arguments)
    assert result.returncode == 4
    assert result.stderr.startswith("error: there is no part 'conect'\n  mend: choose from postgres, kafka")


def test_down_where_nothing_is_leaves_nothing(tmp_path: Path) -> None:
    assert clearsight(tmp_path / "home", "down").returncode == 0
    assert list(tmp_path.iterdir()) == []
