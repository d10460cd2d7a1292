"""The database itself shows each role no more than it may see, whatever the question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kit.debezium import partitioned
from kit.reporting import Reporting
from kit.server import Server, server
from kit.story import tell
from psycopg import sql

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames
from sql.migrate import migrate

pytestmark = pytest.mark.integration

READERS = ("clearsight_api", "clearsight_bi")
CHECKED_BY_OWNER = {"rpt.view_log", "rpt.view_log_told"}
"""With its owner's rights, because its table cannot be read without it; the tests of shared lines look at what it shows."""
READABLE = """
SELECT n.nspname || '.' || c.relname, c.relkind::text, c.relrowsecurity, c.relforcerowsecurity,
       coalesce('security_invoker=true' = ANY (c.reloptions), false) AS invoker,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid
           AND (SELECT oid FROM pg_roles WHERE rolname = %(role)s) = ANY (p.polroles)) AS policies
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND (has_table_privilege(%(role)s, c.oid, 'SELECT') OR has_any_column_privilege(%(role)s, c.oid, 'SELECT'))
ORDER BY 1
"""

Ask = Callable[..., list[tuple[Any, ...]]]


def exposed(connection: psycopg.Connection[Any], role: str) -> list[str]:
    """Relations that a role reads without row-level security deciding which rows."""
    found = []
    for name, kind, secured, forced, invoker, policies in connection.execute(READABLE, {"role": role}):
        safe = invoker or name in CHECKED_BY_OWNER if kind == "v" else secured and forced and policies == 1
        if not safe or kind in ("m", "f"):
            found.append(name)
    return found


@pytest.fixture(scope="module")
def bare() -> Iterator[Server]:
    with server() as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            for statement in Path("sql/roles.sql").read_text().split(";"):
                if "CREATE" in statement:
                    connection.execute(statement.encode())
        migrate(made.dsn("clearsight_owner", "clearsight"))
        yield made


@pytest.fixture(scope="module")
def landed(bare: Server) -> Reporting:
    """The small story, landed by the worker's code: s1 and s2 are u1's; the line of c-bulk belongs to both."""
    reporting = Reporting(
        bare.dsn("clearsight_owner", "clearsight"),
        bare.dsn("clearsight_writer", "clearsight"),
        load_mapping(DEFAULT_MAPPING),
        TopicNames(),
    )
    reporting.worker()(partitioned(tell()))
    with psycopg.connect(bare.dsn("clearsight_owner", "clearsight"), autocommit=True) as owner:
        owner.execute("UPDATE rpt.dim_scenario SET owner = 'u2' WHERE scenario_id = 's2'")
        owner.execute("UPDATE rpt.fact_cloudwatch_log SET message = 'edit of s1, s2 and s22' WHERE link = 'shared'")
        owner.execute(
            "INSERT INTO rpt.dead_letter (topic, kafka_partition, kafka_offset, headers, reason) VALUES ('t',0,0,'{}','r')"
        )
    return reporting


@pytest.fixture
def ask(bare: Server, landed: Reporting) -> Ask:
    """Rows of a question by the API's database role, for somebody."""

    def rows(query: str, role: str | None = None, user: str | None = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(bare.dsn("clearsight_api", "clearsight")) as connection:
            if role:
                connection.execute("SELECT rpt.ask_as(%s, %s)", (role, user))
            return connection.execute(query.encode()).fetchall()

    return rows


@pytest.mark.parametrize("role", READERS)
def test_nothing_is_readable_without_a_policy(bare: Server, landed: Reporting, role: str) -> None:
    with psycopg.connect(bare.dsn("postgres", "clearsight")) as connection:
        assert exposed(connection, role) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW rpt.v AS SELECT * FROM rpt.fact_row_change",
        "CREATE MATERIALIZED VIEW rpt.v AS SELECT * FROM rpt.fact_row_change",
        "CREATE TABLE rpt.v (id int)",
        "CREATE TABLE rpt.v (id int); ALTER TABLE rpt.v ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    ],
)
def test_the_catalogue_test_would_find_one(bare: Server, landed: Reporting, statement: str) -> None:
    with psycopg.connect(bare.dsn("postgres", "clearsight")) as connection:
        connection.execute(f"{statement}; GRANT SELECT ON rpt.v TO clearsight_api".encode())
        assert exposed(connection, "clearsight_api") == ["rpt.v"]
        connection.rollback()


def readable(bare: Server, role: str = "clearsight_api") -> list[str]:
    with psycopg.connect(bare.dsn("postgres", "clearsight")) as connection:
        return [row[0] for row in connection.execute(READABLE, {"role": role})]


def test_who_does_not_say_who_asks_sees_nothing(bare: Server, ask: Ask) -> None:
    names = set(readable(bare)) - {"rpt.dim_date", "rpt.alembic_version", "bi.dates"}
    assert len(names) > 15
    for name in sorted(names):
        asked = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*name.split(".")))
        assert ask(asked.as_string()) == [(0,)], name


