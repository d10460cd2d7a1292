"""What is right and wrong with the reporting database."""

from __future__ import annotations

import msgspec

from clearsight.doctor.finding import Away, Examination, Kind
from clearsight.doctor.names import quoted, shortened

CHECKS = (
    "connection",
    "version",
    "migrations",
    "tables and views",
    "rights of the writer",
    "rights of the API",
    "settings of the writer",
    "months",
    "dead letters and gaps",
)
OLDEST = 15
LEAST_TIMEOUT_MS = 60_000
"""What a batch may take; the worker sets the limits that it needs by itself."""

SETTING_OF = {"owner": "OWNER_DSN", "writer": "WRITER_DSN", "api": "API_DSN"}

UNREACHABLE = Kind(
    code="report.unreachable",
    check="connection",
    what="the reporting database at {where} does not answer ({roles}): {reason}",
    mend="start it, or correct {variables}",
)
LOGIN = Kind(
    code="report.login",
    check="connection",
    what="the reporting database at {where} lets the {role}'s role not in: {reason}",
    mend="make the roles with sql/roles.sql, or correct user, password and database in {variable}",
)
VERSION = Kind(
    code="report.version",
    check="version",
    what="the reporting database is PostgreSQL {found}; it must be {oldest} or newer",
    mend="upgrade it",
)
MIGRATIONS = Kind(
    code="report.migrations",
    check="migrations",
    what="the reporting database {found}; it lacks {missing}",
    mend="run `clearsight migrate`",
)
NEWER = Kind(
    code="report.newer",
    check="migrations",
    what="the reporting database is at revision {found}, which this ClearSight does not know (its newest is {newest})",
    mend="run the ClearSight version that migrated it, or a newer one",
)
NO_REVISION = Kind(
    code="report.no-revision",
    check="migrations",
    what="the reporting database has our schema, and rpt.alembic_version names no revision of it: somebody emptied it",
    mend="as owner: INSERT INTO rpt.alembic_version VALUES ('{newest}'), if the last `clearsight migrate` was this version's; "
    "else the revision that it went to, and then `clearsight migrate`",
)
TABLE_MISSING = Kind(
    code="report.table-missing",
    check="tables and views",
    what="the reporting database has no table {names}, though its revision makes it: somebody renamed or dropped it",
    mend="as owner: ALTER TABLE rpt.‹the name it has now› RENAME TO {first}; if it was dropped, restore it from a backup",
)
VIEW_MISSING = Kind(
    code="report.view-missing",
    check="tables and views",
    what="the reporting database has no view {names}, though its revision makes it: somebody renamed or dropped it",
    mend="as owner: ALTER VIEW rpt.‹the name it has now› RENAME TO {first}; if it was dropped, run its newest "
    "CREATE OR REPLACE VIEW from sql/migrations/versions, and GRANT SELECT ON rpt.{first} TO the API's role",
)
WRITER_RIGHTS = Kind(
    code="report.writer-rights",
    check="rights of the writer",
    what="the writer {role} may not do what landing needs: {missing}",
    mend="as administrator: {grants}",
)
WRITER_EXCESS = Kind(
    code="report.writer-excess",
    check="rights of the writer",
    severity="warning",
    what="the writer {role} may do more than it needs: {excess}",
    mend="as administrator: {revokes}",
)
WRITER_SLOW = Kind(
    code="report.writer-slow",
    check="rights of the writer",
    severity="warning",
    what="row-level security binds the writer {role}: COPY is refused, and the same facts land more slowly",
    mend="as superuser: ALTER ROLE {role_sql} BYPASSRLS",
)
API_RIGHTS = Kind(
    code="report.api-rights",
    check="rights of the API",
    what="the API's role {role} may not read {missing}",
    mend="as administrator: {grants}",
)
API_WRITES = Kind(
    code="report.api-writes",
    check="rights of the API",
    what="the API's role {role} may write: {excess}; it only reads",
    mend="as administrator: {revokes}",
)
WRITER_TIMEOUT = Kind(
    code="report.writer-timeout",
    check="settings of the writer",
    severity="warning",
    what="{setting} of the writer {role} is {found_ms} ms: batches that take longer never land",
    mend="ALTER ROLE {role_sql} RESET {setting}; ALTER ROLE {role_sql} IN DATABASE {database_sql} RESET {setting}",
)
WRITER_READ_ONLY = Kind(
    code="report.writer-read-only",
    check="settings of the writer",
    what="the writer {role} is in read-only transactions ({reason}): nothing can land",
    mend="{mend}",
)
MONTH_MISSING = Kind(
    code="report.month-missing",
    check="months",
    what="{table} has no partition for {month}, and other facts have one: somebody dropped or detached it",
    mend="attach it again, or SELECT rpt.ensure_month('{month}-01')",
)
MONTHS = Kind(
    code="report.months",
    check="months",
    what="the writer {role} may not call rpt.ensure_month: the first event of a month cannot land",
    mend="GRANT EXECUTE ON FUNCTION rpt.ensure_month(timestamptz) TO {role_sql}",
)
DEAD_LETTERS = Kind(
    code="report.dead-letters",
    check="dead letters and gaps",
    severity="warning",
    what="{count} records could not be landed, the last at {last}: {reason}",
    mend="`clearsight dead-letters list` says why; then `clearsight dead-letters redrive`, or `dismiss` with a reason",
)
GAPS = Kind(
    code="report.gaps",
    check="dead letters and gaps",
    severity="warning",
    what="{count} gaps in what was read, the last at {last} in {topic}: {reason}",
    mend="`clearsight coverage` lists them; once one is explained, `clearsight coverage acknowledge GAP_ID --because …`",
    follows=(
        "source.publication",
        "source.publication-missing",
        "source.publication-operations",
        "source.publication-filter",
        "source.publication-root",
    ),
)

