"""What the stack knows about itself: `stack.json`, written atomically and readable by its owner alone.

The `settings` key is what every program of ours reads (clearsight.settings); the other keys are the supervisor's.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from clearsight.errors import StackError
from clearsight.settings import STACK_FILE

HOST = "127.0.0.1"
SOURCE_DATABASE = "source"
REPORT_DATABASE = "report"
NEW_STATE = f".{STACK_FILE}."
"""How the name of a state begins that is being written."""

CONNECT_VARIABLE = "CLEARSIGHT_SOURCE_PASSWORD"
"""Variable of Kafka Connect's environment: its stored configuration and its answers name it, never the password."""

ROLES = (
    "postgres",
    "forecast_app",
    "clearsight_cdc",
    "clearsight_owner",
    "clearsight_writer",
    "clearsight_api",
    "clearsight_bi",
)
"""Who logs in to PostgreSQL; each has a generated password. The first is the superuser."""


class ProcessRecord(msgspec.Struct, frozen=True):
    """One started program. A pid alone proves nothing: it may be another process's by now."""

    pid: int
    birth: str
    log_offset: int = 0
    """Where its own lines begin in the part's log."""
    ready: bool = False


class StackState(msgspec.Struct):
    """`ports` and `passwords` are chosen once and kept as long as the data; `processes` and `done` end with `down`."""

    settings: dict[str, Any] = {}
    ports: dict[str, int] = {}
    passwords: dict[str, str] = {}
    processes: dict[str, ProcessRecord] = {}
    done: list[str] = []
    """One-shot parts that ran since what they need was started."""

    def complete(self) -> None:
        """Choose the missing passwords and derive the settings from ports and passwords."""
        for role in ROLES:
            self.passwords.setdefault(role, secrets.token_hex(16))
        self.settings = settings_tree(self.ports, self.passwords)


def settings_tree(ports: dict[str, int], passwords: dict[str, str]) -> dict[str, Any]:
    """The part of clearsight.settings.Settings that the stack decides."""

    def dsn(role: str, database: str) -> str:
        return f"postgresql://{role}:{passwords[role]}@{HOST}:{ports['postgres']}/{database}"

    return {
        "source": {"dsn": dsn("clearsight_cdc", SOURCE_DATABASE), "admin_dsn": dsn("postgres", SOURCE_DATABASE)},
        "demo": {"dsn": dsn("forecast_app", SOURCE_DATABASE)},
        "report": {
            "owner_dsn": dsn("clearsight_owner", REPORT_DATABASE),
            "writer_dsn": dsn("clearsight_writer", REPORT_DATABASE),
            "api_dsn": dsn("clearsight_api", REPORT_DATABASE),
        },
        "kafka": {"bootstrap_servers": f"{HOST}:{ports['kafka']}"},
        "connect": {"url": f"http://{HOST}:{ports['connect']}", "password_reference": f"${{env:{CONNECT_VARIABLE}}}"},
        "cloudwatch": {"endpoint_url": f"http://{HOST}:{ports['cloudwatch']}"},
        "api": {"host": HOST, "port": ports["api"]},
    }


def load(home: Path) -> StackState:
    """The state kept in `home`, or a new one. Raises StackError where the file is not readable."""
    path = home / STACK_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=StackState)
    except FileNotFoundError:
        return StackState()
    except OSError as error:
        raise StackError(
            f"{path} cannot be read: {error.strerror}", "mend its rights, or set CLEARSIGHT_HOME to another folder"
        ) from error
    except msgspec.DecodeError as error:
        raise StackError(
            f"{path}: not readable as the stack's state ({type(error).__name__})",
            "run `clearsight down --purge` and `clearsight up`",
        ) from error


def save(home: Path, state: StackState) -> None:
    """Replace the file in one step; a reader sees the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=home, prefix=NEW_STATE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(state), indent=2))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(home / STACK_FILE)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
