"""Prepare the source database for the demo application: its tables, its rights, and the truth beside them."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from clearsight.errors import SourceError, Unavailable
from clearsight.mapping import Mapping
from clearsight.settings import Settings, required

SCHEMA_SQL = Path(__file__).with_name("schema.sql")
PREPARE_LOCK = 0x434C4541
"""Advisory lock: two preparations at once would race between IF NOT EXISTS and CREATE."""


def prepare(settings: Settings) -> None:
    """Create what is missing; changes nothing that is there. Raises Unavailable, SourceError, ConfigurationError."""
    admin_dsn = required(settings.source.admin_dsn, "source.admin_dsn")
    role = role_of(required(settings.demo.dsn, "demo.dsn"))
    try:
        with psycopg.connect(admin_dsn) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (PREPARE_LOCK,))
            _require_role(connection, role)
            connection.execute(sql.SQL(SCHEMA_SQL.read_text(encoding="utf-8")).format(role=sql.Identifier(role)))
            _grant_deadlock_timeout(connection, role)
            for table, key in truth_keys(settings.mapping):
                _record_truth(connection, table, key)
    except psycopg.OperationalError as error:
        raise Unavailable(
            f"source database: {_first_line(error)}", "start it (`clearsight up`), or correct source.admin_dsn"
        ) from None
    except psycopg.Error as error:
        raise SourceError(
            f"the demo's schema: {_first_line(error)}", "give source.admin_dsn a role that may create it"
        ) from None


def role_of(dsn: str) -> str:
    """The role that a connection string names."""
    return str(conninfo_to_dict(dsn).get("user") or "forecast_app")


def truth_keys(mapping: Mapping) -> list[tuple[str, tuple[str, ...]]]:
    """Each audited table, "schema.table", with the columns whose values make its row key."""
    return [(table.table, table.key) for _, table in mapping.parts()]


def _require_role(connection: psycopg.Connection, role: str) -> None:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    if not found:
        raise SourceError(
            f"role {role} is missing in the source database", f"create it: CREATE ROLE {role} LOGIN PASSWORD …"
        )


def _grant_deadlock_timeout(connection: psycopg.Connection, role: str) -> None:
    """So that the database incident decides who waits for longest, and a run is always the victim."""
    connection.execute(sql.SQL("GRANT SET ON PARAMETER deadlock_timeout TO {}").format(sql.Identifier(role)))


def _record_truth(connection: psycopg.Connection, table: str, key: tuple[str, ...]) -> None:
    target = sql.Identifier(*table.split("."))
    arguments = sql.SQL(", ").join(sql.Literal(column) for column in key)
    connection.execute(
        sql.SQL(
            "CREATE OR REPLACE TRIGGER truth_row AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION truth.record_row({key})"
        ).format(table=target, key=arguments)
    )
    connection.execute(
        sql.SQL(
            "CREATE OR REPLACE TRIGGER truth_truncate AFTER TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION truth.record_truncate()"
        ).format(table=target)
    )


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