KINDS = tuple(value for value in list(globals().values()) if isinstance(value, Kind))


class Pile(msgspec.Struct, frozen=True):
    """Rows that somebody has to attend to; the newest one's time, topic and reason."""

    count: int
    last: str
    topic: str
    reason: str


class RoleFacts(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    superuser: bool
    bypasses_policies: bool
    """Row-level security does not bind it."""
    missing: dict[str, str]
    """What it may not do and must → the statement that grants it."""
    excess: dict[str, str]
    """What it may do and should not → the statement that revokes it."""
    timeouts_ms: dict[str, int]
    """Limits that its logins get, 0 where there is none."""
    read_only: bool
    in_recovery: bool
    makes_months: bool


class ReportFacts(msgspec.Struct, frozen=True, kw_only=True):
    away: dict[str, Away]
    """Of owner, writer and api, those that cannot log in."""
    roles: dict[str, RoleFacts]
    """Of writer and api, those that can."""
    database: str
    version: int
    schema: bool
    """A migration has run."""
    revision: str | None
    """None where there is none, or no role may read it."""
    newest: str
    missing_revisions: tuple[str, ...] | None
    """None where the revision is unknown."""
    readable: bool = True
    """Some role may read the revision, dead letters and gaps."""
    tables_missing: tuple[str, ...] = ()
    views_missing: tuple[str, ...] = ()
    months_missing: tuple[tuple[str, str], ...]
    """(fact, "2026-11") of this month and later ones that other facts have."""
    dead_letters: Pile | None
    gaps: Pile | None


def judge(facts: ReportFacts | dict[str, Away]) -> Examination:
    """A dict where nobody could log in."""
    found = Examination("report", CHECKS)
    away: dict[str, Away] = facts if isinstance(facts, dict) else facts.away
    _connections(found, away)
    if isinstance(facts, dict):
        found.leave("nobody can log in to the reporting database")
        return found
    if facts.version < OLDEST:
        found.find(VERSION, found=facts.version, oldest=OLDEST)
    if facts.schema and facts.revision is None and facts.readable:
        found.find(NO_REVISION, newest=facts.newest)
        found.leave("the schema's revision is unknown", CHECKS[3:])
        return found
    if facts.schema and facts.revision is None:
        found.leave("no role that can log in may read the schema's revision", ["migrations", "dead letters and gaps"])
    elif not facts.schema or facts.missing_revisions is None or facts.missing_revisions:
        _migrations(found, facts)
        found.leave("the schema is not the newest", CHECKS[3:])
        return found
    _relations(found, facts)
    _writer(found, facts.roles.get("writer"), "writer" in facts.away, facts.database)
    _api(found, facts.roles.get("api"), "api" in facts.away)
    for table, month in facts.months_missing:
        found.find(MONTH_MISSING, table=table, month=month)
    for kind, pile in ((DEAD_LETTERS, facts.dead_letters), (GAPS, facts.gaps)):
        if pile is not None:
            found.find(kind, count=pile.count, last=pile.last, topic=pile.topic, reason=pile.reason)
    return found


def _connections(found: Examination, away: dict[str, Away]) -> None:
    """One finding for a server that is away, whoever asked."""
    silent: dict[Away, list[str]] = {}
    for role, seen in away.items():
        if seen.refused:
            variable = f"CLEARSIGHT_REPORT__{SETTING_OF[role]}"
            found.find(LOGIN, where=seen.where, role=role, reason=seen.reason, variable=variable)
        else:
            silent.setdefault(Away(seen.where, ""), []).append(role)
    for place, roles in silent.items():
        variables = ", ".join(f"CLEARSIGHT_REPORT__{SETTING_OF[role]}" for role in roles)
        reason = away[roles[0]].reason
        found.find(UNREACHABLE, where=place.where, roles=", ".join(roles), reason=reason, variables=variables)


def _migrations(found: Examination, facts: ReportFacts) -> None:
    if not facts.schema:
        found.find(MIGRATIONS, found="has not our schema", missing=f"everything up to {facts.newest}")
    elif facts.missing_revisions is None:
        found.find(NEWER, found=facts.revision, newest=facts.newest)
    else:
        missing = shortened(facts.missing_revisions)
        found.find(MIGRATIONS, found=f"is at revision {facts.revision}", missing=missing)


def _relations(found: Examination, facts: ReportFacts) -> None:
    for kind, names in ((TABLE_MISSING, facts.tables_missing), (VIEW_MISSING, facts.views_missing)):
        if names:
            found.find(kind, names=shortened(names), first=names[0])
    if {"dead_letter", "gap"} & set(facts.tables_missing):
        found.leave("its table is missing", ["dead letters and gaps"])


def _writer(found: Examination, writer: RoleFacts | None, away: bool, database: str) -> None:
    if writer is None:
        checks = ("rights of the writer", "settings of the writer", "months")
        found.leave("the writer cannot log in" if away else "report.writer_dsn is not set", checks)
        return
    role = {"role": writer.name, "role_sql": quoted(writer.name)}
    if writer.missing:
        found.find(WRITER_RIGHTS, missing=shortened(list(writer.missing)), grants=_statements(writer.missing), **role)
    if writer.superuser:
        revokes = f"ALTER ROLE {role['role_sql']} NOSUPERUSER"
        found.find(WRITER_EXCESS, excess="it is a superuser", revokes=revokes, **role)
    elif writer.excess:
        found.find(WRITER_EXCESS, excess=shortened(list(writer.excess)), revokes=_statements(writer.excess), **role)
    if not writer.bypasses_policies:
        found.find(WRITER_SLOW, **role)
    for setting, found_ms in writer.timeouts_ms.items():
        if 0 < found_ms < LEAST_TIMEOUT_MS:
            names = {"setting": setting, "database_sql": quoted(database)}
            found.find(WRITER_TIMEOUT, found_ms=found_ms, **names, **role)
    if writer.in_recovery:
        mend = "name the primary in CLEARSIGHT_REPORT__WRITER_DSN"
        found.find(WRITER_READ_ONLY, reason="the server is a standby", mend=mend, **role)
    elif writer.read_only:
        mend = f"ALTER ROLE {role['role_sql']} SET default_transaction_read_only = off"
        found.find(WRITER_READ_ONLY, reason="default_transaction_read_only is on", mend=mend, **role)
    if not writer.makes_months:
        found.find(MONTHS, **role)


def _api(found: Examination, api: RoleFacts | None, away: bool) -> None:
    if api is None:
        found.leave("the API's role cannot log in" if away else "report.api_dsn is not set", ["rights of the API"])
        return
    if api.missing:
        found.find(API_RIGHTS, role=api.name, missing=shortened(list(api.missing)), grants=_statements(api.missing))
    if api.superuser:
        revokes = f"ALTER ROLE {quoted(api.name)} NOSUPERUSER"
        found.find(API_WRITES, role=api.name, excess="it is a superuser", revokes=revokes)
    elif api.excess:
        found.find(API_WRITES, role=api.name, excess=shortened(list(api.excess)), revokes=_statements(api.excess))


def _statements(by_name: dict[str, str]) -> str:
    return "; ".join(dict.fromkeys(by_name.values()))
