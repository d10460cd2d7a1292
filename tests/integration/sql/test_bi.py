"""The views of schema `bi` are what `sql/bi.json` says, and a login of the database sees what it stands for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest
from kit.debezium import partitioned
from kit.reporting import Reporting
from kit.server import Server, server
from kit.story import tell
from psycopg.types.json import Jsonb

from clearsight.anomaly import same
from clearsight.confidence import confidence
from clearsight.links import Link
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames
from sql.bi import views
from sql.migrate import migrate

pytestmark = pytest.mark.integration

NPGSQL_KNOWS = {"text", "bigint", "integer", "double precision", "boolean", "date", "timestamp without time zone"}
"""What the version of Npgsql in Power BI maps without surprises."""


@pytest.fixture(scope="module")
def told() -> Iterator[Server]:
    """The small story: s1 is u1's, s2 is u2's. anne stands for u1, eve for nobody."""
    with server() as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            for statement in Path("sql/roles.sql").read_text().split(";"):
                if "CREATE" in statement:
                    connection.execute(statement.encode())
            connection.execute(
                "CREATE ROLE anne LOGIN IN ROLE clearsight_bi; CREATE ROLE eve LOGIN IN ROLE clearsight_bi"
            )
        migrate(made.dsn("clearsight_owner", "clearsight"))
        reporting = Reporting(
            made.dsn("clearsight_owner", "clearsight"),
            made.dsn("clearsight_writer", "clearsight"),
            load_mapping(DEFAULT_MAPPING),
            TopicNames(),
        )
        reporting.worker()(partitioned(tell()))
        with psycopg.connect(made.dsn("clearsight_owner", "clearsight"), autocommit=True) as owner:
            owner.execute("UPDATE rpt.dim_scenario SET owner = 'u2' WHERE scenario_id = 's2'")
            owner.execute("UPDATE rpt.fact_cloudwatch_log SET message = 'edit of s1 and s2' WHERE link = 'shared'")
            owner.execute("INSERT INTO rpt.bi_login (login, role, user_id) VALUES ('anne', 'viewer', 'u1')")
        yield made


def rows(made: Server, login: str, query: str, *settings: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(made.dsn(login, "clearsight"), autocommit=True) as connection:
        for setting in settings:
            connection.execute(setting.encode())
        return connection.execute(query.encode()).fetchall()


def test_names_and_types_stay(told: Server) -> None:
    found: dict[str, dict[str, str]] = {}
    for view, column, kind in rows(
        told,
        "clearsight_bi",
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'bi' "
        "ORDER BY table_name, ordinal_position",
    ):
        assert kind in NPGSQL_KNOWS, (view, column)
        found.setdefault(view, {})[column] = kind.removesuffix(" without time zone")
    assert found == {name: {each.name: each.type for each in view.columns} for name, view in views().items()}


def test_the_contract_is_as_it_was_frozen() -> None:
    """Columns are added, and the number grows; none is renamed or goes, or reports break that were made with it."""
    assert len(views()) == 18
    assert sum(len(view.columns) for view in views().values()) >= FROZEN_COLUMNS
    for view in views().values():
        nullable = {each.name: each.nullable for each in view.columns}
        assert not any(nullable[name] for name in (*view.key, *view.order)), view.name
        assert view.order[-1] in view.key


FROZEN_COLUMNS = 266


@pytest.mark.parametrize("view", sorted(views()))
def test_keys_tell_rows_apart_and_are_never_null(told: Server, view: str) -> None:
    contract = views()[view]
    never = [each.name for each in contract.columns if not each.nullable]
    nulls = " OR ".join(f"{name} IS NULL" for name in never)
    key = ", ".join(contract.key)
    assert rows(told, "clearsight_bi", f"SELECT count(*) FROM bi.{view} WHERE {nulls}") == [(0,)]
    assert rows(told, "clearsight_bi", f"SELECT {key} FROM bi.{view} GROUP BY {key} HAVING count(*) > 1") == []
    assert rows(told, "clearsight_bi", f"SELECT count(*) > 0 FROM bi.{view}") == [(True,)]


def test_only_views_can_be_asked(told: Server) -> None:
    for statement in ("SELECT * FROM rpt.dim_run", "SELECT rpt.ask_as('admin', NULL)", "SELECT rpt.sees()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            rows(told, "clearsight_bi", statement)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(told, "clearsight_bi", "CREATE TABLE bi.mine (id int)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        rows(told, "clearsight_bi", "SELECT message FROM rpt.fact_cloudwatch_log")


def test_the_shared_login_sees_everything(told: Server) -> None:
    assert rows(told, "clearsight_bi", "SELECT scenario_id FROM bi.scenarios ORDER BY 1") == [("s1",), ("s2",)]
    assert rows(told, "clearsight_bi", "SELECT owner_email FROM bi.scenarios ORDER BY scenario_id") == [
        ("a@x",),
        (None,),
    ]


BY_SCENARIO = sorted(name for name, view in views().items() if any(c.name == "scenario_key" for c in view.columns))


@pytest.mark.parametrize("view", BY_SCENARIO)
def test_a_personal_login_sees_what_the_key_of_the_person_shows(told: Server, view: str) -> None:
    seen = f"SELECT DISTINCT scenario_key FROM bi.{view}"
    keys = dict(rows(told, "clearsight_bi", "SELECT scenario_id, scenario_key FROM bi.scenarios"))
    assert set(rows(told, "anne", seen)) - {(None,)} == {
        (keys["s1"],)
    }  # a line of several scenarios has none of its own
    assert rows(told, "eve", seen) == []
    key = ", ".join(views()[view].key)
    by_login = rows(told, "anne", f"SELECT {key} FROM bi.{view} ORDER BY {key}")
    asked = f"SELECT {key} FROM bi.{view} ORDER BY {key}"
    with psycopg.connect(told.dsn("clearsight_api", "clearsight")) as api:
        assert api.execute(asked.encode()).fetchall() == []
        api.execute("SELECT rpt.ask_as('viewer', 'u1')")
        assert api.execute(asked.encode()).fetchall() == by_login


def _lies(user: str) -> list[str]:
    said = {"sees": "{(,)}", "role": "admin", "user": user}
    return [f"SELECT set_config('clearsight.{name}', '{value}', false)" for name, value in said.items()]


@pytest.mark.parametrize("view", sorted(set(views()) - {"dates"}))
def test_who_stands_for_nobody_sees_nothing_whatever_they_set(told: Server, view: str) -> None:
    lies = _lies("u1")
    assert rows(told, "eve", f"SELECT count(*) FROM bi.{view}", *lies) == [(0,)]


def test_a_viewer_cannot_widen_what_they_see(told: Server) -> None:
    lies = _lies("u2")
    assert rows(told, "anne", "SELECT scenario_id FROM bi.scenarios", *lies) == [("s1",)]
    assert rows(told, "anne", "SELECT user_id, name FROM bi.users ORDER BY 1", *lies) == [("u1", "Anne"), ("u2", None)]


def test_a_shared_line_is_told_in_each_scenario_without_the_ids_of_others(told: Server) -> None:
    shared = "SELECT scenario_id, summary FROM bi.events WHERE link = 'shared' ORDER BY 1"
    whole = "edit of s1 and s2"
    assert rows(told, "clearsight_bi", shared) == [("s1", whole), ("s2", whole)]
    assert rows(told, "anne", shared) == [("s1", "edit of s1 and [another scenario]")]
    assert rows(told, "anne", "SELECT message FROM bi.logs WHERE link = 'shared'") == [
        ("edit of s1 and [another scenario]",)
    ]


def test_events_are_those_of_the_timeline(told: Server) -> None:
    columns = (
        "scenario_id, {id}, kind, event_type, summary, user_id, run_id, node, level, category, correlation_id, link"
    )
    with psycopg.connect(told.dsn("clearsight_api", "clearsight")) as api:
        api.execute("SELECT rpt.ask_as('analyst', NULL)")
        trail = api.execute(
            f"SELECT {columns.format(id='event_id::text')} FROM rpt.view_scenario_audit_trail".encode()
        ).fetchall()
    events = rows(
        told, "clearsight_bi", f"SELECT {columns.format(id='event_id')} FROM bi.events WHERE scenario_id IS NOT NULL"
    )
    assert len(trail) > 20
    assert sorted(map(str, events)) == sorted(map(str, trail))


def test_whole_seconds_stand_beside_exact_times(told: Server) -> None:
    for view in ("events", "state_changes", "user_actions", "input_changes", "logs", "errors"):
        odd = f"""SELECT count(*) FROM bi.{view} WHERE occurred_at <> date_trunc('second', occurred_at_exact)
                  OR occurred_on <> occurred_at_exact::date
                  OR occurred_at_exact <> timestamp '1970-01-01' + event_seq * interval '1 microsecond'"""
        assert rows(told, "clearsight_bi", odd) == [(0,)], view
    assert rows(told, "clearsight_bi", "SELECT count(*) FROM bi.logs WHERE occurred_at <> occurred_at_exact")[0][0] > 0


@pytest.mark.parametrize("link", get_args(Link))
@pytest.mark.parametrize("source", ["field", "inherited", "trace", "pattern", "none", "anything"])
def test_confidence_is_that_of_the_rules(told: Server, link: str, source: str) -> None:
    with psycopg.connect(told.dsn("postgres", "clearsight")) as connection:
        connection.execute("SELECT rpt.ask_as('admin', NULL)")
        connection.execute("UPDATE rpt.fact_cloudwatch_log SET link = %s, correlation_source = %s", [link, source])
        connection.execute("UPDATE rpt.fact_user_action SET link = %s", [link])
        lines = connection.execute("SELECT DISTINCT confidence FROM bi.logs").fetchall()
        told_lines = connection.execute("SELECT DISTINCT confidence FROM bi.events WHERE kind = 'log'").fetchall()
        actions = connection.execute("SELECT DISTINCT confidence FROM bi.user_actions").fetchall()
        connection.rollback()
    assert lines == told_lines == [(confidence(link, source),)]
    assert actions == [(confidence(link),)]


@pytest.mark.parametrize(
    ("one", "other"),
    [("1", "1.0"), ("10", "1e1"), ("a", "a"), ("a", "b"), ("1", "x"), ("", "0"), (" 5 ", "5"), ("1_0", "10"), (1, "1"),
     (1, 1.0), (1.5, 2), (None, None), (None, 1), ({"a": 1}, {"a": 1}), ({"a": 1}, {"a": 2}), ([1, 2], [1, 2]), (".5", "0.5"),
     ("5.", "5"), ("+7", "7"), ("-0", "0"), ("0x10", "16")],
)  # fmt: skip
def test_equal_values_are_those_of_the_rules(told: Server, one: Any, other: Any) -> None:
    with psycopg.connect(told.dsn("clearsight_owner", "clearsight")) as owner:
        values = [None if value is None else Jsonb(value) for value in (one, other)]
        found = owner.execute("SELECT rpt.same_value(%s, %s)", values).fetchone()
    assert found == (same(one, other),)
