#!/usr/bin/env python3
"""Brings the Compose system up, within a bounded time, and says which container does not come up and why.

    python3 docker/up.py                     writes .env where there is none, builds or pulls what is missing
    python3 docker/up.py --scale worker=3    further arguments are those of `docker compose up`

Compose alone waits for ever for a container that restarts for ever. Needs Python and Docker only.
Exit codes: 0 every container does its work, 1 one of them does not, 2 Docker or Compose refuses.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]
DOCKER = shutil.which("docker") or "docker"
RESTART_LIMIT = 5
"""A container may come too early and start again; one that does so this often while it is watched, never comes."""
LOOKS = 5
LOOK_EVERY_S = 1.0
COMMAND_LIMIT_S = 60.0
SHOWN_LINES = 15


@dataclass(frozen=True)
class Container:
    """What the engine says of one container. `once`: it shall end with 0; others shall run and be healthy."""

    id: str
    name: str
    once: bool
    status: str
    health: str
    exit_code: int
    restarts: int
    started: str
    complaint: str

    @property
    def at_work(self) -> bool:
        if self.once:
            return self.status == "exited" and self.exit_code == 0
        return self.status == "running" and self.health in ("", "healthy")

    @property
    def words(self) -> str:
        if self.once and self.at_work:
            return "done"
        state = f"{self.status}, {self.health}" if self.health and self.status == "running" else self.status
        return f"{state}, restarted {self.restarts} times" if self.restarts and not self.at_work else state


def container(inspected: dict[str, Any]) -> Container:
    """From one element of `docker inspect`."""
    state = inspected["State"]
    health = state.get("Health") or {}
    outputs = [entry["Output"].strip() for entry in health.get("Log") or () if entry["ExitCode"] != 0]
    return Container(
        id=inspected["Id"],
        name=inspected["Name"].lstrip("/"),
        once=inspected["HostConfig"]["RestartPolicy"]["Name"] == "on-failure",
        status=state["Status"],
        health=health.get("Status", ""),
        exit_code=state["ExitCode"],
        restarts=inspected["RestartCount"],
        started=state["StartedAt"],
        complaint=state.get("Error") or (outputs[-1] if outputs else ""),
    )


def trouble(now: Container, before: Container | None, all_started: bool) -> str | None:
    """What is wrong with a container, if it will not mend itself. `before`: as it was when the watch began."""
    earlier = before.restarts if before and before.restarts <= now.restarts else 0
    if now.restarts - earlier >= RESTART_LIMIT and not now.at_work:
        return f"restarts for ever: {now.restarts - earlier} times so far, last exit code {now.exit_code}"
    if now.status == "running" and now.health == "unhealthy":
        return f"is unhealthy: {now.complaint}" if now.complaint else "is unhealthy"
    not_yet_started = before is not None and before.started == now.started and not all_started
    if now.status in ("exited", "dead") and not now.at_work and not not_yet_started:
        return f"ended with exit code {now.exit_code}" + (f": {now.complaint}" if now.complaint else "")
    if now.status == "created" and now.complaint:
        return f"cannot start: {now.complaint}"
    return None


def with_passwords(example: str, secret: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
    """The text of .env: each empty password of .env.example gets one."""
    return re.sub(r"^(\w+_PASSWORD)=$", lambda found: f"{found[1]}={secret()}", example, flags=re.MULTILINE)


def write_env(path: Path) -> None:
    """A new .env that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(with_passwords((ROOT / ".env.example").read_text()))


class Refused(Exception):
    """Docker or Compose does not do what was asked; its own words."""


