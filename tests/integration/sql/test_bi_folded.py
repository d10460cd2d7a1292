"""SQL of the shape that Power Query folds DirectQuery to: views wrapped as subselects, `$Table` aliases, casts, a limit of a
million and one rows. What it asks must be answered, and by an index where it names a time, a scenario or a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kit.server import Server, server

from sql.bi import views
from sql.migrate import migrate

pytestmark = pytest.mark.integration

LARGE = "SELECT relname FROM pg_class WHERE relname LIKE 'fact\\_%' AND reltuples > 10000"
"""Of a month that has just begun there are few rows, which no index would find sooner."""
SEED = Path("tests/integration/api/seeded.sql")


@pytest.fixture(scope="module")
def seeded() -> Iterator[Server]:
    with server("jit=off") as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            for statement in Path("sql/roles.sql").read_text().split(";"):
                if "CREATE" in statement:
                    connection.execute(statement.encode())
            connection.execute("CREATE ROLE anne LOGIN IN ROLE clearsight_bi")
        migrate(made.dsn("clearsight_owner", "clearsight"))
        with psycopg.connect(made.dsn("clearsight_owner", "clearsight"), autocommit=True) as owner:
            owner.execute(
                """CREATE FUNCTION pg_temp.uuid_of(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql AS $$
                   SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '8000'
                           || lpad(to_hex(n), 16, '8'))::uuid $$"""
            )
            owner.execute(SEED.read_text().replace("uuid_of(", "pg_temp.uuid_of(").encode())
            owner.execute("INSERT INTO rpt.bi_login (login, role, user_id) VALUES ('anne', 'viewer', 'user-2')")
            owner.execute("VACUUM (ANALYZE)")
        yield made


def connect(made: Server, login: str = "clearsight_bi") -> psycopg.Connection[Any]:
    return psycopg.connect(made.dsn(login, "clearsight"), autocommit=True)


def wrapped(view: str) -> str:
    """As the navigation to a view is folded: each column by name, under the alias that Power Query gives."""
    columns = ",\n    ".join(f'"$Table"."{each.name}" as "{each.name}"' for each in views()[view].columns)
    return f'select {columns}\nfrom "bi"."{view}" "$Table"'


@pytest.mark.parametrize("view", sorted(views()))
def test_a_table_s_preview(seeded: Server, view: str) -> None:
    with connect(seeded) as connection:
        found = connection.execute(f"{wrapped(view)}\nlimit 1000".encode())
        assert [each.name for each in found.description or ()] == [each.name for each in views()[view].columns]


@pytest.mark.parametrize("view", sorted(views()))
def test_each_column_is_filtered_sorted_and_counted(seeded: Server, view: str) -> None:
    with connect(seeded) as connection:
        connection.execute("SET statement_timeout = '120s'")
        for each in views()[view].columns:
            name = f'"{each.name}"'
            for statement in (
                f'select count(distinct {name}) + max(case when {name} is null then 1 else 0 end) from (select * from ({wrapped(view)}) "_" limit 100) "t"',
                f'select "rows".{name} as {name} from ({wrapped(view)}) "rows" group by {name} limit 1000001',
                f'select * from (select "_".{name} from ({wrapped(view)}) "_" where not ("_".{name} is null)) "_" order by "_".{name} limit 501',
            )[:: 2 if view in ("events", "logs", "user_actions", "input_changes") else 1]:
                connection.execute(statement.encode())


FOLDED = {
    "actions a day of a period": """
        select "rows"."occurred_on" as "occurred_on", count(1) as "a0"
        from (select "_"."occurred_on" from ({user_actions}) "_"
              where "_"."occurred_on" >= cast((now() - interval '2 days') as date) and "_"."occurred_on" < date '2100-01-01') "rows"
        group by "occurred_on" limit 1000001""",
    "lines of a run": """
        select "$Ordered"."message" from (select "_".* from ({logs}) "_" where "_"."run_key" = cast(7 as int8)) "$Ordered"
        order by "$Ordered"."event_seq" limit 501""",
    "events of a scenario": """
        select "_"."kind", count(1) as "a0" from ({events}) "_" where "_"."scenario_key" = 7 group by "_"."kind" limit 1000001""",
    "events of a scenario by its name": """
        select "OTBL"."kind", count(1) as "a0"
        from ({events}) "OTBL" left outer join ({scenarios}) "ITBL" on ("OTBL"."scenario_key" = "ITBL"."scenario_key")
        where "ITBL"."name" = 'Plan 7' group by "OTBL"."kind" limit 1000001""",
    "the newest events": """
        select "_"."summary" from ({events}) "_" order by "_"."occurred_at" desc limit 501""",
    "events of the last hour": """
        select "_"."kind", count(1) from ({events}) "_"
        where "_"."occurred_at" >= cast(now() at time zone 'UTC' - interval '1 hour' as timestamp) group by "_"."kind" limit 1000001""",
    "errors by category of a period": """
        select "_"."category", count(1) as "a0" from ({errors}) "_"
        where "_"."occurred_on" >= cast(now() - interval '3 days' as date) group by "_"."category" limit 1000001""",
    "changes of inputs of a scenario": """
        select "_"."name", "_"."old_value" from ({input_changes}) "_" where "_"."scenario_key" = 9
        order by "_"."event_seq" desc limit 501""",
}


def explained(connection: psycopg.Connection[Any], statement: str) -> list[str]:
    return [line for (line,) in connection.execute(f"EXPLAIN {statement}".encode())]


def read_whole(connection: psycopg.Connection[Any], plan: list[str]) -> list[str]:
    """Its large facts that are read from end to end."""
    large = {name for (name,) in connection.execute(LARGE.encode())}
    return [line for line in plan if "Seq Scan on" in line and large & set(line.split())]


@pytest.mark.parametrize("login", ["clearsight_bi", "anne"])
@pytest.mark.parametrize("name", sorted(FOLDED))
def test_an_index_answers_what_a_visual_asks(seeded: Server, name: str, login: str) -> None:
    statement = FOLDED[name].format(**{view: wrapped(view) for view in views()})
    with connect(seeded, login) as connection:
        plan = explained(connection, statement)
        assert connection.execute(statement.encode()).fetchall() or login == "anne"
        assert not read_whole(connection, plan), "\n".join(plan)


def test_the_plan_test_would_find_one(seeded: Server) -> None:
    with connect(seeded) as connection:
        plan = explained(connection, "select count(*) from bi.logs where message like '%x%'")
        assert any("fact_cloudwatch_log" in line for line in read_whole(connection, plan))
