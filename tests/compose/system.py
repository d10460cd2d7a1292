"""The Compose system of one test run: a project, passwords and a port of its own, beside whatever else runs here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "docker"), str(ROOT / "tests")]

import up as compose_up  # noqa: E402 - a program beside the packages
from kit.ports import free_port  # noqa: E402

UP_LIMIT_S = 900.0
"""Of one `docker/up.py`: the first one builds the image and may pull others."""
DEMO_LIMIT_S = 600.0
COMMAND_LIMIT_S = 240.0


class Failed(Exception):
    """What was not as it must be."""


def expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise Failed(otherwise)


class System:
    """Everything goes through the commands that a user has."""

    def __init__(self, folder: Path) -> None:
        self.project = f"clearsight-test-{os.getpid()}"
        self.port = free_port()
        self.env_file = folder / ".env"
        os.environ.update(
            COMPOSE_PROJECT_NAME=self.project,
            COMPOSE_ENV_FILES=str(self.env_file),
            COMPOSE_FILE=str(ROOT / "docker-compose.yml"),
            COMPOSE_PROFILES="",
            CLEARSIGHT_TAG=self.project,
            API_PORT=str(self.port),
        )

    def up(self, *options: str, code: int = 0) -> str:
        """Run docker/up.py, shown while it runs; its words. Raises Failed where it ends with another code."""
        command = [sys.executable, str(ROOT / "docker/up.py"), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            limit = threading.Timer(UP_LIMIT_S, process.terminate)
            limit.start()
            lines = []
            for line in process.stdout or ():
                sys.stderr.write(f"    {line}")
                lines.append(line)
            limit.cancel()
        expect(process.returncode == code, f"docker/up.py ended with {process.returncode}, not with {code}")
        return "".join(lines)

    def containers(self) -> list[Any]:
        """As docker/up.py sees them."""
        return compose_up.containers()

    def kill(self, name: str) -> None:
        self.docker("kill", f"{self.project}-{name}")

    def start(self, name: str) -> None:
        self.docker("start", f"{self.project}-{name}")

    def docker(self, *arguments: str, limit_s: float = COMMAND_LIMIT_S) -> str:
        """What the command printed. Raises Failed with what it said."""
        done = subprocess.run(
            [compose_up.DOCKER, *arguments], capture_output=True, text=True, timeout=limit_s, check=False, cwd=ROOT
        )
        expect(done.returncode == 0, f"docker {' '.join(arguments[:3])}: {(done.stdout + done.stderr).strip()[-2000:]}")
        return done.stdout

    def demo(self, seconds: float, rate: float) -> Demonstration:
        """The documented command, started."""
        options = ("--seconds", str(seconds), "--rate", str(rate), "--seed", str(os.getpid()), "--json", "-")
        command = [compose_up.DOCKER, "compose", "run", "--rm", "--no-TTY", "demo", *options]
        return Demonstration(
            subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )

    def landed_changes(self) -> int:
        query = "SELECT count(*) FROM rpt.fact_row_change"
        return int(
            self.docker(
                *("compose", "exec", "--no-TTY", "postgres", "psql", "-U", "postgres", "-d", "report", "-Atc", query)
            )
        )

    def published(self) -> dict[str, list[tuple[str, int]]]:
        """Address and port on the host, by container."""
        ids = [one.id for one in self.containers()]
        return {
            found["Name"].lstrip("/"): [
                (binding["HostIp"], int(binding["HostPort"]))
                for bindings in (found["NetworkSettings"]["Ports"] or {}).values()
                for binding in bindings or ()
            ]
            for found in json.loads(self.docker("inspect", *ids))
        }

    def users(self) -> dict[str, set[int]]:
        """The user ids of each running container's processes."""
        running = [one for one in self.containers() if one.status == "running"]
        return {
            one.name: {int(line.split()[0]) for line in self.docker("top", one.id, "-eo", "uid,pid").splitlines()[1:]}
            for one in running
        }

    def down(self) -> None:
        """Everything of this run: containers, volumes, network, image."""
        self.docker("compose", "--profile", "*", "down", "--volumes", "--remove-orphans", limit_s=COMMAND_LIMIT_S)
        images = self.docker("image", "ls", "--quiet", f"clearsight-rca:{self.project}").split()
        if images:
            self.docker("image", "rm", f"clearsight-rca:{self.project}")

    def remains(self) -> list[str]:
        """What is left in the engine."""
        of_this = f"label=com.docker.compose.project={self.project}"
        kinds = (("ps", "--all"), ("volume", "ls"), ("network", "ls"))
        return [
            f"{kind[0]} {found}"
            for kind in kinds
            for found in self.docker(*kind, "--quiet", "--filter", of_this).split()
        ]

    def explain(self) -> None:
        """The last lines of the containers that are not at work, or of all."""
        found = self.containers()
        compose_up.report((one, one.words) for one in [one for one in found if not one.at_work] or found)


class Demonstration:
    """A running `demo`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def figures(self) -> dict[str, Any]:
        """Its result. Raises Failed with its own words."""
        try:
            output, errors = self._process.communicate(timeout=DEMO_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.end()
            raise Failed(f"the demonstration did not end within {DEMO_LIMIT_S:.0f} s") from None
        expect(self._process.returncode == 0, f"the demonstration ended with {self._process.returncode}: {errors}")
        figures: dict[str, Any] = json.loads(output)
        return figures

    def end(self) -> None:
        self._process.terminate()
        self._process.wait(30)
