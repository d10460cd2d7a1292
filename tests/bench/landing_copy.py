"""A peer: raw COPY of the rows that the worker had landed, into empty tables like the facts.

The same columns, indexes, partitions, checks and foreign keys. Nothing is decoded, joined or looked up: it is the floor
that the server itself sets for one connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from ground import Ground
from landing_worker import facts, settle
from psycopg import sql

SCHEMA = "bench_copy"
FORMATS = ("binary", "text")
CHUNK_BYTES = 1 << 20


def export(ground: Ground, folder: Path, form: str) -> None:
    """One file for each fact, in the order in which its rows had landed."""
    folder.mkdir(parents=True, exist_ok=True)
    with ground.reporting() as connection, connection.cursor() as cursor:
        for fact in facts(connection):
            command = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT (FORMAT {})").format(
                _columns(connection, fact), sql.Identifier("rpt", fact), sql.SQL(form)
            )
            with _file(folder, fact, form).open("wb") as file, cursor.copy(command) as copy:
                for block in copy:
                    file.write(block)


def copy_in(ground: Ground, folder: Path, form: str, say: Callable[[str], None]) -> float:
    """Seconds that COPY took, each fact in a transaction of its own; the files are in the page cache."""
    with ground.reporting() as connection:
        _fresh_tables(connection)
        settle(ground)
        seconds = 0.0
        for fact in facts(connection):
            say(f"{form}, {fact}")
            seconds += _copy_one(connection, fact, _file(folder, fact, form), form)
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(SCHEMA)))
    return seconds


def _copy_one(connection: psycopg.Connection[Any], fact: str, path: Path, form: str) -> float:
    command = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(
        sql.Identifier(SCHEMA, fact), _columns(connection, fact), sql.SQL(form)
    )
    began_s = time.perf_counter()
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(command) as copy:
        while block := file.read(CHUNK_BYTES):
            copy.write(block)
    return time.perf_counter() - began_s


def _columns(connection: psycopg.Connection[Any], fact: str) -> sql.Composable:
    """Those that a row brings: PostgreSQL makes the generated ones itself, here as there."""
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attgenerated = '' ORDER BY attnum",
        [f"rpt.{fact}"],
    ).fetchall()
    return sql.SQL(", ").join(sql.Identifier(name) for (name,) in found)


def _file(folder: Path, fact: str, form: str) -> Path:
    return folder / f"{fact}.{form}"


def _fresh_tables(connection: psycopg.Connection[Any]) -> None:
    schema = sql.Identifier(SCHEMA)
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    for fact in facts(connection):
        ((by,),) = connection.execute("SELECT pg_get_partkeydef(%s::regclass)", [f"rpt.{fact}"]).fetchall()
        connection.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) {}").format(
                sql.Identifier(SCHEMA, fact),
                sql.Identifier("rpt", fact),
                sql.SQL(f"PARTITION BY {by}" if by else ""),  # type: ignore[arg-type]
            )
        )
        _partitions(connection, fact)
        _foreign_keys(connection, fact)


def _partitions(connection: psycopg.Connection[Any], fact: str) -> None:
    found = connection.execute(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass",
        [f"rpt.{fact}"],
    ).fetchall()
    for name, bound in found:
        connection.execute(
            sql.SQL("CREATE TABLE {} PARTITION OF {} {}").format(
                sql.Identifier(SCHEMA, name), sql.Identifier(SCHEMA, fact), sql.SQL(bound)
            )
        )


def _foreign_keys(connection: psycopg.Connection[Any], fact: str) -> None:
    found = connection.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'",
        [f"rpt.{fact}"],
    ).fetchall()
    for (definition,) in found:
        connection.execute(sql.SQL("ALTER TABLE {} ADD {}").format(sql.Identifier(SCHEMA, fact), sql.SQL(definition)))
