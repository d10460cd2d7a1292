"""What tests of every level may ask for: real parts, started once a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples
from kit.stacks import stack_of
from psycopg import sql

from clearsight.stack.supervisor import Stack

examples.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("any machine")
"""How long an example takes is the machine's affair."""


@pytest.fixture(scope="session")
def postgres_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running PostgreSQL with the product's roles."""
    with stack_of(tmp_path_factory.mktemp("postgres"), "postgres") as stack:
        yield stack


class ReportDatabase:
    """A migrated reporting database of its own."""

    def __init__(self, owner: str, writer: str, api: str) -> None:
        self.owner_dsn = owner
        self.writer_dsn = writer
        self.api_dsn = api


@pytest.fixture(scope="session")
def new_report_database(postgres_stack: Stack) -> Callable[[], ReportDatabase]:
    """Makes a migrated, empty reporting database."""
    from sql.migrate import migrate

    dsn = postgres_stack.site().dsn

    def make() -> ReportDatabase:
        name = f"report_{uuid4().hex[:12]}"
        with psycopg.connect(dsn("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER clearsight_owner").format(sql.Identifier(name)))
        roles = ("clearsight_owner", "clearsight_writer", "clearsight_api")
        database = ReportDatabase(*(dsn(role, name) for role in roles))
        migrate(database.owner_dsn)
        return database

    return make


@pytest.fixture
def report_database(new_report_database: Callable[[], ReportDatabase]) -> ReportDatabase:
    return new_report_database()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that need it skip where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real data set is not beside this checkout")
    return path
