"""Reads the catalogue of the audited application's database, in one transaction that cannot write."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import Connection, sql
from psycopg.rows import namedtuple_row

from clearsight.proposal.catalogue import Catalogue, Column, ForeignKey, Kind, Table, TypeFamily
from clearsight.tables import TableName

STATEMENT_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 1_000
SAMPLE_ROWS = 1_000
SAMPLE_VALUES = 20
"""A column with more different values than this is no status."""
_SAMPLE_TIMEOUT_MS = 500

_TABLES: LiteralString = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text AS kind, c.relispartition, c.relpersistence::text AS persistence,
       c.relreplident = 'f' AS full_identity, CASE WHEN c.reltuples >= 0 THEN c.reltuples::bigint END AS rows
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
   AND (%(schemas)s::text[] IS NULL OR n.nspname = ANY (%(schemas)s))
   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY n.nspname, c.relname
"""
_COLUMNS: LiteralString = """
WITH RECURSIVE base (domain, type, modifier) AS (
    SELECT oid, typbasetype, typtypmod FROM pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT base.domain, t.typbasetype, t.typtypmod FROM base JOIN pg_type t ON t.oid = base.type AND t.typtype = 'd'
)
SELECT a.attrelid, a.attname, a.attnum, a.attnotnull, a.attgenerated::text AS generated, a.atttypid AS declared,
       t.oid AS type, t.typname, t.typcategory::text AS category, t.typtype::text AS typtype,
       format_type(t.oid, coalesce(base.modifier, a.atttypmod)) AS spelled
  FROM pg_attribute a
  LEFT JOIN (SELECT base.* FROM base JOIN pg_type e ON e.oid = base.type AND e.typtype <> 'd') base
         ON base.domain = a.atttypid
  JOIN pg_type t ON t.oid = coalesce(base.type, a.atttypid)
 WHERE a.attrelid = ANY (%(tables)s) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum
"""
_ENUMS: LiteralString = """
SELECT enumtypid, array_agg(enumlabel::text ORDER BY enumsortorder) AS labels FROM pg_enum GROUP BY enumtypid
"""
_CHECKS: LiteralString = """
SELECT conrelid, conkey[1] AS attnum, contypid, pg_get_constraintdef(oid) AS definition FROM pg_constraint
 WHERE contype = 'c' AND (contypid <> 0 OR (conrelid = ANY (%(tables)s) AND cardinality(conkey) = 1))
"""
_FOREIGN_KEYS: LiteralString = """
SELECT conrelid, confrelid, conkey, confkey FROM pg_constraint
 WHERE contype = 'f' AND conrelid = ANY (%(tables)s) AND conparentid = 0 ORDER BY conrelid, conname
"""
_UNIQUE: LiteralString = """
SELECT i.indrelid, i.indisprimary, (i.indkey::int2[])[0 : i.indnkeyatts - 1] AS columns FROM pg_index i
 WHERE i.indrelid = ANY (%(tables)s) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
 ORDER BY i.indrelid, i.indexrelid
"""
_LEAVES: LiteralString = """
SELECT p.oid AS parent, n.nspname, c.relname, c.relreplident = 'f' AS full_identity
  FROM pg_class p CROSS JOIN LATERAL pg_partition_tree(p.oid) leaf
  JOIN pg_class c ON c.oid = leaf.relid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE p.oid = ANY (%(tables)s) AND p.relkind = 'p' AND leaf.isleaf ORDER BY p.oid, n.nspname, c.relname
"""

_FAMILIES: dict[str, TypeFamily] = {
    "timestamptz": "time",
    "timestamp": "time",
    "date": "date",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}
_CATEGORIES: dict[str, TypeFamily] = {"S": "text", "E": "text", "N": "number", "B": "boolean"}
_KINDS: dict[str, Kind] = {"r": "table", "p": "partitioned", "v": "view", "m": "view", "f": "foreign"}
_LISTED = re.compile(r"= ANY \(|\) OR \(|^CHECK \(\(.* = '")
_LITERAL = re.compile(r"'((?:[^']|'')*)'")


@contextmanager
def only_reading(connection: Connection[Any]) -> Iterator[None]:
    """One transaction that cannot write, does not wait for locks, and gives up on a statement after 5 s."""
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        for name, value in (
            ("statement_timeout", str(STATEMENT_TIMEOUT_MS)),
            ("lock_timeout", str(LOCK_TIMEOUT_MS)),
            ("search_path", "pg_catalog"),
        ):
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        yield


def read_catalogue(connection: Connection[Any], schemas: Collection[str] | None = None) -> Catalogue:
    """Tables and views of these schemas, all but PostgreSQL's own where it is None. Needs no right but CONNECT."""
    found = _rows(connection, _TABLES, schemas=None if schemas is None else list(schemas))
    names = {row.oid: TableName(row.nspname, row.relname) for row in found}
    columns, numbered = _columns(connection, list(names))
    foreign = _foreign(connection, names, numbered)
    primary, unique = _unique(connection, numbered, columns, list(names))
    leaves = _leaves(connection, list(names))
    tables = (
        Table(
            name=names[row.oid],
            kind="partition" if row.relispartition else _KINDS[row.kind],
            columns=tuple(columns[row.oid].values()),
            primary=primary.get(row.oid, ()),
            unique=tuple(unique[row.oid]),
            foreign=tuple(foreign[row.oid]),
            rows=row.rows,
            logged=row.persistence != "u",
            full_identity=row.full_identity,
            partitions=tuple(name for name, _ in leaves[row.oid]),
            partial_partitions=tuple(name for name, full in leaves[row.oid] if not full),
        )
        for row in found
    )
    level = connection.execute("SELECT current_setting('wal_level')").fetchall()[0][0]
    return Catalogue(
        database=connection.info.dbname,
        server_version=connection.info.server_version,
        wal_level=level,
        tables=tuple(tables),
    )


