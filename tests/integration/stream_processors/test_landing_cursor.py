"""Who lands lets others work while PostgreSQL has much to do, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from kit.server import server

from stream_processors.landing_cursor import MUCH, giving_cursor
from stream_processors.right_of_way import RightOfWay

pytestmark = pytest.mark.integration

LIMIT_S = 20.0
SLOW = "SELECT pg_sleep(0.3) WHERE %s::text IS NOT NULL"


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[Any]]:
    with server() as made, psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE lines (line text)")
        yield connection


def others_worked(connection: psycopg.Connection[Any], ask: Callable[[psycopg.Cursor[Any]], object]) -> bool:
    """While the cursor was at it."""
    way = RightOfWay(LIMIT_S)
    connection.cursor_factory = giving_cursor(way, psycopg.Cursor)

    def work(_: object = None) -> list[int]:
        return list(way.paced(range(1)))

    with ThreadPoolExecutor(1) as thread, connection.cursor() as cursor:
        with way.taken():
            working: Future[list[int]] = thread.submit(work)
            ask(cursor)
            done = working.done()
        assert working.result(LIMIT_S) == [0]
    return done


@pytest.mark.parametrize("parameters", [["x" * MUCH], ("x" * MUCH,)])
def test_they_work_during_a_statement_about_much(connection: psycopg.Connection[Any], parameters: Any) -> None:
    assert others_worked(connection, lambda cursor: cursor.execute(SLOW, parameters))


def test_they_stand_back_during_a_statement_about_little(connection: psycopg.Connection[Any]) -> None:
    assert not others_worked(connection, lambda cursor: cursor.execute(SLOW, ["x"]))
    assert not others_worked(connection, lambda cursor: cursor.execute("SELECT pg_sleep(0.1)"))


def test_they_work_during_a_copy(connection: psycopg.Connection[Any]) -> None:
    def copy(cursor: psycopg.Cursor[Any]) -> None:
        with cursor.copy("COPY lines FROM STDIN") as copying:
            for _ in range(2000):
                copying.write("x" * 1000 + "\n")

    assert others_worked(connection, copy)
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM lines").fetchall() == [(2000,)]
