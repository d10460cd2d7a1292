"""A whole running product that tests break one thing at a time, and the list of ways to break it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka.admin import AdminClient
from kit.product import Product
from kit.waiting import until
from pydantic import SecretStr

from clearsight.cli.examination import Limits, examine
from clearsight.doctor.catalogue import AREAS
from clearsight.doctor.finding import Report
from clearsight.mapping_file import DEFAULT_MAPPING
from clearsight.settings import Settings

PATIENT = Limits(whole_s=60)
"""For a machine that is busy with other things."""

Breakage = Callable[["World"], Report]
BREAKAGES: dict[str, Breakage] = {}
"""Code → breaks what it finds for real, looks, and mends it again."""


def breaks(code: str) -> Callable[[Breakage], Breakage]:
    def note(breakage: Breakage) -> Breakage:
        assert code not in BREAKAGES
        BREAKAGES[code] = breakage
        return breakage

    return note


class World:
    """`settings` are the running product's; `folder` is for files that a test writes."""

    def __init__(self, product: Product, settings: Settings, folder: Path) -> None:
        self.product = product
        self.settings = settings
        self.folder = folder
        self.kafka = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers})

    def examine(
        self, *areas: str, limits: Limits | None = None, settings: Settings | None = None, **changes: Any
    ) -> Report:
        """With `changes` in the settings, as section={name: value}."""
        return examine(settings or self.changed(**changes), areas or AREAS, limits or PATIENT)

    def settle(self, *areas: str) -> None:
        """Wait until nothing is wrong any more."""

        def is_settled() -> bool:
            report = self.examine(*areas)
            return not (report.findings or report.consequences or report.not_checked)

        until(is_settled, f"nothing is wrong with {', '.join(areas) or 'anything'}")

    def changed(self, mapping_file: Path | None = None, **changes: dict[str, Any]) -> Settings:
        sections = {name: getattr(self.settings, name).model_copy(update=values) for name, values in changes.items()}
        file = mapping_file or self.settings.mapping_file
        changed = self.settings.model_copy(update={**sections, "mapping_file": file})
        changed.__dict__.pop("mapping", None)  # parsed once; the copy would keep it
        return changed

    def mapping_file(self, old: str, new: str) -> Path:
        """The demo's mapping file with a change in it."""
        text = DEFAULT_MAPPING.read_text()
        assert old in text
        path = self.folder / f"{time.monotonic_ns()}.toml"
        path.write_text(text.replace(old, new))
        return path

    def forget_gaps(self) -> None:
        """Once the worker has heard that all tables are published: until then it may find another one."""
        assert self.settings.report.owner_dsn
        since = datetime.now(UTC)
        query = "SELECT sign -> 'tables' FROM rpt.source_state WHERE beat_at > %s"
        with psycopg.connect(self.settings.report.owner_dsn.get_secret_value(), autocommit=True) as connection:

            def heard() -> bool:
                row = connection.execute(query, [since]).fetchone()
                return row is not None and set(row[0]) >= set(self.settings.mapping.tables())

            until(heard, "a heartbeat says that all tables are published")
            connection.execute("DELETE FROM rpt.gap")

    @contextmanager
    def source(self, statement: str, undo: str) -> Iterator[None]:
        """As the source's administrator."""
        assert self.settings.source.admin_dsn
        with undone(self.settings.source.admin_dsn, statement, undo):
            yield

    @contextmanager
    def report(self, statement: str, undo: str) -> Iterator[None]:
        """As the reporting database's owner."""
        assert self.settings.report.owner_dsn
        with undone(self.settings.report.owner_dsn, statement, undo):
            yield


@contextmanager
def undone(dsn: SecretStr, statement: str, undo: str) -> Iterator[None]:
    execute(dsn.get_secret_value(), statement)
    try:
        yield
    finally:
        execute(dsn.get_secret_value(), undo)


def execute(dsn: str, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for each in statement.split(";"):
            connection.execute(each.encode())


def elsewhere(dsn: SecretStr | None, port: int = 1) -> SecretStr:
    """The same at a port where nobody listens."""
    assert dsn
    head, _, tail = dsn.get_secret_value().rpartition("@")
    return SecretStr(f"{head}@127.0.0.1:{port}/{tail.partition('/')[2]}")


def with_password(dsn: SecretStr | None, password: str) -> SecretStr:
    assert dsn
    scheme, _, rest = dsn.get_secret_value().partition("://")
    user, _, place = rest.partition(":")[0], None, rest.rpartition("@")[2]
    return SecretStr(f"{scheme}://{user}:{password}@{place}")


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """boto3 reads its credentials from there and from nowhere else."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