def sampled_values(
    connection: Connection[Any], wanted: Iterable[tuple[TableName, str]]
) -> dict[tuple[TableName, str], tuple[str, ...]]:
    """The values that these columns have in their table's first 1,000 rows. Left out: what may not be read, what takes
    longer than half a second, and columns with more than 20 values."""
    found = {}
    for table, column in wanted:
        values = _sample(connection, table, column) if _readable(connection, table, column) else ()
        if 0 < len(values) <= SAMPLE_VALUES:
            found[table, column] = values
    return found


def _readable(connection: Connection[Any], table: TableName, column: str) -> bool:
    row = connection.execute(
        "SELECT has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')"
        "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s",
        [table.schema, table.name, column],
    ).fetchone()
    return bool(row and row[0])


def _sample(connection: Connection[Any], table: TableName, column: str) -> tuple[str, ...]:
    query = sql.SQL(
        'SELECT DISTINCT value::text COLLATE "C" FROM (SELECT {column} AS value FROM {table} LIMIT {rows}) AS sample'
        " WHERE value IS NOT NULL ORDER BY 1 LIMIT {values}"
    ).format(
        column=sql.Identifier(column),
        table=sql.Identifier(*table),
        rows=sql.Literal(SAMPLE_ROWS),
        values=sql.Literal(SAMPLE_VALUES + 1),
    )
    try:
        with connection.transaction():  # a savepoint: its failure is not the end of the outer transaction
            connection.execute("SELECT set_config('statement_timeout', %s, true)", [str(_SAMPLE_TIMEOUT_MS)])
            return tuple(value for (value,) in connection.execute(query).fetchall())
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable, psycopg.errors.InsufficientPrivilege):
        return ()


def _rows(connection: Connection[Any], query: LiteralString, **parameters: Any) -> list[Any]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _columns(
    connection: Connection[Any], tables: list[int]
) -> tuple[dict[int, dict[str, Column]], dict[int, dict[int, str]]]:
    """By table the columns by name, and their names by number."""
    labels = {row.enumtypid: tuple(row.labels) for row in _rows(connection, _ENUMS)}
    of_column, of_domain = _check_values(connection, tables)
    columns: dict[int, dict[str, Column]] = defaultdict(dict)
    numbered: dict[int, dict[int, str]] = defaultdict(dict)
    for row in _rows(connection, _COLUMNS, tables=tables):
        values = of_column.get((row.attrelid, row.attnum)) or of_domain.get(row.declared) or labels.get(row.type, ())
        numbered[row.attrelid][row.attnum] = row.attname
        columns[row.attrelid][row.attname] = Column(
            name=row.attname,
            type=row.spelled,
            family=_FAMILIES.get(row.typname) or _CATEGORIES.get(row.category, "other"),
            not_null=row.attnotnull,
            generated={"s": "stored", "v": "virtual"}.get(row.generated, ""),  # type: ignore[arg-type]
            values=values,
        )
    return columns, numbered


def _check_values(
    connection: Connection[Any], tables: list[int]
) -> tuple[dict[tuple[int, int], tuple[str, ...]], dict[int, tuple[str, ...]]]:
    """The values that a CHECK allows, by column and by domain, where it is a list of literals."""
    of_column, of_domain = {}, {}
    for row in _rows(connection, _CHECKS, tables=tables):
        values = listed_values(row.definition)
        if values and row.contypid:
            of_domain[row.contypid] = values
        elif values:
            of_column[row.conrelid, row.attnum] = values
    return of_column, of_domain


def listed_values(definition: str) -> tuple[str, ...]:
    """Of `CHECK ((status = ANY (ARRAY['draft'::text, …])))` and alike; () for every other constraint."""
    if not _LISTED.search(definition) or re.search(r"<>|!=|~|[<>]=?\s|length\(", definition):
        return ()
    return tuple(dict.fromkeys(value.replace("''", "'") for value in _LITERAL.findall(definition)))


def _foreign(
    connection: Connection[Any], names: dict[int, TableName], numbered: dict[int, dict[int, str]]
) -> dict[int, list[ForeignKey]]:
    found: dict[int, list[ForeignKey]] = defaultdict(list)
    for row in _rows(connection, _FOREIGN_KEYS, tables=list(names)):
        if row.confrelid in names:
            here, there = numbered[row.conrelid], numbered[row.confrelid]
            columns, targets = tuple(here[n] for n in row.conkey), tuple(there[n] for n in row.confkey)
            found[row.conrelid].append(ForeignKey(columns, names[row.confrelid], targets))
    return found


def _unique(
    connection: Connection[Any],
    numbered: dict[int, dict[int, str]],
    columns: dict[int, dict[str, Column]],
    tables: list[int],
) -> tuple[dict[int, tuple[str, ...]], dict[int, list[tuple[str, ...]]]]:
    primary: dict[int, tuple[str, ...]] = {}
    unique: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    for row in _rows(connection, _UNIQUE, tables=tables):
        names = tuple(numbered[row.indrelid][number] for number in row.columns)
        if row.indisprimary:
            primary[row.indrelid] = names
        elif all(columns[row.indrelid][name].not_null for name in names):
            unique[row.indrelid].append(names)
    return primary, unique


def _leaves(connection: Connection[Any], tables: list[int]) -> dict[int, list[tuple[TableName, bool]]]:
    found: dict[int, list[tuple[TableName, bool]]] = defaultdict(list)
    for row in _rows(connection, _LEAVES, tables=tables):
        found[row.parent].append((TableName(row.nspname, row.relname), row.full_identity))
    return found
