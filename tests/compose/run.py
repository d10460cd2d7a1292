"""`make test-compose`: the whole Compose system, its demonstration, and what happens when each container is killed.

Ends with 0 where everything was as it must be, else with 1, the reason, and the last lines of the containers in trouble.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from system import Demonstration, Failed, System, expect

WORKERS = ("--scale", "worker=3")
LANDING_LIMIT_S = 240.0
IN_FULL_SWING = 500
"""Landed changes after which traffic is taken to flow."""
UNDER_TRAFFIC = ("worker-2", "forwarder-1", "connect-1", "kafka-1", "api-1")
"""Killed while the demonstration writes; the application itself needs the others."""
AT_REST = ("postgres-1", "cloudwatch-1", "worker-1", "worker-3")

BEGAN_S = time.monotonic()


def say(words: str) -> None:
    sys.stderr.write(f"[{time.monotonic() - BEGAN_S:4.0f} s] {words}\n")
    sys.stderr.flush()


def comes_up(system: System) -> None:
    system.up("--build", *WORKERS)
    names = {one.name.removeprefix(f"{system.project}-") for one in system.containers()}
    expect({*UNDER_TRAFFIC, *AT_REST} <= names, f"there are only {sorted(names)}")


def nobody_is_root(system: System) -> None:
    users = system.users()
    roots = sorted(name for name, ids in users.items() if 0 in ids)
    expect(len(users) == len(UNDER_TRAFFIC) + len(AT_REST), f"only {sorted(users)} run")
    expect(not roots, f"programs of root run in {roots}")


def only_the_loopback_is_listened_on(system: System) -> None:
    published = {name: places for name, places in system.published().items() if places}
    expect(
        published == {f"{system.project}-api-1": [("127.0.0.1", system.port)]}, f"published to the host: {published}"
    )
    expect(_answers("127.0.0.1", system.port), f"nothing answers on 127.0.0.1:{system.port}")
    others = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    reached = [address for address in others if _answers(address, system.port)]
    expect(not reached, f"port {system.port} answers on {reached} too")


def _answers(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((address, port)) == 0


def the_doctor_finds_nothing_wrong(system: System) -> None:
    """The documented command: it has every setting and login that it needs, so nothing is left unexamined either."""
    found = json.loads(system.docker("compose", "run", "--rm", "--no-TTY", "doctor", "--strict", "--json"))
    wrong = [each for kind in ("findings", "consequences", "not_checked") for each in found[kind]]
    expect(found["checked"] and not wrong, f"the doctor says {wrong}")


def killed_under_traffic(system: System) -> None:
    before = system.landed_changes()
    demo = system.demo(seconds=40, rate=60)
    try:
        _await_traffic(system, demo, before)
        for name in UNDER_TRAFFIC:
            say(f"  kill {name}")
            system.kill(name)
            system.start(name)
        expect(demo.runs, "the demonstration ended before every container was killed")
        _exact(demo.figures())
    finally:
        demo.end()


def _await_traffic(system: System, demo: Demonstration, before: int) -> None:
    give_up_s = time.monotonic() + LANDING_LIMIT_S
    while system.landed_changes() - before < IN_FULL_SWING:
        if not demo.runs:
            demo.figures()
        expect(demo.runs and time.monotonic() < give_up_s, "no traffic landed")
        time.sleep(0.5)


def killed_at_rest(system: System) -> None:
    for name in AT_REST:
        say(f"  kill {name}")
        system.kill(name)
    system.up(*WORKERS)
    _exact(system.demo(seconds=10, rate=60).figures())


def _exact(figures: dict[str, Any]) -> None:
    """Written is landed, nothing is doubled, every incident is explained by its own cause."""
    changes, lines = figures["changes_committed"], figures["logs_written"]
    say(
        f"  {changes:,} changes and {lines:,} log lines written, {figures['changes_landed']:,} and"
        f" {figures['logs_landed']:,} landed, {figures['lost']} lost, {figures['duplicated']} doubled"
    )
    expect((figures["lost"], figures["duplicated"]) == (0, 0), f"lost or doubled: {figures}")
    expect(figures["changes_landed"] == changes > IN_FULL_SWING, f"changes: {figures}")
    expect(figures["logs_landed"] == lines > IN_FULL_SWING, f"log lines: {figures}")
    causes = {one["name"]: one["correct"] for one in figures["incidents"]}
    say(f"  causes found: {sum(causes.values())} of {len(causes)}")
    expect(len(causes) == 5 and all(causes.values()), f"wrong causes: {figures['incidents']}")


def a_wrong_password_is_named(system: System) -> None:
    """The database keeps the one it was made with."""
    right = system.env_file.read_text()
    system.env_file.write_text(re.sub(r"^(WRITER_PASSWORD)=.*$", r"\1=wrong", right, flags=re.MULTILINE))
    words = system.up(code=1)
    named = re.search(rf"^\s*{system.project}-worker-\d restarts for ever: \d+ times", words, re.MULTILINE)
    expect(named, "the looping container is not named")
    expect("password authentication failed" in words, "its error is not shown")
    system.env_file.write_text(right)
    system.up()


STEPS: tuple[Callable[[System], None], ...] = (
    comes_up,
    nobody_is_root,
    only_the_loopback_is_listened_on,
    the_doctor_finds_nothing_wrong,
    killed_under_traffic,
    killed_at_rest,
    a_wrong_password_is_named,
)


def run(system: System) -> bool:
    """Whether every step went well."""
    for step in STEPS:
        name = step.__name__.replace("_", " ")
        say(f"-> {name}")
        try:
            step(system)
        except (Failed, subprocess.TimeoutExpired) as failure:
            say(f"FAILED {name}: {failure}")
            system.explain()
            return False
        say(f"ok {name}")
    return True


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="clearsight-compose-") as folder:
        system = System(Path(folder))
        try:
            passed = run(system)
        finally:
            say("-> down")
            system.down()
        remains = system.remains()
    if remains:
        say(f"FAILED down left {remains}")
    say("test-compose: passed" if passed and not remains else "test-compose: FAILED")
    return 0 if passed and not remains else 1


if __name__ == "__main__":
    sys.exit(main())
