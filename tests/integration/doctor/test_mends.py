"""The statements that the doctor advises mend the source, and never stop the application, in whatever order they are run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
import pytest
from kit.server import Server, server
from pydantic import SecretStr

from clearsight.cli.examination import examine
from clearsight.doctor.finding import Finding
from clearsight.settings import Settings, SourceSettings
from connectors.debezium.source import prepare

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

MAPPING = """
[source]
name = "planung"
[source.scenario]
table = 'Planung."Mein.Plan"'
key = ["Nr"]
[source.input]
table = 'Planung."Größe ""A"" m"'
key = ["id"]
scenario = "Nr"
[[source.other]]
table = 'Planung.Messung'
key = ["id"]
scenario = "Nr"
[[source.other]]
table = 'Planung.stamm'
key = ["id"]
replica_identity = "default"
"""
TABLES = ('"Planung"."Mein.Plan"', '"Planung"."Größe ""A"" m"', '"Planung"."Messung"', '"Planung"."stamm"')
PLAN, SIZE, PARTED, MASTER = TABLES
SCHEMA = f"""
CREATE SCHEMA "Planung";
CREATE TABLE {PLAN} ("Nr" int PRIMARY KEY, n int);
CREATE TABLE {SIZE} (id int PRIMARY KEY, "Nr" int, n int, "Doppelt" int GENERATED ALWAYS AS (n * 2) STORED);
CREATE TABLE {PARTED} (id int PRIMARY KEY, "Nr" int, n int) PARTITION BY RANGE (id);
CREATE TABLE "Planung"."Messung 1" PARTITION OF {PARTED} FOR VALUES FROM (0) TO (9);
CREATE TABLE {MASTER} (id int PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) VIRTUAL);
"""
PLAIN = f"DROP PUBLICATION IF EXISTS clearsight; CREATE PUBLICATION clearsight FOR TABLE {', '.join(TABLES)}"
BROKEN = {
    "no publication": "DROP PUBLICATION clearsight",
    "no options": PLAIN,
    "a table left out": f"ALTER PUBLICATION clearsight DROP TABLE {SIZE}, {PARTED}; "
    "ALTER PUBLICATION clearsight SET (publish_via_partition_root = false, publish_generated_columns = none)",
    "old rows not whole": "; ".join(
        [*(f"ALTER TABLE {table} REPLICA IDENTITY DEFAULT" for table in (PLAN, SIZE, PARTED)), PLAIN]
    ),
    "everything": 'DROP PUBLICATION clearsight; ALTER TABLE "Planung".stamm REPLICA IDENTITY DEFAULT; '
    "CREATE PUBLICATION clearsight FOR ALL TABLES; CREATE TABLE IF NOT EXISTS public.more (id int PRIMARY KEY)",
    "a column left out": f"ALTER TABLE {SIZE} REPLICA IDENTITY DEFAULT; "
    f'ALTER PUBLICATION clearsight SET TABLE {PLAN}, {SIZE} (id, "Nr"), {PARTED}, {MASTER}',
    "a partition made later": 'DROP TABLE IF EXISTS "Planung"."Messung 2"; CREATE TABLE "Planung"."Messung 2" '
    f"PARTITION OF {PARTED} FOR VALUES FROM (9) TO (99)",
}


@pytest.fixture(scope="module")
def source() -> Iterator[Server]:
    with server("wal_level=logical") as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            connection.execute(SCHEMA.encode())
        yield made


@pytest.fixture(scope="module")
def settings(source: Server, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    file = tmp_path_factory.mktemp("mends") / "clearsight.toml"
    file.write_text(MAPPING, encoding="utf-8")
    cdc = SecretStr(source.dsn("clearsight_cdc"))
    return Settings(mapping_file=file, source=SourceSettings(dsn=cdc, admin_dsn=SecretStr(source.dsn("postgres"))))


@pytest.fixture
def connection(source: Server, settings: Settings) -> Iterator[psycopg.Connection]:
    prepare(settings.source, settings.mapping)
    with psycopg.connect(source.dsn("postgres"), autocommit=True) as made:
        yield made


def wrong(settings: Settings) -> list[Finding]:
    """The slot apart, which the connector makes."""
    report = examine(settings, ("source",))
    assert report.not_checked == []
    return [finding for finding in report.findings if not finding.code.startswith("source.slot-")]


def works(connection: psycopg.Connection) -> bool:
    """The application's own updates and deletes."""
    try:
        for table in TABLES:
            key = '"Nr"' if table == PLAN else "id"
            connection.execute(f"INSERT INTO {table} ({key}, n) VALUES (1, 1)".encode())
            connection.execute(f"UPDATE {table} SET n = 2".encode())
            connection.execute(f"DELETE FROM {table}".encode())
    except psycopg.errors.InvalidColumnReference:
        for table in TABLES:
            connection.execute(f"TRUNCATE {table}".encode())
        return False
    return True


def identity(connection: psycopg.Connection, table: str) -> str:
    row = connection.execute("SELECT relreplident::text FROM pg_class WHERE oid = %s::regclass", [table]).fetchone()
    assert row
    return str(row[0])


def test_a_table_that_shall_keep_its_identity_keeps_it(connection: psycopg.Connection, settings: Settings) -> None:
    assert [identity(connection, table) for table in TABLES] == ["f", "f", "f", "d"]
    assert wrong(settings) == []
    assert works(connection)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("how", BROKEN)
def test_the_advised_statements(connection: psycopg.Connection, settings: Settings, how: str, order: int) -> None:
    connection.execute(BROKEN[how].encode())
    worked, findings = works(connection), wrong(settings)
    assert findings
    for finding in findings[::order]:
        statements = re.findall(r"(?:^|; )((?:ALTER|CREATE|DROP) [^;]+)", finding.mend)
        assert statements, finding
        for statement in statements:
            connection.execute(statement.encode())
        worked_before, worked = worked, works(connection)
        assert worked or not worked_before, finding
    assert wrong(settings) == []
    assert worked
