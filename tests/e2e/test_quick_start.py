"""The quick start's own blocks, run as they stand, in their order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

GUIDE = Path(__file__).parents[2] / "docs" / "QUICK_START.md"
_BLOCK = re.compile(r"^```(sh|python)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
_PART = re.compile(r"^## Look at your own application$(.*?)^## ", re.M | re.S)
STOP = "clearsight down --purge"


def blocks() -> tuple[dict[str, str], list[str]]:
    """The named Python files, and the commands in their order."""
    part = _PART.search(GUIDE.read_text(encoding="utf-8"))
    assert part
    found = _BLOCK.findall(part[1])
    return {name: text for kind, name, text in found if kind == "python"}, [
        text for kind, _, text in found if kind == "sh"
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in blocks()[0].items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, commands: list[str], questions: str) -> str:
    """Like a person's shell: one session, what it started in the background ends with it."""
    script = "\n".join(["set -euo pipefail", *commands, questions])
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CLEARSIGHT_", "PG"))}
    environment |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CLEARSIGHT_HOME": str(folder / "home"),
        "PYTHONPATH": str(GUIDE.parents[1]),
    }
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        shell = subprocess.Popen(["bash", "-c", script], cwd=folder, env=environment, stdout=out, stderr=err)
        try:
            code = shell.wait(400)
            assert code == 0, (folder / "out").read_text()[-3000:] + (folder / "err").read_text()[-3000:]
        finally:
            _end(folder, shell)
            subprocess.run(["bash", "-c", STOP], cwd=folder, env=environment, check=True, capture_output=True)
    return (folder / "out").read_text()


def _end(folder: Path, shell: subprocess.Popen[bytes]) -> None:
    """What runs in this folder, before what it needs is stopped."""
    shell.kill()
    ended = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.pid != os.getpid():
                process.terminate()
                ended.append(process)
        except (psutil.AccessDenied, psutil.NoSuchProcess):
            continue
    _, running = psutil.wait_procs(ended, timeout=60)
    assert not running, f"did not end when told to: {running}"


def test_it_leads_to_an_answer(folder: Path) -> None:
    asked = """
for n in $(seq 60); do
  clearsight why 2 --json > answer.json
  grep -q '"explained"' answer.json && break; sleep 1
done
curl -sf "$(clearsight status --json | python -c 'import json,sys; print(json.load(sys.stdin)["api_url"])')/rca/scenario/1/audit-trail" > trail.json
"""
    began = time.monotonic()
    out = run(folder, blocks()[1], asked)
    print(f"{time.monotonic() - began:.0f} s")
    assert "fits the database app: 4 tables" in out
    assert "connector clearsight runs" in out
    answer: dict[str, Any] = json.loads((folder / "answer.json").read_text())
    assert answer["verdict"] == "explained"
    assert "capacity.shifts: 3 → 0, changed by bo" in answer["summary"]
    trail = json.loads((folder / "trail.json").read_text())
    assert "scenario.submitted" in json.dumps(trail)
    assert "publication" in (folder / "prepare.sql").read_text().lower()
