"""Prepares and checks the application's database: a role that can only read, a publication, full replica identity."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from clearsight.addresses import require_dsn
from clearsight.errors import SourceError, Unavailable
from clearsight.mapping import Mapping
from clearsight.proposal.catalogue import Catalogue
from clearsight.proposal.misfits import misfits
from clearsight.proposal.needs import (
    audited,
    full_identity,
    publication_options,
    stored_columns,
    without_full_identity,
)
from clearsight.settings import SourceSettings, required
from clearsight.tables import TableName
from connectors.debezium.catalogue import read_catalogue

_CONNECT_TIMEOUT_S = 10


class Facts(NamedTuple):
    """What the preparation must know of the tables: see `facts`."""

    role: bool = False
    """The role is there already."""
    publication: bool = False
    """The publication is there already."""
    catalogue: Catalogue | None = None
    """None where nobody looked at the tables: then leaves of partitioned ones are not known."""
    partitioned: bool = False
    stored_generated: bool = False
    """On PostgreSQL 18 or newer, a table with stored generated columns could not be updated any more unless they are
    published: its replica identity would not be whole."""


UNKNOWN = Facts()
_BLIND = """-- Written without a look at the tables. Where one is partitioned or has generated columns, this is not enough, and
-- PostgreSQL 18 would refuse the application's updates: take `clearsight init --check FILE --source DSN --sql` instead.
"""


def facts(catalogue: Catalogue, mapping: Mapping) -> Facts:
    """Of a source that has neither role nor publication yet."""
    tables = audited(mapping, catalogue)
    return Facts(
        catalogue=catalogue,
        partitioned=any(table.kind == "partitioned" for _, table in tables),
        stored_generated=any(stored_columns(mapped, table, catalogue) for mapped, table in tables),
    )


def preparation(
    source: SourceSettings, mapping: Mapping, database: str, has: Facts, password: str
) -> list[sql.Composed]:
    """The SQL that prepares a source, for its administrator; see `clearsight register --print-sql`.

    `password` is that of the connector's role, best as a SCRAM verifier: statements are logged by many servers.
    """
    role, publication = sql.Identifier(source.role), sql.Identifier(source.publication)
    parsed = [TableName.parse(table) for table in mapping.tables()]
    names = sql.SQL(", ").join(sql.Identifier(*table) for table in parsed)
    schemas = sql.SQL(", ").join(sql.Identifier(schema) for schema in sorted({table.schema for table in parsed}))
    return [
        sql.SQL(
            "{verb} ROLE {role} WITH LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {password}"
        ).format(verb=sql.SQL("ALTER" if has.role else "CREATE"), role=role, password=sql.Literal(password)),
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), role),
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schemas, role),
        sql.SQL("GRANT SELECT ON {} TO {}").format(names, role),
        *_publication(publication, names, has),
        *(
            sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(sql.Identifier(*table))
            for table in full_identity(mapping, has.catalogue)
        ),
    ]


def _publication(publication: sql.Identifier, names: sql.Composed, has: Facts) -> list[sql.Composed]:
    """Before the replica identity: a table whose columns were not all published could not be updated in between."""
    options = publication_options(has.partitioned, has.stored_generated)
    listed = sql.SQL("({})").format(sql.SQL(", ").join(sql.SQL(option) for option in options))
    if not has.publication:
        made = sql.SQL("CREATE PUBLICATION {} FOR TABLE {}").format(publication, names)
        return [sql.SQL("{} WITH {}").format(made, listed) if options else made]
    return [
        *([sql.SQL("ALTER PUBLICATION {} SET {}").format(publication, listed)] if options else []),
        sql.SQL("ALTER PUBLICATION {} SET TABLE {}").format(publication, names),
    ]


def preparation_text(
    source: SourceSettings, mapping: Mapping, has: Facts = UNKNOWN, database: str = "<database>"
) -> str:
    """The SQL as text, with a place for the password instead of it; it says so where the tables were not looked at."""
    statements = preparation(source, mapping, database, has, "<password>")
    text = "".join(f"{statement.as_string()};\n" for statement in statements)
    return _BLIND + text if has is UNKNOWN else text


def prepare(source: SourceSettings, mapping: Mapping) -> None:
    """Prepare the source with its administrator's role. Safe to run again.

    Raises SourceError where WAL is not logical or the mapping does not fit the tables, Unavailable where the database
    does not answer.
    """
    with connect(required(source.admin_dsn, "source.admin_dsn"), "CLEARSIGHT_SOURCE__ADMIN_DSN") as connection:
        catalogue = check(connection, mapping)
        has = facts(catalogue, mapping)._replace(
            role=_exists(connection, "SELECT 1 FROM pg_roles WHERE rolname = %s", source.role),
            publication=_exists(connection, "SELECT 1 FROM pg_publication WHERE pubname = %s", source.publication),
        )
        with connection.transaction():
            database, verifier = connection.info.dbname, _verifier(connection, source)
            for statement in preparation(source, mapping, database, has, verifier):
                connection.execute(statement)


def check_source(source: SourceSettings, mapping: Mapping) -> None:
    """Check the source with the connector's own role. Raises as `prepare` does."""
    with connect(required(source.dsn, "source.dsn"), "CLEARSIGHT_SOURCE__DSN") as connection:
        catalogue = check(connection, mapping)
    for _, partial in without_full_identity(mapping, catalogue):
        raise SourceError(
            f"{partial} has not REPLICA IDENTITY FULL: what a row was before a change would be made up",
            f"run ALTER TABLE {sql.Identifier(*partial).as_string()} REPLICA IDENTITY FULL on the source, "
            "or `clearsight register --prepare`",
        )


def check(connection: Connection[Any], mapping: Mapping) -> Catalogue:
    """The catalogue of the mapped schemas. Raises SourceError naming the first thing that is wrong with this source."""
    catalogue = read_catalogue(connection, {TableName.parse(table).schema for table in mapping.tables()})
    if catalogue.wal_level != "logical":
        raise SourceError(
            f"the source's wal_level is {catalogue.wal_level}, it must be logical",
            "run ALTER SYSTEM SET wal_level = logical on the source and restart it",
        )
    for misfit in misfits(mapping, catalogue):
        raise SourceError(misfit.message, misfit.mend)
    return catalogue


def connect(dsn: str, named: str) -> Connection[Any]:
    """To a source database. `named` says where the address came from.

    Raises ConfigurationError where it is none, Unavailable with the server's reason. Neither holds a password.
    """
    try:
        return psycopg.connect(require_dsn(dsn, named), autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S)
    except psycopg.OperationalError as error:
        reason = (str(error).strip().splitlines() or ["no answer"])[0]
        raise Unavailable(f"the source database did not answer: {reason}", f"check {named}") from None


def _exists(connection: Connection[Any], query: str, name: str) -> bool:
    return connection.execute(query.encode(), [name]).fetchone() is not None


def _verifier(connection: Connection[Any], source: SourceSettings) -> str:
    """What PostgreSQL keeps of the password in source.dsn."""
    password = str(conninfo_to_dict(required(source.dsn, "source.dsn")).get("password", ""))
    made = connection.pgconn.encrypt_password(password.encode(), source.role.encode(), b"scram-sha-256")
    return made.decode()
