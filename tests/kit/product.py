"""The whole product, through its commands, in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
from kit.killing import kill


class Product:
    """The command with its home."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self._environment = {**os.environ, "CLEARSIGHT_HOME": str(home), **environment}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "clearsight", *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, timeout_s: float = 300) -> str:
        """What the command printed on standard output. Fails the test where it ends with another code."""
        done = subprocess.run(
            [sys.executable, "-m", "clearsight", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if code == 0 else done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "clearsight", "status", "--json"],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def pid(self, part: str) -> int:
        pid = next(found["pid"] for found in self.status()["parts"] if found["name"] == part)
        assert isinstance(pid, int), f"{part} does not run"
        return pid

    def kill(self, part: str) -> None:
        kill(self.pid(part))

    def processes(self) -> list[psutil.Process]:
        """Every process that was started for this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("CLEARSIGHT_HOME") == str(self.home) and process.pid != os.getpid():
                    found.append(process)
            except (psutil.AccessDenied, psutil.NoSuchProcess):
                continue
        return found
