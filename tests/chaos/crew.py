"""Workers beside the stack's own: they join, leave and die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

LEAVE_LIMIT_S = 60.0


class Crew:
    """Extra workers of one stack, the oldest first. Not safe for threads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._members: list[subprocess.Popen[bytes]] = []
        self._hired = 0

    @property
    def members(self) -> list[subprocess.Popen[bytes]]:
        """Those that still run. One that stopped by itself, as a fenced worker does, is no longer counted."""
        self._members = [member for member in self._members if member.poll() is None]
        return self._members

    def hire(self) -> None:
        self._hired += 1
        log = self._home / "logs" / f"extra-worker-{self._hired}.log"
        with log.open("ab") as output:
            member = subprocess.Popen(
                [sys.executable, "-m", "clearsight", "worker"],
                env={**os.environ, "CLEARSIGHT_HOME": str(self._home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._members.append(member)

    def dismiss(self, how: signal.Signals) -> None:
        """Ask the oldest to leave, or kill it."""
        member = self.members[0]
        member.send_signal(how)

    def disband(self) -> None:
        """In good order where that goes within the limit."""
        for member in self.members:
            member.terminate()
        for member in self._members:
            try:
                member.wait(LEAVE_LIMIT_S)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()
