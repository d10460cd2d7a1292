"""What the connector asks the source once a heartbeat, and sends down its own log: what it says of itself.

The message stands in the log between the transactions, so it tells of the stream what no row of it can: which database it
comes from, through which position Kafka has all of it, and which tables were published. Catalogues are read that every role
may read; a message has about 60 bytes a table.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import Connection, sql

from clearsight.errors import SourceError
from clearsight.origin import Identity

# A table counts as published where all of its rows and operations are. Its id changes when it, or the publication, was left
# out for a while, however short.
_FACTS: LiteralString = """
json_build_object(
 'system', (SELECT system_identifier::text FROM pg_control_system()),
 'timeline', left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
 'acknowledged', (SELECT (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint FROM pg_replication_slots WHERE slot_name = {slot}),
 'tables', (SELECT coalesce(json_agg(json_build_array(t.schemaname, t.tablename, concat(p.oid, '.', r.oid))), '[]')
  FROM pg_publication p JOIN pg_publication_tables t USING (pubname)
  JOIN pg_namespace n ON n.nspname = t.schemaname JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
  LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid AND r.prrelid = c.oid
  WHERE pubname = {publication} AND p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate
  AND to_jsonb(t) ->> 'rowfilter' IS NULL))
"""


def action_query(slot: str, publication: str) -> str:
    """Of the connector's `heartbeat.action.query`."""
    emit = sql.SQL("SELECT pg_logical_emit_message(true, 'clearsight.heartbeat', {}::text)")
    return emit.format(_facts(slot, publication)).as_string()


def identity(connection: Connection[Any], slot: str, publication: str) -> Identity:
    """Which database the source is. Asks all that the heartbeat does: raises SourceError where the role may not."""
    try:
        row = connection.execute(sql.SQL("SELECT {}").format(_facts(slot, publication))).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise SourceError(
            f"the connector's role may not ask what its heartbeat tells: {error.diag.message_primary}",
            "grant it: every role has that right unless it was revoked",
        ) from None
    assert row
    return Identity(row[0]["system"], row[0]["timeline"])


def _facts(slot: str, publication: str) -> sql.Composed:
    return sql.SQL(_FACTS.strip().replace("\n", "")).format(
        slot=sql.Literal(slot), publication=sql.Literal(publication)
    )
