"""Who lands lets others work while PostgreSQL has much to do, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from kit.server import server
from kit.waiting import until

from stream_processors.landing_cursor import MUCH, giving_cursor
from stream_processors.right_of_way import RightOfWay

pytestmark = pytest.mark.integration

LIMIT_S = 120.0
"""How long the others stand back at most: longer than anything here lasts."""
ENDS_S = 60
SLOW = "SELECT pg_sleep(0.3) WHERE %s::text IS NOT NULL"
LASTING = "SELECT pg_advisory_lock(1) WHERE %s::text IS NOT NULL"
"""As long as somebody else has the lock."""

Ask = Callable[[psycopg.Cursor[Any], "Future[list[int]]"], object]
"""What a cursor does; the future is of what the others do."""


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[Any]]:
    with server() as made, psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE lines (line text)")
        connection.execute(f"SET statement_timeout = '{ENDS_S}s'".encode())
        yield connection


def others_worked(connection: psycopg.Connection[Any], ask: Ask) -> bool:
    """While the cursor was at it."""
    way = RightOfWay(LIMIT_S)
    connection.cursor_factory = giving_cursor(way, psycopg.Cursor)

    def work() -> list[int]:
        return list(way.paced(range(1)))

    with ThreadPoolExecutor(1) as thread, connection.cursor() as cursor:
        with way.taken():
            working = thread.submit(work)
            ask(cursor, working)
            done = working.done()
        assert working.result(LIMIT_S) == [0]
    return done


@pytest.mark.parametrize("parameters", [["x" * MUCH], ("x" * MUCH,)])
def test_they_work_during_a_statement_about_much(connection: psycopg.Connection[Any], parameters: Any) -> None:
    """It lasts until they have."""
    with psycopg.connect(connection.info.dsn, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(1)")

        def last(cursor: psycopg.Cursor[Any], working: Future[list[int]]) -> None:
            working.add_done_callback(lambda _: holder.execute("SELECT pg_advisory_unlock(1)"))
            cursor.execute(LASTING, parameters)

        assert others_worked(connection, last)
    connection.execute("SELECT pg_advisory_unlock(1)")


def test_they_stand_back_during_a_statement_about_little(connection: psycopg.Connection[Any]) -> None:
    assert not others_worked(connection, lambda cursor, _: cursor.execute(SLOW, ["x"]))
    assert not others_worked(connection, lambda cursor, _: cursor.execute("SELECT pg_sleep(0.1)"))


def test_they_work_during_a_copy(connection: psycopg.Connection[Any]) -> None:
    """It lasts until they have."""
    lines = 0

    def copy(cursor: psycopg.Cursor[Any], working: Future[list[int]]) -> None:
        def write() -> bool:
            nonlocal lines
            lines += 1
            copying.write("x" * 1000 + "\n")
            return working.done()

        with cursor.copy("COPY lines FROM STDIN") as copying:
            until(write, "the others work", ENDS_S, 0.001)

    assert others_worked(connection, copy)
    with connection.cursor() as cursor:
        assert cursor.execute("SELECT count(*) FROM lines").fetchall() == [(lines,)]
