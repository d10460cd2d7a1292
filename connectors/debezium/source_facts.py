"""Looks at the application's database with the connector's own role, for the doctor. Reads catalogues only."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import Connection
from psycopg.rows import dict_row, tuple_row

from clearsight.doctor.finding import Away
from clearsight.doctor.source_facts import Publication, Rights, Slot, SourceFacts
from clearsight.login import log_in
from clearsight.mapping import Mapping
from clearsight.settings import SourceSettings
from clearsight.tables import TableName
from connectors.debezium.catalogue import only_reading, read_catalogue

_MB = 1024 * 1024

_SERVER: LiteralString = """
SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('wal_level') AS wal_level,
       current_database() AS database, current_user::text AS role, r.rolreplication AS replication,
       r.rolsuper, r.rolcreatedb, r.rolcreaterole,
       current_setting('max_replication_slots')::int AS slot_limit, (SELECT count(*) FROM pg_replication_slots) AS slots,
       current_setting('max_wal_senders')::int AS sender_limit, (SELECT count(*) FROM pg_stat_get_wal_senders()) AS senders,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep_mb,
       (SELECT setting::int * CASE unit WHEN 'min' THEN 60 ELSE 1 END FROM pg_settings
         WHERE name = 'idle_replication_slot_timeout') AS idle_timeout_s
  FROM pg_roles r WHERE r.rolname = current_user
"""
_EMIT: LiteralString = """
SELECT oid::regprocedure::text AS name, has_function_privilege(oid, 'EXECUTE') AS allowed FROM pg_proc
 WHERE proname = 'pg_logical_emit_message' AND proargtypes[2] = 'text'::regtype
"""
_RIGHTS: LiteralString = """
SELECT row_security_active(c.oid) AS rows_hidden, has_schema_privilege(c.relnamespace, 'USAGE') AS enters,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              AND NOT has_column_privilege(c.oid, a.attnum, 'SELECT')
              ORDER BY a.attnum) AS unreadable,
       ARRAY(SELECT w FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) w
              WHERE has_table_privilege(c.oid, w)) AS writable
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p')
"""
_PUBLICATION: LiteralString = """
SELECT p.*, EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid) AS names_tables
  FROM pg_publication p WHERE p.pubname = %s
"""
_SLOT: LiteralString = """
SELECT s.slot_type, s.plugin::text, s.database::text, s.active, s.wal_status,
       CASE WHEN pg_is_in_recovery() THEN 0 ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::bigint END
         AS retained, to_jsonb(s) ->> 'invalidation_reason' AS reason
  FROM pg_replication_slots s WHERE s.slot_name = %s
"""


def observe_source(dsn: str, source: SourceSettings, mapping: Mapping) -> SourceFacts | Away:
    """Everything that the doctor judges, by the role of `dsn`; Away where it cannot log in. Raises psycopg.Error."""
    connection = log_in(dsn)
    if isinstance(connection, Away):
        return connection
    with connection, only_reading(connection):
        return _facts(connection, source, mapping)


def _facts(connection: Connection[Any], source: SourceSettings, mapping: Mapping) -> SourceFacts:
    catalogue = read_catalogue(connection, {TableName.parse(table).schema for table in mapping.tables()})
    connection.row_factory = dict_row
    server = _one(connection, _SERVER)
    emit = _one(connection, _EMIT)
    keep_mb = server["keep_mb"]
    return SourceFacts(
        **{name: server[name] for name in ("version", "wal_level", "database", "role", "replication")},
        **{name: server[name] for name in ("slot_limit", "slots", "sender_limit", "senders")},
        attributes=tuple(name for name in ("SUPERUSER", "CREATEDB", "CREATEROLE") if server[f"rol{_short(name)}"]),
        may_emit=emit["allowed"],
        emit_function=emit["name"],
        keep_bytes=None if keep_mb is None or keep_mb < 0 else keep_mb * _MB,
        idle_timeout_s=server["idle_timeout_s"] or 0,
        catalogue=catalogue,
        rights=_rights(connection, mapping),
        publication=_publication(connection, source.publication),
        slot=_slot(connection, source.slot),
    )


def _short(attribute: str) -> str:
    return {"SUPERUSER": "super"}.get(attribute, attribute.lower())


def _rights(connection: Connection[Any], mapping: Mapping) -> dict[str, Rights]:
    found = {}
    for table in mapping.tables():
        row = connection.execute(_RIGHTS, TableName.parse(table)).fetchone()
        if row is not None:
            found[table] = Rights(
                unreadable=tuple(row["unreadable"]),
                writable=tuple(row["writable"]),
                enters=row["enters"],
                rows_hidden=row["rows_hidden"],
            )
    return found


def _publication(connection: Connection[Any], name: str) -> Publication | None:
    row = connection.execute(_PUBLICATION, [name]).fetchone()
    if row is None:
        return None
    tables, filters = {}, {}
    for (each,) in _tuples(connection, "SELECT to_jsonb(t) FROM pg_publication_tables t WHERE t.pubname = %s", name):
        table = str(TableName(each["schemaname"], each["tablename"]))
        tables[table] = tuple(each.get("attnames") or ())
        if each.get("rowfilter"):
            filters[table] = each["rowfilter"]
    operations = {operation: row[f"pub{operation}"] for operation in ("insert", "update", "delete", "truncate")}
    return Publication(
        operations=frozenset(operation for operation, published in operations.items() if published),
        by_name=row["names_tables"] or not tables,
        via_root=row["pubviaroot"],
        stored=row.get("pubgencols") == "s",  # since PostgreSQL 18
        tables=tables,
        filters=filters,
    )


def _slot(connection: Connection[Any], name: str) -> Slot | None:
    row = connection.execute(_SLOT, [name]).fetchone()
    if row is None:
        return None
    return Slot(
        kind=row["slot_type"],
        plugin=row["plugin"],
        database=row["database"],
        active=row["active"],
        wal_status=row["wal_status"],
        reason=row["reason"],
        retained_bytes=max(0, row["retained"]),
    )


def _one(connection: Connection[Any], query: LiteralString) -> dict[str, Any]:
    row: dict[str, Any] | None = connection.execute(query).fetchone()
    if row is None:
        raise psycopg.DataError("the catalogue gave no answer")
    return row


def _tuples(connection: Connection[Any], query: LiteralString, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(query, values).fetchall()