def test_an_analyst_sees_everything(ask: Ask, landed: Reporting) -> None:
    for name in (
        "fact_row_change",
        "fact_user_action",
        "view_log",
        "dim_user",
        "dim_run",
        "correlation",
        "dead_letter",
    ):
        question = f"SELECT count(*) FROM rpt.{name}"
        there = landed.rows(question.replace("view_log", "fact_cloudwatch_log"))
        assert ask(question, "analyst") == ask(question, "admin", "u9") == there, name
        assert there[0][0] > 0, name


def test_a_viewer_sees_own_scenarios_only(ask: Ask) -> None:
    assert ask("SELECT scenario_id FROM rpt.dim_scenario", "viewer", "u1") == [("s1",)]
    assert ask("SELECT scenario_id FROM rpt.dim_scenario", "viewer", "u2") == [("s2",)]
    for name in (
        "fact_row_change",
        "fact_user_action",
        "fact_scenario_state_change",
        "fact_run_diagnostic",
        "view_scenario_audit_trail",
    ):
        owners = f"SELECT DISTINCT s.scenario_id FROM rpt.{name} f LEFT JOIN rpt.dim_scenario s USING (scenario_key)"
        assert ask(owners, "viewer", "u1") == [("s1",)], name
    for name in ("fact_row_change", "fact_run_diagnostic", "dead_letter", "audit_outbox", "row_snapshot", "dim_run"):
        assert ask(f"SELECT count(*) FROM rpt.{name}", "viewer", "u-of-nobody") == [(0,)], name


def test_lines_of_no_scenario_are_for_analysts(ask: Ask) -> None:
    none = "SELECT count(*) FROM rpt.view_log WHERE scenario_key IS NULL AND link <> 'shared'"
    assert ask(none, "viewer", "u1") == [(0,)]
    assert ask(none, "analyst")[0][0] >= 2


@pytest.mark.parametrize(
    ("user", "seen"),
    [("u1", "edit of s1, [another scenario] and s22"), ("u2", "edit of [another scenario], s2 and s22")],
)
def test_a_shared_line_is_seen_by_each_owner_without_the_ids_of_others(ask: Ask, user: str, seen: str) -> None:
    shared = "SELECT message FROM rpt.view_log WHERE link = 'shared'"
    assert ask(shared, "viewer", user) == [(seen,)]
    assert ask("SELECT summary FROM rpt.view_scenario_audit_trail WHERE link = 'shared'", "viewer", user) == [(seen,)]
    assert ask(shared, "viewer", "u3") == []
    assert ask(shared, "analyst") == [("edit of s1, s2 and s22",)]


