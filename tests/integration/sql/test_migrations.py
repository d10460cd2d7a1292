"""The migrated schema and the models agree; roles can do what they must and no more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from kit.server import server
from sqlalchemy import create_engine

from clearsight.errors import ConfigurationError, Unavailable
from sql.engine import sqlalchemy_url
from sql.migrate import current_revision, migrate, newest_revision
from sql.models import METADATA, PARTITIONED, SCHEMA, view_scenario_audit_trail

pytestmark = pytest.mark.integration


def test_models_and_migrated_schema_agree(report_database: Any) -> None:
    engine = create_engine(sqlalchemy_url(report_database.owner_dsn))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_schemas": True, "version_table_schema": SCHEMA, "compare_type": True}
        )
        assert compare_metadata(context, METADATA) == []
        assert current_revision(connection) == newest_revision()
        columns = connection.exec_driver_sql("SELECT * FROM rpt.view_scenario_audit_trail LIMIT 0").keys()
        assert list(columns) == [column.name for column in view_scenario_audit_trail.columns]
    engine.dispose()


def test_migrating_again_changes_nothing(report_database: Any) -> None:
    assert migrate(report_database.owner_dsn) == newest_revision()


def test_two_at_once_wait_for_each_other(report_database: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(migrate, [report_database.owner_dsn] * 2)) == {newest_revision()}


def test_a_month_is_made_once_by_two_workers(report_database: Any) -> None:
    def ensure(_: int) -> None:
        with psycopg.connect(report_database.writer_dsn, autocommit=True) as connection:
            connection.execute("SELECT rpt.ensure_month('2031-12-31T23:30:00-05:00')")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ensure, range(4)))
    with psycopg.connect(report_database.owner_dsn) as connection:
        made = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE '%\\_203201'").fetchall()
    assert {name for (name,) in made} == {f"{fact}_203201" for fact in PARTITIONED}


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        ("writer_dsn", "DELETE FROM rpt.fact_row_change"),
        ("writer_dsn", "TRUNCATE rpt.dead_letter"),
        ("writer_dsn", "CREATE TABLE rpt.mine (id int)"),
        ("writer_dsn", "DROP TABLE rpt.gap"),
        ("api_dsn", "INSERT INTO rpt.correlation VALUES ('x', now())"),
        ("api_dsn", "UPDATE rpt.dim_user SET name = 'x'"),
        ("api_dsn", "SELECT rpt.ensure_month(now())"),
    ],
)
def test_least_privilege(report_database: Any, role: str, statement: str) -> None:
    with (
        psycopg.connect(getattr(report_database, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


def test_missing_roles_are_named() -> None:
    with server() as made, pytest.raises(ConfigurationError, match="clearsight_writer") as caught:
        migrate(made.dsn("postgres"))
    assert "sql/roles.sql" in caught.value.mend


def test_a_database_that_is_away_shows_no_secret() -> None:
    with pytest.raises(Unavailable) as caught:
        migrate("postgresql://owner:secret-word@127.0.0.1:1/report")
    assert "secret-word" not in str(caught.value)


def test_a_refused_login_is_told_from_a_database_that_is_away() -> None:
    with server() as bare, pytest.raises(Unavailable) as caught:
        migrate(bare.dsn("nobody_of_this_name"))
    assert "refused the login" in caught.value.message
    assert "CLEARSIGHT_REPORT__OWNER_DSN" in caught.value.mend
    with pytest.raises(Unavailable) as away:
        migrate("postgresql://u@127.0.0.1:1/x")
    assert away.value.mend.startswith("start it")
