"""Looks at the reporting database with each of its roles, for the doctor."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, LiteralString

from alembic.script.revision import ResolutionError
from psycopg import Connection
from psycopg.rows import dict_row, tuple_row

from clearsight.doctor.bounded import all_within
from clearsight.doctor.finding import Away
from clearsight.doctor.names import quoted
from clearsight.doctor.report import Pile, ReportFacts, RoleFacts
from clearsight.login import log_in, place_of
from sql.migrate import newest_revision, revisions_after
from sql.models import METADATA, PARTITIONED, SCHEMA, dim_user, fact_cloudwatch_log, view_scenario_audit_trail

LOGIN_LIMIT_S = 6.5

_TABLES = frozenset(table.name for table in METADATA.tables.values())
VIEWS = frozenset({view_scenario_audit_trail.name, dim_user.name, fact_cloudwatch_log.name})
DELETED_BY_WRITER = frozenset({"amendment_left", "audit_outbox", "watermark", "heartbeat", "stream_start"})
KEPT_BY_TRIGGER = frozenset({"user_id", "amendment"})
OF_THE_OWNER = frozenset({"api_key", "bi_login"})
OF_THE_WRITER = frozenset({"amendment_left"})
MASKED = frozenset({"fact_cloudwatch_log"})
"""Readers have a view of it instead."""

_ROLE: LiteralString = """
SELECT current_user::text AS name, rolsuper AS superuser, rolsuper OR rolbypassrls AS bypasses_policies,
       pg_is_in_recovery() AS in_recovery,
       (SELECT reset_val FROM pg_settings WHERE name = 'default_transaction_read_only') = 'on' AS read_only,
       ARRAY(SELECT name || '=' || reset_val FROM pg_settings
              WHERE name IN ('statement_timeout', 'lock_timeout') ORDER BY name) AS timeouts,
       (SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace n WHERE n.nspname = 'rpt') AS enters,
       (SELECT bool_and(has_function_privilege(p.oid, 'EXECUTE')) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname = 'rpt' AND p.proname = 'ensure_month') AS makes_months
  FROM pg_roles WHERE rolname = current_user
"""
_RIGHTS: LiteralString = """
SELECT c.relname, c.relkind::text AS kind, c.relispartition AS partition,
       ARRAY(SELECT w FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) w
              WHERE has_table_privilege(c.oid, w)) AS rights
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v') AND c.relname <> 'alembic_version' ORDER BY c.relname
"""
_MAY_READ: LiteralString = """
SELECT coalesce(bool_and(has_table_privilege(c.oid, 'SELECT')), false)
       AND coalesce(bool_and(has_schema_privilege(n.oid, 'USAGE')), false) AS may
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relname IN ('alembic_version', 'dead_letter', 'gap') AND c.relkind IN ('r', 'p')
"""
_MONTHS: LiteralString = """
SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
  JOIN pg_namespace n ON n.oid = p.relnamespace WHERE n.nspname = %s AND p.relname = ANY(%s)
"""
_RELATIONS: LiteralString = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relkind::text = ANY(%s)
"""
_DEAD_LETTERS: LiteralString = """
SELECT count(*) OVER () AS count, last_seen_at AS last, topic, reason FROM rpt.dead_letter WHERE state = 'open'
 ORDER BY last_seen_at DESC LIMIT 1
"""
_GAPS: LiteralString = """
SELECT count(*) OVER () AS count, detected_at AS last, topic, reason FROM rpt.gap WHERE acknowledged_at IS NULL
 ORDER BY detected_at DESC LIMIT 1
"""


def observe_report(dsns: dict[str, str]) -> ReportFacts | dict[str, Away]:
    """`dsns` by role (owner, writer, api). A dict where none can log in. Raises psycopg.Error."""
    logins: dict[str, Callable[[], Connection[Any] | Away]] = {
        role: lambda dsn=dsn: log_in(dsn)  # type: ignore[misc]
        for role, dsn in dsns.items()
    }
    seen = {
        role: Away(place_of(dsns[role]), str(login)) if isinstance(login, BaseException) else login
        for role, login in all_within(LOGIN_LIMIT_S, logins).items()
    }
    open_ = {role: login for role, login in seen.items() if not isinstance(login, Away)}
    try:
        away = {role: login for role, login in seen.items() if isinstance(login, Away)}
        return _facts(open_, away) if open_ else away
    finally:
        for connection in open_.values():
            connection.close()


def _facts(connections: dict[str, Connection[Any]], away: dict[str, Away]) -> ReportFacts:
    for connection in connections.values():
        connection.row_factory = dict_row
    first = next(iter(connections.values()))
    reader = next((each for each in connections.values() if _may_read(each)), None)
    revision = _revision(reader) if reader else None
    missing = _missing(revision)
    exists = _exists(first)
    current = exists and (reader is None or missing == ())
    tables_missing = _absent(first, _TABLES, "r", "p") if current else ()
    piles = reader if current and not {"dead_letter", "gap"} & set(tables_missing) else None
    return ReportFacts(
        away=away,
        roles={role: _role(role, each) for role, each in connections.items() if current and role != "owner"},
        database=first.info.dbname,
        version=first.info.server_version // 10_000,
        schema=exists,
        revision=revision,
        newest=newest_revision() or "",
        missing_revisions=missing,
        readable=reader is not None,
        tables_missing=tables_missing,
        views_missing=_absent(first, VIEWS, "v") if current else (),
        months_missing=tuple(_months_missing(first, tables_missing)) if current else (),
        dead_letters=_pile(piles, _DEAD_LETTERS),
        gaps=_pile(piles, _GAPS),
    )


