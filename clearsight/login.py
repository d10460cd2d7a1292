"""Logs in to a PostgreSQL to look at it: quickly, or with the reason why not, without secrets."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection, pq
from psycopg.conninfo import conninfo_to_dict

from clearsight.doctor.finding import Away
from clearsight.errors import first_line_of

CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 3_000


def log_in(dsn: str) -> Connection[Any] | Away:
    """A connection that commits each statement and waits for none longer than three seconds; Away where there is none."""
    try:
        connection: Connection[Any] = psycopg.connect(
            dsn, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="clearsight-doctor"
        )
        connection.execute(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}".encode())
        connection.execute("SET default_transaction_read_only = on")
        connection.execute(
            "SELECT set_config('clearsight.role', 'admin', false), set_config('clearsight.sees', '{(,)}', false)"
        )
    except psycopg.Error as error:
        return Away(place_of(dsn), first_line(error), refused=answers(dsn, error))
    return connection


def place_of(dsn: str) -> str:
    """Host, port and database of a connection string."""
    parts = conninfo_to_dict(dsn)
    return (
        f"{parts.get('host') or 'localhost'}:{parts.get('port') or 5432}/{parts.get('dbname') or parts.get('user', '')}"
    )


def first_line(error: BaseException) -> str:
    """Its reason; libpq puts the address before it, which is said anyway."""
    line = first_line_of(error)
    _, fatal, reason = line.partition("FATAL:")
    return reason.strip() if fatal else line


def answers(dsn: str, error: BaseException | None) -> bool:
    """Whether a server accepts connections there, so that it was this login that it refused."""
    if isinstance(error, psycopg.errors.ConnectionTimeout):
        return False
    return pq.PGconn.ping(f"{dsn_without_password(dsn)}".encode()) == pq.Ping.OK


def dsn_without_password(dsn: str) -> str:
    parts = {key: value for key, value in conninfo_to_dict(dsn).items() if key != "password"}
    return psycopg.conninfo.make_conninfo("", **{**parts, "connect_timeout": CONNECT_TIMEOUT_S})
