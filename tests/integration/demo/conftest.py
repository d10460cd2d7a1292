"""A PostgreSQL of our own, with logical WAL, the demo's role and its schema."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from kit.server import server
from pydantic import SecretStr

from clearsight.demo.schema import prepare
from clearsight.settings import DemoSettings, Settings, SourceSettings


@pytest.fixture(scope="session")
def source() -> Iterator[Settings]:
    """Settings of a prepared source database that lives as long as the tests."""
    with server("wal_level=logical") as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            connection.execute("CREATE ROLE forecast_app LOGIN")
        settings = Settings(
            source=SourceSettings(admin_dsn=SecretStr(made.dsn("postgres"))),
            demo=DemoSettings(dsn=SecretStr(made.dsn("forecast_app"))),
        )
        prepare(settings)
        yield settings


@pytest.fixture
def admin(source: Settings) -> Iterator[psycopg.Connection]:
    assert source.source.admin_dsn
    with psycopg.connect(source.source.admin_dsn.get_secret_value(), autocommit=True) as connection:
        yield connection
