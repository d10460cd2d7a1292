"""Databases of applications that are unlike each other, on one PostgreSQL."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from kit.server import Server, server
from psycopg import sql

from clearsight.demo.schema import SCHEMA_SQL

HERE = Path(__file__).parent

Database = Callable[[str, str], str]


@pytest.fixture(scope="session")
def machine() -> Iterator[Server]:
    with server("wal_level=logical", "autovacuum=off") as made:
        yield made


@pytest.fixture(scope="session")
def database(machine: Server) -> Database:
    """Makes a database of this name's beginning with these statements; the URL of its administrator."""

    def make(name: str, statements: str) -> str:
        unique = f"{name}_{uuid4().hex[:6]}"
        with psycopg.connect(machine.dsn("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unique)))
        dsn = machine.dsn("postgres", unique)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(statements.encode())
        return dsn

    return make


@pytest.fixture(scope="session")
def demo(database: Database) -> str:
    return database("demo", SCHEMA_SQL.read_text().replace("{role}", "postgres"))


@pytest.fixture(scope="session")
def planung(database: Database) -> str:
    return database("planung", (HERE / "planung.sql").read_text())


@pytest.fixture(scope="session")
def jobs(database: Database) -> str:
    return database("jobs", (HERE / "jobs.sql").read_text())


@pytest.fixture(scope="session")
def loan(database: Database, shared_data: Path) -> str:
    """The real loan application's tables: its own DDL, as its server logged it, and its rows at the end."""
    folder = shared_data / "debezium-pg-loan"
    if not folder.is_dir():
        pytest.skip("the loan capture is not beside this checkout")
    with gzip.open(folder / "pglog-main.jsonl.gz", "rt") as log:
        logged = (json.loads(line)["message"] for line in log if "statement: " in line)
        statements = [
            text.removeprefix("statement: ") for text in logged if "create schema loan" in text or "add column" in text
        ]
    dsn = database("loan", ";".join(statements))
    rows = json.loads(gzip.decompress((folder / "final_state-main.json.gz").read_bytes()))
    with psycopg.connect(dsn) as connection:
        for table in ("staff", "application", "offer", "work_item"):
            images = [{"terms": "", **row} for row in rows[table]]
            connection.execute(
                sql.SQL("INSERT INTO {0} SELECT * FROM jsonb_populate_recordset(NULL::{0}, %s)").format(
                    sql.Identifier("loan", table)
                ),
                [json.dumps(images)],
            )
        connection.execute("ANALYZE")
    return dsn
