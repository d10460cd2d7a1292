"""PostgreSQL from its wheel: one server with the application's database and the reporting one."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import psycopg
from psycopg import sql

from clearsight.errors import StackError
from clearsight.stack import processes
from clearsight.stack.home import check_room
from clearsight.stack.part import Launch, Part, Site
from clearsight.stack.place import Place, binaries, place, purge, root_of
from clearsight.stack.state import HOST, REPORT_DATABASE, ROLES, SOURCE_DATABASE

SCRATCH = "data.new"
INIT_LIMIT_S = 120
ORPHAN_LIMIT_S = 5.0
LOGIN_REFUSED = "password authentication failed"

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "max_slot_wal_keep_size": "4GB",
    "track_commit_timestamp": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_checkpoints": "off",
}
"""For a small machine that other parts share. A slot that nobody reads may hold back 4 GB, not the whole disk."""


def launch(site: Site) -> Launch:
    """Make the cluster where there is none, clear what a killed server left, and say how to start."""
    where = place(site)
    check_room(shutil.disk_usage(where.root).free, where.root)
    programs = binaries(where)
    _clear_remains(where)
    if not where.data.exists():
        _init(where, programs, site)
    options = {**SETTINGS, "port": str(site.ports["postgres"]), **_preload(programs)}
    arguments = [text for name, value in options.items() for text in ("-c", f"{name}={value}")]
    return Launch(
        (str(programs / "postgres"), "-D", str(where.data), *arguments), account=where.account, folder=where.root
    )


def _preload(programs: Path) -> dict[str, str]:
    library = programs.parent / "lib" / "pg_stat_statements.so"
    return {"shared_preload_libraries": "pg_stat_statements"} if library.exists() else {}


def _init(where: Place, programs: Path, site: Site) -> None:
    """Under another name first: an interrupted initdb is never taken for a cluster."""
    scratch = where.root / SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    password_file = _password_file(where, site.passwords["postgres"])
    command = (
        *(str(programs / "initdb"), "-D", str(scratch), "-U", "postgres", "-A", "scram-sha-256"),
        *(f"--pwfile={password_file}", "-E", "UTF8", "--no-instructions"),
        *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    )
    problem = processes.run(
        "postgres", site.home, Launch(command, account=where.account, folder=where.root), INIT_LIMIT_S
    )
    password_file.unlink()
    if problem:
        raise StackError(
            f"PostgreSQL cannot make its data folder {scratch}: {problem}", "make room there, or mend its rights"
        )
    scratch.rename(where.data)


def _password_file(where: Place, password: str) -> Path:
    path = where.root / "password.new"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(f"{password}\n")
    if where.account:
        os.chown(path, where.account.uid, where.account.gid)
    return path


def _clear_remains(where: Place) -> None:
    """After a kill -9: wait for the orphans to notice, end those that do not, and drop the stale pid file.

    The server would refuse to start if the pid in that file were another process's by now.
    """
    orphans = processes.inside(where.data, "postgres")
    processes.end(processes.still_there(orphans, ORPHAN_LIMIT_S), signal.SIGKILL)
    (where.data / "postmaster.pid").unlink(missing_ok=True)


def answers(site: Site) -> bool:
    """SELECT 1. Raises StackError where the data belongs to another stack.json."""
    try:
        with psycopg.connect(site.dsn("postgres", "postgres"), connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError as error:
        if LOGIN_REFUSED in str(error):
            raise StackError(
                "PostgreSQL refuses the password of stack.json: its data is of an earlier stack",
                "run `clearsight down --purge` and `clearsight up`",
            ) from None
        return False


def settle(site: Site) -> None:
    """The login roles and the two databases, made where they are missing."""
    with psycopg.connect(site.dsn("postgres", "postgres"), autocommit=True) as connection:
        roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
        for role in ROLES:
            if role not in roles:
                _create_role(connection, role, site.passwords[role])
        connection.execute("ALTER ROLE clearsight_writer BYPASSRLS")  # or it could not COPY
        for limit in ("join_collapse_limit", "from_collapse_limit"):  # or views of joins are joined one by one
            connection.execute(sql.SQL("ALTER ROLE clearsight_bi SET {} = 20").format(sql.Identifier(limit)))
        connection.execute("ALTER ROLE clearsight_bi SET statement_timeout = '60s'")
        databases = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for name, owner, guests in (
            (SOURCE_DATABASE, "postgres", ("forecast_app", "clearsight_cdc")),
            (REPORT_DATABASE, "clearsight_owner", ("clearsight_writer", "clearsight_api", "clearsight_bi")),
        ):
            if name not in databases:
                _create_database(connection, name, owner)
            _admit(connection, name, guests)


def _create_role(connection: psycopg.Connection, role: str, password: str) -> None:
    """With the verifier computed here, so that the password never stands in a statement or a log."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    replication = sql.SQL("REPLICATION" if role == "clearsight_cdc" else "NOREPLICATION")
    connection.execute(
        sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(sql.Identifier(role), replication, sql.Literal(verifier))
    )


def _create_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))


def _admit(connection: psycopg.Connection, database: str, guests: tuple[str, ...]) -> None:
    name = sql.Identifier(database)
    connection.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(name))
    roles = sql.SQL(", ").join(map(sql.Identifier, guests))
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(name, roles))


def sweep(site: Site, in_order: bool) -> None:
    """Whoever outlived a killed server."""
    if not in_order and (root := root_of(site.home)).exists():
        _clear_remains(Place(root, None))


def part() -> Part:
    """Fast shutdown is SIGINT: at SIGTERM the server would wait until its last client leaves."""
    return Part(
        "postgres",
        launch,
        ready=answers,
        settle=settle,
        swept=sweep,
        purge=purge,
        endpoint=lambda site: site.address("postgres"),
        ports=("postgres",),
        stop_signal=signal.SIGINT,
    )