def docker(*arguments: str) -> str:
    """What the command printed. Raises Refused."""
    try:
        done = subprocess.run(
            [DOCKER, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
        )
    except FileNotFoundError:
        raise Refused("docker is not installed") from None
    except subprocess.TimeoutExpired:
        raise Refused(f"docker {arguments[0]} did not answer within {COMMAND_LIMIT_S:.0f} s") from None
    if done.returncode != 0:
        raise Refused(done.stderr.strip() or f"docker {arguments[0]} ended with {done.returncode}")
    return done.stdout


def containers(ask: Callable[..., str] = docker, wait: Callable[[float], None] = time.sleep) -> list[Container]:
    """Compose's containers by name. One that Compose replaces between both questions is asked for again."""
    for looks_left in reversed(range(LOOKS)):
        ids = ask("compose", "ps", "--all", "--quiet").split()
        try:
            inspected = json.loads(ask("inspect", *ids)) if ids else []
        except Refused as refused:
            if looks_left == 0 or "No such object" not in str(refused):
                raise
            wait(LOOK_EVERY_S)
        else:
            return sorted(map(container, inspected), key=lambda one: one.name)
    raise AssertionError("unreachable: the last look returns or raises")


def last_lines(one: Container) -> list[str]:
    done = subprocess.run(
        [DOCKER, "logs", "--tail", str(SHOWN_LINES), one.id],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    return done.stdout.splitlines()


def say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


class Watch:
    """Follows the containers from how they were when it began; tells every change."""

    def __init__(self, before: Iterable[Container]) -> None:
        self._before = {one.id: one for one in before}
        self._told: dict[str, str] = {}
        self._began_s = time.monotonic()

    def tell(self, now: Iterable[Container]) -> None:
        for one in now:
            if self._told.get(one.id) != one.words:
                self._told[one.id] = one.words
                say(f"[{time.monotonic() - self._began_s:4.0f} s] {one.name}: {one.words}")

    def troubles(self, now: Iterable[Container], all_started: bool) -> list[tuple[Container, str]]:
        found = ((one, trouble(one, self._before.get(one.id), all_started)) for one in now)
        return [(one, what) for one, what in found if what]


def follow(compose: subprocess.Popen[bytes], watch: Watch, limit_s: float) -> list[tuple[Container, str]]:
    """Until all containers are at work in two looks (then nothing is returned), one is in trouble, or the time is up."""
    give_up_s = time.monotonic() + limit_s
    earlier: list[Container] = []
    while True:
        ended = compose.poll()
        now = containers()
        watch.tell(now)
        if found := watch.troubles(now, all_started=ended is not None):
            return found
        if ended:
            return [(one, one.words) for one in now if not one.at_work]
        if ended == 0 and all(one.at_work for one in now):
            if now == earlier:
                return []
            earlier = now
        if time.monotonic() > give_up_s:
            waiting = [one for one in now if not one.at_work]
            return [(one, f"is not at work after {limit_s:.0f} s: {one.words}") for one in waiting]
        time.sleep(LOOK_EVERY_S)


def bring_up(arguments: list[str], limit_s: float) -> int:
    """Create, start, watch. Returns the exit code."""
    created = subprocess.run([DOCKER, "compose", "up", "--no-start", *arguments], cwd=ROOT, check=False)
    if created.returncode != 0:
        return 2
    watch = Watch(containers())
    with tempfile.TemporaryFile() as output:
        command = [DOCKER, "compose", "--progress", "plain", "up", "--detach", *arguments]
        compose = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            found = follow(compose, watch, limit_s)
        finally:
            compose.terminate()
            compose.wait()
        if not found and compose.returncode > 0:
            say(_tail(output))
            return 2
    report(found)
    return 1 if found else 0


def _tail(output: IO[bytes]) -> str:
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-SHOWN_LINES:])


def report(found: Iterable[tuple[Container, str]]) -> None:
    """Each container in trouble, with the last lines that it wrote."""
    for one, what in found:
        say(f"\n{one.name} {what}")
        for line in last_lines(one):
            say(f"  | {line}")


def main(given: list[str]) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--limit-s", type=float, default=300.0, help="how long containers may take to do their work")
    options, arguments = parser.parse_known_args(given)
    env = Path(os.environ.get("COMPOSE_ENV_FILES", "").split(",")[0] or ROOT / ".env")
    try:
        docker("compose", "version")
        docker("version")
        if not env.exists():
            write_env(env)
            say(f"{env} was written with new passwords")
        return bring_up(arguments, options.limit_s)
    except Refused as refusal:
        say(str(refusal))
        return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
