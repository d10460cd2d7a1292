"""The reporting database, broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clearsight.doctor.finding import Report
from sql.migrate import newest_revision, revisions_after
from tests.integration.doctor.world import World, breaks, elsewhere, undone, with_password

AT = "UPDATE rpt.alembic_version SET version_num = '{}'"


@breaks("report.unreachable")
def away(world: World) -> Report:
    report = world.settings.report
    names = ("owner_dsn", "writer_dsn", "api_dsn")
    return world.examine(report={name: elsewhere(getattr(report, name)) for name in names})


@breaks("report.login")
def wrong_password(world: World) -> Report:
    return world.examine(report={"writer_dsn": with_password(world.settings.report.writer_dsn, "secret-word")})


@breaks("report.migrations")
def older(world: World) -> Report:
    before = revisions_after(None)[-2]
    with world.report(AT.format(before), AT.format(newest_revision())):
        return world.examine()


@breaks("report.newer")
def newer(world: World) -> Report:
    with world.report(AT.format("9999"), AT.format(newest_revision())):
        return world.examine()


@breaks("report.writer-rights")
def writer_may_not_insert(world: World) -> Report:
    """Where the worker, which ends at such an error, does not write meanwhile."""
    on = "INSERT ON rpt.dead_letter"
    with world.report(f"REVOKE {on} FROM clearsight_writer", f"GRANT {on} TO clearsight_writer"):
        return world.examine()


@breaks("report.writer-excess")
def writer_may_truncate(world: World) -> Report:
    on = "TRUNCATE ON rpt.fact_row_change"
    with world.report(f"GRANT {on} TO clearsight_writer", f"REVOKE {on} FROM clearsight_writer"):
        return world.examine()


@breaks("report.writer-slow")
def writer_is_bound_by_policies(world: World) -> Report:
    with _role(world, "NOBYPASSRLS", "BYPASSRLS"):
        return world.examine()


@breaks("report.api-rights")
def api_may_not_read(world: World) -> Report:
    on = "SELECT ON rpt.view_scenario_audit_trail"
    with world.report(f"REVOKE {on} FROM clearsight_api", f"GRANT {on} TO clearsight_api"):
        return world.examine()


@breaks("report.api-writes")
def api_may_write(world: World) -> Report:
    on = "DELETE ON rpt.fact_row_change"
    with world.report(f"GRANT {on} TO clearsight_api", f"REVOKE {on} FROM clearsight_api"):
        return world.examine()


@breaks("report.writer-timeout")
def short_timeout(world: World) -> Report:
    with _role(world, "SET statement_timeout = '5s'", "RESET statement_timeout"):
        return world.examine()


@breaks("report.writer-read-only")
def read_only(world: World) -> Report:
    with _role(world, "SET default_transaction_read_only = on", "RESET default_transaction_read_only"):
        return world.examine()


def _role(world: World, change: str, undo: str) -> object:
    assert world.settings.source.admin_dsn  # one server holds both databases
    role = "ALTER ROLE clearsight_writer"
    return undone(world.settings.source.admin_dsn, f"{role} {change}", f"{role} {undo}")


@breaks("report.months")
def no_new_months(world: World) -> Report:
    on = "EXECUTE ON FUNCTION rpt.ensure_month(timestamptz)"
    with world.report(f"REVOKE {on} FROM clearsight_writer", f"GRANT {on} TO clearsight_writer"):
        return world.examine()


@breaks("report.month-missing")
def month_dropped(world: World) -> Report:
    month = (datetime.now(UTC).replace(day=1) + timedelta(days=45)).replace(day=1)
    make = f"SELECT rpt.ensure_month('{month:%Y-%m}-01')"
    with world.report(f"{make}; DROP TABLE rpt.fact_user_action_{month:%Y%m}", make):
        return world.examine()


@breaks("report.dead-letters")
def dead_letter(world: World) -> Report:
    values = "'clearsight.logs', 2, 7, '{not', '{}', 'not JSON'"
    columns = "topic, kafka_partition, kafka_offset, record_value, headers, reason"
    with world.report(f"INSERT INTO rpt.dead_letter ({columns}) VALUES ({values})", "DELETE FROM rpt.dead_letter"):
        return world.examine()


@breaks("report.gaps")
def gap(world: World) -> Report:
    insert = (
        "INSERT INTO rpt.gap (topic, kafka_partition, from_offset, reason) VALUES ('clearsight.logs', 2, 7, 'lost')"
    )
    with world.report(insert, "DELETE FROM rpt.gap"):
        return world.examine()


@breaks("report.no-revision")
def revision_lost(world: World) -> Report:
    undo = f"INSERT INTO rpt.alembic_version VALUES ('{newest_revision()}')"
    with world.report("DELETE FROM rpt.alembic_version", undo):
        return world.examine()


@breaks("report.table-missing")
def table_renamed(world: World) -> Report:
    """One that the worker does without for a while."""
    with world.report(*(f"ALTER TABLE rpt.{old} RENAME TO {new}" for old, new in renamed("dead_letter", "old_letter"))):
        return world.examine()


@breaks("report.view-missing")
def view_renamed(world: World) -> Report:
    names = renamed("view_scenario_audit_trail", "trail")
    with world.report(*(f"ALTER VIEW rpt.{old} RENAME TO {new}" for old, new in names)):
        return world.examine()


def renamed(old: str, new: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """And back."""
    return (old, new), (new, old)