def _exists(connection: Connection[Any]) -> bool:
    found = connection.execute(
        "SELECT FROM pg_tables WHERE schemaname = %s AND tablename = 'alembic_version'", [SCHEMA]
    )
    return found.rowcount > 0


def _absent(connection: Connection[Any], names: frozenset[str], *kinds: str) -> tuple[str, ...]:
    """Of `names`, those that the schema has not as one of these kinds of relation."""
    present = {row["relname"] for row in connection.execute(_RELATIONS, [SCHEMA, list(kinds)])}
    return tuple(sorted(names - present))


def _may_read(connection: Connection[Any]) -> bool:
    """The bookkeeping: schema, revision, dead letters, gaps."""
    row = connection.execute(_MAY_READ, [SCHEMA]).fetchone()
    return bool(row and row["may"])


def _revision(connection: Connection[Any]) -> str | None:
    row = connection.execute("SELECT version_num FROM rpt.alembic_version").fetchone()
    return row["version_num"] if row else None


def _missing(revision: str | None) -> tuple[str, ...] | None:
    try:
        return revisions_after(revision)
    except ResolutionError:
        return None


def _role(role: str, connection: Connection[Any]) -> RoleFacts:
    seen = connection.execute(_ROLE).fetchone()
    assert seen is not None
    needed = _writers_rights if role == "writer" else _readers_rights
    missing: dict[str, str] = {}
    if not seen["enters"]:
        missing[f"USAGE of the schema {SCHEMA}"] = f"GRANT USAGE ON SCHEMA {SCHEMA} TO {quoted(seen['name'])}"
    excess: dict[str, str] = {}
    name = quoted(seen["name"])
    for row in connection.execute(_RIGHTS, [SCHEMA]).fetchall():
        has, must = set(row["rights"]), needed(row["relname"], row["kind"], row["partition"])
        if must is None:
            continue
        table = quoted(SCHEMA, row["relname"])
        if lacking := sorted(must - has):
            rights = ", ".join(lacking)
            missing[f"{rights} {row['relname']}"] = f"GRANT {rights} ON {table} TO {name}"
        if surplus := sorted(has - must - {"SELECT"}):
            rights = ", ".join(surplus)
            excess[f"{rights} {row['relname']}"] = f"REVOKE {rights} ON {table} FROM {name}"
    return RoleFacts(
        name=seen["name"],
        superuser=seen["superuser"],
        bypasses_policies=seen["bypasses_policies"],
        missing=missing,
        excess=excess,
        timeouts_ms={name: int(value) for name, _, value in (each.partition("=") for each in seen["timeouts"])},
        read_only=seen["read_only"],
        in_recovery=seen["in_recovery"],
        makes_months=bool(seen["makes_months"]),
    )


def _writers_rights(table: str, kind: str, partition: bool) -> set[str] | None:
    """As the migrations grant them; None where nothing is asked. A partition is written through its parent."""
    if kind == "v" or (not partition and table not in _TABLES):
        return None
    if partition or table in OF_THE_OWNER:
        return set()
    if table in KEPT_BY_TRIGGER:
        return {"SELECT"}
    return {"SELECT", "INSERT", "UPDATE", *(("DELETE",) if table in DELETED_BY_WRITER else ())}


def _readers_rights(table: str, kind: str, partition: bool) -> set[str] | None:
    return set() if partition or table in OF_THE_OWNER | OF_THE_WRITER | MASKED else {"SELECT"}


def _months_missing(connection: Connection[Any], absent: tuple[str, ...]) -> list[tuple[str, str]]:
    """Of this month and later ones, those that one fact has and another has not."""
    months: dict[str, set[str]] = {fact: set() for fact in PARTITIONED if fact not in absent}
    with connection.cursor(row_factory=tuple_row) as cursor:
        for fact, partition in cursor.execute(_MONTHS, [SCHEMA, list(months)]):
            if found := re.fullmatch(rf"{re.escape(fact)}_(\d{{4}})(\d\d)", partition):
                months[fact].add(f"{found[1]}-{found[2]}")
    now = datetime.now(UTC).strftime("%Y-%m")
    every = sorted(month for month in set().union(*months.values()) if month >= now)
    return [(fact, month) for month in every for fact in months if month not in months[fact]]


def _pile(connection: Connection[Any] | None, query: LiteralString) -> Pile | None:
    row = connection.execute(query).fetchone() if connection else None
    if row is None:
        return None
    last = row["last"].astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Pile(row["count"], last, row["topic"], " ".join(row["reason"].split())[:200])
