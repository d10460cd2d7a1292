"""Prepares and checks the application's database: a role that can only read, a publication, full replica identity."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from clearsight.errors import SourceError, Unavailable
from clearsight.mapping import AnyTable, Mapping
from clearsight.settings import SourceSettings, required

_CONNECT_TIMEOUT_S = 10


def preparation(
    source: SourceSettings, tables: tuple[str, ...], database: str, has: _Present, password: str
) -> list[sql.Composed]:
    """The SQL that prepares a source, for its administrator; see `clearsight register --print-sql`.

    `password` is that of the connector's role, best as a SCRAM verifier: statements are logged by many servers.
    """
    role, publication = sql.Identifier(source.role), sql.Identifier(source.publication)
    names = sql.SQL(", ").join(_name(table) for table in tables)
    schemas = sql.SQL(", ").join(sql.Identifier(schema) for schema in sorted({table.split(".")[0] for table in tables}))
    return [
        sql.SQL(
            "{verb} ROLE {role} WITH LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {password}"
        ).format(verb=sql.SQL("ALTER" if has.role else "CREATE"), role=role, password=sql.Literal(password)),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), role),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schemas, role),
        sql.SQL("GRANT SELECT ON {} TO {}").format(names, role),
        *(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(_name(table)) for table in tables),
        sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(publication, names)
        if has.publication
        else sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(publication, names),
    ]


class _Present:
    """What a source has already."""

    def __init__(self, role: bool = False, publication: bool = False) -> None:
        self.role = role
        self.publication = publication


def preparation_text(source: SourceSettings, tables: tuple[str, ...]) -> str:
    """The SQL as text, with a place for the password instead of it."""
    statements = preparation(source, tables, "<database>", _Present(), "<password>")
    return "".join(f"{statement.as_string()};\n" for statement in statements)


def prepare(source: SourceSettings, mapping: Mapping) -> None:
    """Prepare the source with its administrator's role. Safe to run again.

    Raises SourceError where WAL is not logical or a table or column of the mapping is missing, Unavailable where the
    database does not answer.
    """
    with _connect(required(source.admin_dsn, "source.admin_dsn")) as connection:
        check(connection, mapping)
        has = _Present(
            role=_exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", source.role),
            publication=_exists(connection, "SELECT 1 FROM pg_publication WHERE pubname = %s", source.publication),
        )
        with connection.transaction():
            database, verifier = connection.info.dbname, _verifier(connection, source)
            for statement in preparation(source, mapping.tables(), database, has, verifier):
                connection.execute(statement)


def check_source(source: SourceSettings, mapping: Mapping) -> None:
    """Check the source with the connector's own role. Raises as `prepare` does."""
    with _connect(required(source.dsn, "source.dsn")) as connection:
        check(connection, mapping)
        partial = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE oid = ANY(%s::regclass[]) AND relreplident <> 'f'",
            [[_name(table).as_string(connection) for table in mapping.tables()]],
        ).fetchall()
        if partial:
            raise SourceError(
                f"{partial[0][0]} has not REPLICA IDENTITY FULL: what a row was before a change would be made up",
                f"run ALTER TABLE {partial[0][0]} REPLICA IDENTITY FULL on the source, or `clearsight register --prepare`",
            )


def check(connection: Connection[Any], mapping: Mapping) -> None:
    """Raises SourceError naming what is wrong with this source."""
    level = connection.execute("SHOW wal_level").fetchall()[0][0]
    if level != "logical":
        raise SourceError(
            f"the source's wal_level is {level}, it must be logical",
            "run ALTER SYSTEM SET wal_level = logical on the source and restart it",
        )
    for part, table in mapping.parts():
        columns = {
            row[0]
            for row in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
                [sql.Identifier(*table.table.split(".")).as_string(connection)],
            )
        }
        if not columns:
            raise SourceError(
                f"the mapping file names {table.table} as {part}, and the source has no such table",
                f"correct [source.{part}] in the mapping file, or create the table",
            )
        absent = [column for column in _columns(table) if column not in columns]
        if absent:
            raise SourceError(
                f"the mapping file names the column {absent[0]} of {table.table}, and the table has none of that name",
                f"correct [source.{part}] in the mapping file",
            )


def _columns(table: AnyTable) -> list[str]:
    """The columns that a part of the mapping names."""
    named: list[str] = []
    for field in table.__struct_fields__:
        value = getattr(table, field)
        if field in ("table", "succeeded", "failed") or value is None:
            continue
        named += value.values() if isinstance(value, dict) else [value] if isinstance(value, str) else value
    return named


def _connect(dsn: str) -> Connection[Any]:
    try:
        return psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
    except psycopg.OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no answer"])[0]
        raise Unavailable(f"the source database did not answer: {reason}", "check CLEARSIGHT_SOURCE__DSN") from None


def _exists(connection: Connection[Any], query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(*table.split("."))


def _verifier(connection: Connection[Any], source: SourceSettings) -> str:
    """What PostgreSQL keeps of the password in source.dsn."""
    password = str(conninfo_to_dict(required(source.dsn, "source.dsn")).get("password", ""))
    made = connection.pgconn.encrypt_password(password.encode(), source.role.encode(), b"scram-sha-256")
    return made.decode()
