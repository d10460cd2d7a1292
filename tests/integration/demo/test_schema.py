"""The schema can be prepared again, and the truth says what was done."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from clearsight.demo.schema import prepare
from clearsight.settings import Settings

pytestmark = pytest.mark.integration


def _application(source: Settings) -> psycopg.Connection:
    assert source.demo.dsn
    return psycopg.connect(source.demo.dsn.get_secret_value())


def test_prepare_again_changes_nothing(source: Settings, admin: psycopg.Connection) -> None:
    user = uuid.uuid4()
    with _application(source) as application:
        application.execute("INSERT INTO forecast.users VALUES (%s, 'a', 'a@example.com')", (user,))
    prepare(source)
    assert admin.execute("SELECT count(*) FROM forecast.users WHERE user_id = %s", (user,)).fetchone() == (1,)
    assert admin.execute("SELECT count(*) FROM truth.change WHERE row_key = %s", (str(user),)).fetchone() == (1,)


def test_the_application_cannot_read_the_truth(source: Settings) -> None:
    with _application(source) as application, pytest.raises(psycopg.errors.InsufficientPrivilege):
        application.execute("SELECT * FROM truth.change")


def test_truth_rows_are_what_was_done(source: Settings, admin: psycopg.Connection) -> None:
    user, scenario, run = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    with _application(source) as application:
        txid = application.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        application.execute("INSERT INTO forecast.users VALUES (%s, 'Zoë \"Z\" O''Hara', 'z@example.com')", (user,))
        application.execute(
            "INSERT INTO forecast.scenarios (scenario_id, name, owner_id) VALUES (%s, 's', %s)", (scenario, user)
        )
        application.execute(
            "INSERT INTO forecast.runs (run_id, scenario_id, started_by, status) VALUES (%s, %s, %s, 'running')",
            (run, scenario, user),
        )
        application.execute(
            "INSERT INTO forecast.run_nodes (run_id, node, status) VALUES (%s, 'price', 'succeeded')", (run,)
        )
        application.execute("UPDATE forecast.users SET name = 'Zoë' WHERE user_id = %s", (user,))
        application.execute("UPDATE forecast.run_nodes SET node = 'demand' WHERE run_id = %s", (run,))
        application.execute("DELETE FROM forecast.scenarios WHERE scenario_id = %s", (scenario,))
    assert txid
    rows = admin.execute(
        "SELECT table_name, op, row_key, before ->> 'name', after ->> 'name'"
        " FROM truth.change WHERE txid = %s ORDER BY seq",
        txid,
    ).fetchall()
    assert rows[:7] == [
        ("forecast.users", "c", str(user), None, 'Zoë "Z" O\'Hara'),
        ("forecast.scenarios", "c", str(scenario), None, "s"),
        ("forecast.runs", "c", str(run), None, None),
        ("forecast.run_nodes", "c", f"{run}/price", None, None),
        ("forecast.users", "u", str(user), 'Zoë "Z" O\'Hara', "Zoë"),
        ("forecast.run_nodes", "d", f"{run}/price", None, None),
        ("forecast.run_nodes", "c", f"{run}/demand", None, None),
    ]
    assert sorted(row[:3] for row in rows[7:]) == sorted(
        [
            ("forecast.scenarios", "d", str(scenario)),
            ("forecast.runs", "d", str(run)),
            ("forecast.run_nodes", "d", f"{run}/demand"),
        ]
    )


def test_rolled_back_work_leaves_nothing(source: Settings, admin: psycopg.Connection) -> None:
    user = uuid.uuid4()
    with _application(source) as application:
        application.execute("INSERT INTO forecast.users VALUES (%s, 'gone', 'gone@example.com')", (user,))
        application.rollback()
    assert admin.execute("SELECT count(*) FROM truth.change WHERE row_key = %s", (str(user),)).fetchone() == (0,)


def test_a_truncation_is_one_truth(source: Settings, admin: psycopg.Connection) -> None:
    with _application(source) as application:
        txid = application.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        application.execute("TRUNCATE forecast.run_nodes")
    assert txid
    rows = admin.execute("SELECT table_name, op, row_key FROM truth.change WHERE txid = %s", txid).fetchall()
    assert rows == [("forecast.run_nodes", "t", "")]
