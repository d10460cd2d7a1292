"""The model and the visuals against a live database: what the description names is there, and each question is answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kit.debezium import partitioned
from kit.reporting import Reporting
from kit.server import server
from kit.story import tell

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames
from powerbi.asking import Scope, visual_queries
from powerbi.describe import MODEL, REPORT
from powerbi.model import Relation, Table
from powerbi.preview.__main__ import main as draw
from sql.migrate import migrate

pytestmark = pytest.mark.integration

TYPES = {
    "text": {"text"},
    "whole": {"bigint", "integer"},
    "decimal": {"double precision"},
    "instant": {"timestamp without time zone"},
    "date": {"date"},
    "flag": {"boolean"},
}
Login = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    """Of the shared login, at a database with the small story."""
    with server() as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            for statement in Path("sql/roles.sql").read_text().split(";"):
                if "ROLE" in statement or "DATABASE" in statement:
                    connection.execute(statement.encode())
        owner, writer = (made.dsn(f"clearsight_{role}", "clearsight") for role in ("owner", "writer"))
        migrate(owner)
        Reporting(owner, writer, load_mapping(DEFAULT_MAPPING), TopicNames()).worker()(partitioned(tell()))
        yield made.dsn("clearsight_bi", "clearsight")


@pytest.fixture
def login(dsn: str) -> Iterator[Login]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def rows(login: Login, query: str) -> list[tuple[Any, ...]]:
    return login.execute(query.encode()).fetchall()


def ask(login: Login, name: str, scope: Scope) -> list[tuple[Any, ...]]:
    query = visual_queries(MODEL, REPORT, scope)[name]
    return login.execute(query.sql.encode(), query.parameters).fetchall()


@pytest.mark.parametrize("table", MODEL.tables, ids=lambda table: table.name)
def test_each_column_of_the_model_is_there_with_its_type(login: Login, table: Table) -> None:
    told = login.execute(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'bi' AND table_name = %s",
        (table.view,),
    )
    found = dict(told.fetchall())
    for column in table.columns:
        if column.source:
            assert found.get(column.source) in TYPES[column.kind], column.name


@pytest.mark.parametrize("relation", MODEL.relations, ids=lambda relation: relation.name)
def test_the_one_side_of_a_relation_is_one(login: Login, relation: Relation) -> None:
    """And where Power BI may leave out what has no other side, there is nothing of that kind."""
    many, one = MODEL.table(relation.many), MODEL.table(relation.one)
    far, near = many.column(relation.many_column).source, one.column(relation.one_column).source
    twice = rows(login, f"SELECT {near} FROM bi.{one.view} GROUP BY 1 HAVING count(*) > 1 OR {near} IS NULL")
    assert twice == []
    orphans = f"SELECT {far} FROM bi.{many.view} EXCEPT SELECT {near} FROM bi.{one.view}"
    if relation.sure:
        assert rows(login, orphans) == []


@pytest.mark.parametrize("name", sorted(visual_queries(MODEL, REPORT, Scope())))
def test_each_visual_is_answered(login: Login, name: str) -> None:
    """With nothing chosen, with everything chosen, and with what is not there."""
    everything = {
        ("Scenario", "Scenario"): ("Plan 1",),
        ("User", "User"): ("Ann",),
        ("Severity", "Severity"): ("ERROR",),
        ("Category", "Category"): ("timeout",),
        ("Run Key", "Run ID"): ("r1",),
    }
    found = ask(login, name, Scope())
    assert found, f"{name} shows nothing of the story"
    ask(login, name, Scope(date(2026, 1, 1), date(2026, 12, 31), everything))
    ask(login, name, Scope(chosen={("Scenario", "Scenario"): ("no such scenario",)}))


def test_figures_are_those_of_the_facts(login: Login) -> None:
    """Counted another way: from plain SQL over the views."""
    (runs, failures, rate, _, running) = ask(login, "overview/figures/Run", Scope())[0]
    (facts,) = rows(
        login,
        "SELECT count(*), count(*) FILTER (WHERE outcome = 'failed'), count(*) FILTER (WHERE outcome = 'succeeded'),"
        " count(*) FILTER (WHERE outcome = 'running') FROM bi.runs",
    )
    assert (runs, failures or 0, running or 0) == (facts[0], facts[1], facts[3])
    assert rate == pytest.approx(facts[2] / (facts[1] + facts[2]))
    by_day = ask(login, "overview/history", Scope())
    assert sum(row[-1] for row in by_day) == runs
    (errors,) = ask(login, "overview/figures/Error", Scope())[0]
    assert [(errors,)] == rows(login, "SELECT count(*) FROM bi.errors")
    actions = ask(login, "journey/figures", Scope())[0][0]
    assert [(actions,)] == rows(login, "SELECT count(*) FROM bi.user_actions")


def test_a_period_leaves_out_the_days_before_and_after(login: Login) -> None:
    ((first, last),) = rows(login, "SELECT min(occurred_on), max(occurred_on) FROM bi.user_actions")
    inside = ask(login, "journey/figures", Scope(first, last))[0][0]
    assert [(inside,)] == rows(login, "SELECT count(*) FROM bi.user_actions")
    for outside in (Scope(last + timedelta(days=1)), Scope(until=first - timedelta(days=1))):
        assert ask(login, "journey/figures", outside)[0][0] is None


def test_a_chosen_scenario_leaves_its_own_rows(login: Login) -> None:
    ((label, own),) = rows(
        login,
        "SELECT s.label, count(*) FROM bi.runs r JOIN bi.scenarios s USING (scenario_key) GROUP BY 1 ORDER BY 2 DESC LIMIT 1",
    )
    assert ask(login, "overview/figures/Run", Scope(chosen={("Scenario", "Scenario"): (label,)}))[0][0] == own


def test_diagnostics_are_of_the_run_that_they_were_opened_from(login: Login) -> None:
    ((run, lines),) = rows(
        login, "SELECT run_id, count(*) FROM bi.logs WHERE run_id IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )
    scope = Scope(chosen={("Run Key", "Run ID"): (run,)})
    assert [row[0] for row in ask(login, "diagnostics/run", scope)] == [run]
    assert len(ask(login, "diagnostics/logs", scope)) == lines


def test_the_comparison_is_of_the_newest_failure_or_of_the_one_chosen(login: Login) -> None:
    found = rows(
        login,
        "SELECT run_id, input_differences, before_log_errors, log_errors, duration_delta_ms, gap_ms FROM bi.run_comparisons"
        " WHERE outcome = 'failed' ORDER BY started_at DESC",
    )
    for scope, (_, differences, errors_before, errors, longer_ms, gap_ms) in (
        (Scope(), found[0]),
        *((Scope(chosen={("Run Key", "Run ID"): (each[0],)}), each) for each in found),
    ):
        assert len(ask(login, "comparison/differences", scope)) == differences
        assert [row[-1] for row in ask(login, "comparison/this", scope)] == [errors]
        assert [row[-1] for row in ask(login, "comparison/other", scope)] == [errors_before]
        ((gap_min, longer_s, more),) = ask(login, "comparison/delta", scope)
        assert gap_min == pytest.approx(gap_ms / 60_000, abs=0.001)
        assert longer_s == (None if longer_ms is None else pytest.approx(longer_ms / 1000))
        assert more == errors - errors_before


VALUES = "SELECT node, name, comparable, value FROM bi.run_inputs WHERE run_id = %s"


def test_any_two_runs_are_compared(login: Login) -> None:
    """Each with each, the later beside the earlier and the other way round, against a comparison made here."""
    labels = dict(login.execute("SELECT run_id, label FROM bi.runs").fetchall())
    values = {
        run: {(node, name): (told, value) for node, name, told, value in login.execute(VALUES, (run,)).fetchall()}
        for run in labels
    }
    nothing = (None, None)
    told = set()
    for run, other in permutations(labels, 2):
        scope = Scope(chosen={("Run Key", "Run ID"): (run,), ("Other Run", "Other Run Label"): (labels[other],)})
        mine, others = values[run], values[other]
        wanted = {
            (*key, others.get(key, nothing)[1], mine.get(key, nothing)[1])
            for key in {*mine, *others}
            if mine.get(key, nothing)[0] != others.get(key, nothing)[0]
        }
        assert {row[:4] for row in ask(login, "comparison/differences", scope)} == wanted, (run, other)
        (started,) = rows(login, f"SELECT started_at FROM bi.runs WHERE run_id = '{other}'")[0]
        assert ask(login, "comparison/other", scope)[0][0] == started
        told |= wanted
    assert told


def test_a_run_with_none_beside_it_has_no_differences(login: Login) -> None:
    ((alone,),) = rows(login, "SELECT run_id FROM bi.runs WHERE last_good_run_key IS NULL ORDER BY run_id LIMIT 1")
    scope = Scope(chosen={("Run Key", "Run ID"): (alone,)})
    assert ask(login, "comparison/differences", scope) == []
    assert ask(login, "comparison/other", scope)[0][0] is None


@pytest.mark.parametrize("form", ["10", "10.0", " 1e1 ", "+10."])
def test_numbers_are_compared_by_what_they_count(login: Login, form: str) -> None:
    """As rpt.same_value does: the view has the same form for equal values."""
    (definition,) = rows(login, "SELECT pg_get_viewdef('bi.run_inputs'::regclass)")[0]
    pattern = definition.split("~ '")[1].split("'")[0]
    assert rows(login, f"SELECT '{form}' ~ '{pattern}', ('{form}'::float8 + 0)::text") == [(True, "10")]


def test_pictures_are_drawn_of_every_page(dsn: str, tmp_path: Path) -> None:
    assert draw(["--dsn", dsn, "--to", str(tmp_path)]) == 0
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == sorted(page.key for page in REPORT.pages)
    for path in tmp_path.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