@pytest.mark.parametrize("role", READERS)
def test_lines_are_read_by_their_masked_view_alone(bare: Server, landed: Reporting, role: str) -> None:
    with (
        psycopg.connect(bare.dsn(role, "clearsight")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT message FROM rpt.fact_cloudwatch_log")


def test_lines_are_hidden_also_where_their_owner_is_bound_by_nothing(bare: Server, ask: Ask) -> None:
    shown = "SELECT event_id FROM rpt.view_log ORDER BY 1"
    for user in ("u1", "u3"):
        bound = ask(shown, "viewer", user)
        with psycopg.connect(bare.dsn("postgres"), autocommit=True) as administrator:
            administrator.execute("ALTER ROLE clearsight_owner SUPERUSER")
            try:
                assert ask(shown, "viewer", user) == bound
                assert ask(shown) == []
            finally:
                administrator.execute("ALTER ROLE clearsight_owner NOSUPERUSER")


def test_why_the_pipeline_failed_is_for_who_sees_everything(bare: Server, ask: Ask) -> None:
    with _undone(
        bare,
        "INSERT INTO rpt.gap (topic, cause, reason) VALUES ('t', 'c', 'slot of db-7 lost');"
        "INSERT INTO rpt.connector_watch VALUES ('c', 'failing', now(), 1, now(), 'no password for db-7')",
        "DELETE FROM rpt.gap; DELETE FROM rpt.connector_watch",
    ):
        for table in ("gap", "connector_watch"):
            reasons = f"SELECT count(reason) FROM rpt.{table}"
            assert ask(reasons, "viewer", "u1") == [(0,)], table
            assert ask(reasons, "analyst") == [(1,)], table
        told = "SELECT count(*), count(reason) FROM rpt.gaps_told('-infinity', 'infinity', '0', 10)"
        assert (ask(told, "viewer", "u1"), ask(told, "analyst"), ask(told)) == ([(1, 0)], [(1, 1)], [(0, 0)])


def test_correlations_are_seen_by_those_whose_scenarios_they_touched(ask: Ask) -> None:
    ids = "SELECT correlation_id FROM rpt.correlation ORDER BY 1"
    of_u2 = [name for (name,) in ask(ids, "viewer", "u2")]
    assert of_u2 == ["c-bulk", "c-delete", "c-setup"]
    assert ask("SELECT count(*) FROM rpt.transaction_context WHERE correlation_id = 'c-edit'", "viewer", "u2") == [(0,)]
    assert ask("SELECT count(*) FROM rpt.transaction_context WHERE correlation_id = 'c-edit'", "viewer", "u1") == [(1,)]
    touched = """SELECT DISTINCT t.kind, s.scenario_id FROM rpt.correlation_touch t
                 LEFT JOIN rpt.dim_scenario s ON s.scenario_key = t.key AND t.kind = 'scenario' WHERE t.kind IN ('scenario', 'run')"""
    assert ask(touched, "viewer", "u2") == [("scenario", "s2")]


def test_names_and_addresses_of_others_are_masked_below_analyst(ask: Ask) -> None:
    people = "SELECT user_id, name, email FROM rpt.view_user ORDER BY 1"
    assert ask(people, "viewer", "u2") == [("u1", None, None), ("u2", None, None)]
    assert ask(people, "viewer", "u1")[0] == ("u1", "Anne", "a@x")
    assert ask(people, "analyst")[0] == ("u1", "Anne", "a@x")
    assert ask("SELECT count(*) FROM rpt.dim_user", "viewer", "u2") == [(1,)]
    assert ask("SELECT count(*) FROM rpt.fact_row_change WHERE part = 'user'", "viewer", "u1") == [(0,)]


def test_what_waits_is_counted_for_everybody(ask: Ask) -> None:
    counts = "SELECT pending_logs, dead_letters FROM rpt.uncertain('-infinity', 'infinity', '-infinity', '0', 1000)"
    assert ask(counts, "viewer", "u-of-nobody") == ask(counts, "analyst")


def test_a_role_that_is_none_is_refused(ask: Ask) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        ask("SELECT 1", "root")


def test_who_asked_is_forgotten_with_the_transaction(bare: Server, landed: Reporting) -> None:
    with psycopg.connect(bare.dsn("clearsight_api", "clearsight"), autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SELECT rpt.ask_as('admin', NULL)")
            assert connection.execute("SELECT count(*) FROM rpt.fact_row_change").fetchone() != (0,)
        assert connection.execute("SELECT count(*) FROM rpt.fact_row_change").fetchone() == (0,)


@pytest.mark.parametrize("role", READERS)
def test_keys_are_unreadable(bare: Server, role: str) -> None:
    with (
        psycopg.connect(bare.dsn(role, "clearsight")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM rpt.api_key")


def test_foreign_keys_hold_although_rows_are_hidden(bare: Server, landed: Reporting) -> None:
    with psycopg.connect(bare.dsn("clearsight_writer", "clearsight")) as connection:
        key = connection.execute("SELECT scenario_key FROM rpt.dim_scenario LIMIT 1").fetchone()
        assert key
        add = "INSERT INTO rpt.dim_run (run_id, scenario_key, first_seen_at) VALUES ('r9', %s, now())"
        connection.execute(add.encode(), key)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(add.replace("r9", "r8").encode(), [987_654])


def test_a_view_with_its_owners_rights_shows_nothing(bare: Server, ask: Ask) -> None:
    with _undone(
        bare, "CREATE VIEW rpt.careless AS SELECT * FROM rpt.fact_row_change", "DROP VIEW rpt.careless"
    ) as owner:
        owner.execute("GRANT SELECT ON rpt.careless TO clearsight_api")
        assert owner.execute("SELECT count(*) FROM rpt.careless").fetchone() != (0,)
        assert ask("SELECT count(*) FROM rpt.careless", "admin") == [(0,)]


def test_the_writer_pays_nothing(bare: Server, landed: Reporting) -> None:
    with psycopg.connect(bare.dsn("clearsight_writer", "clearsight")) as connection:
        plan = connection.execute("EXPLAIN SELECT * FROM rpt.dim_run WHERE run_id = 'x'").fetchall()
        assert "sees" not in str(plan)
        assert "Filter" not in str(plan)


def test_a_writer_that_may_not_bypass_lands_the_same(new_report_database: Any, postgres_stack: Any) -> None:
    """Where an administrator cannot give BYPASSRLS, COPY is refused, and what it would write comes by another way."""
    database = new_report_database()
    with psycopg.connect(postgres_stack.site().dsn("postgres", "postgres"), autocommit=True) as administrator:
        administrator.execute("ALTER ROLE clearsight_writer NOBYPASSRLS")
        try:
            reporting = Reporting(database.owner_dsn, database.writer_dsn, load_mapping(DEFAULT_MAPPING), TopicNames())
            records = partitioned(tell())
            reporting.worker()(records)
            assert len(reporting.facts()["changes"]) > 10
            again = reporting.worker()(records)
            assert not again.changes
        finally:
            administrator.execute("ALTER ROLE clearsight_writer BYPASSRLS")


@contextmanager
def _undone(bare: Server, statement: str, undo: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(bare.dsn("clearsight_owner", "clearsight"), autocommit=True) as owner:
        owner.execute(statement.encode())
        try:
            yield owner
        finally:
            owner.execute(undo.encode())
