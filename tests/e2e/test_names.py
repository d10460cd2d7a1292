"""Tables whose names have umlauts, mixed case, spaces and dots, partitioned and with generated columns: from the proposal
through the real connector to facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kit.product import Product
from kit.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

TABLES = Path(__file__).parents[1] / "integration" / "init" / "planung.sql"
BEFORE = """
INSERT INTO "Planung"."Benutzer" ("Anzeigename", "E-Mail") VALUES ('Änne', 'a@example.com');
INSERT INTO "Planung"."Szenario" ("Bezeichnung", "Ersteller") VALUES ('Größe', 1);
"""
CHANGES = """
BEGIN;
SELECT pg_logical_emit_message(true, 'clearsight', '{"correlation_id": "c-1", "user": "1", "use_case": "x"}');
INSERT INTO "Planung"."Annahme" ("SzenarioNr", "Knoten", "Bezeichnung", "Wert") VALUES (1, 'Bedarf', 'Menge', 2);
UPDATE "Planung"."Annahme" SET "Wert" = 0;
INSERT INTO "Planung"."Ausführung" ("SzenarioNr", "gestartet von", "Status") VALUES (1, 1, 'läuft');
UPDATE "Planung"."Ausführung" SET "Status" = 'fehlgeschlagen', "Fehlermeldung" = 'kaputt', "fehlerhafter Knoten" = 'Bedarf',
       "beendet am" = now();
INSERT INTO "Planung"."Messung.Roh" VALUES (1, '2026-05-01', 1);
UPDATE "Planung"."Messung.Roh" SET "Größe" = 2;
UPDATE "Planung"."Szenario" SET "Zustand" = 'eingereicht', "eingereicht am" = now();
COMMIT;
"""
FACTS = """
SELECT table_schema || '/' || table_name, op::text, row_key, correlation_id FROM rpt.fact_row_change WHERE link <> 'pending'
 ORDER BY commit_lsn, lsn, total_order
"""
RUNS = "SELECT outcome, error_message, failing_node FROM rpt.fact_run_diagnostic WHERE outcome = 'failed'"
STATES = "SELECT to_state, how_known FROM rpt.fact_scenario_state_change WHERE how_known = 'column'"


def rows(dsn: str, query: str, wanted: int) -> list[tuple[Any, ...]]:
    """Once there are so many."""

    def found() -> list[tuple[Any, ...]] | None:
        with psycopg.connect(dsn) as connection:
            there = connection.execute(query.encode()).fetchall()
        return there if len(there) == wanted else None

    return until(found, f"{wanted} rows of {query}", limit_s=90, every_s=0.2) or []


def test_to_a_fact(product: Product, tmp_path: Path) -> None:
    product.run("up", "--only", "connect,migrate")
    settings = json.loads((product.home / "stack.json").read_text())["settings"]
    admin = settings["source"]["admin_dsn"].removesuffix("/source")
    with psycopg.connect(f"{admin}/source", autocommit=True) as connection:
        connection.execute('CREATE DATABASE "Planungs.DB"')
    admin = f"{admin}/Planungs.DB"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(TABLES.read_bytes())
        connection.execute(BEFORE.encode())
    role = admin.split("//")[1].split("@")[1]
    mapped = Product(
        product.home,
        CLEARSIGHT_MAPPING_FILE=str(tmp_path / "clearsight.toml"),
        CLEARSIGHT_SOURCE__ADMIN_DSN=admin,
        CLEARSIGHT_SOURCE__ROLE="planungs_cdc",
        CLEARSIGHT_SOURCE__DSN=f"postgresql://planungs_cdc:geheim@{role}",
    )
    mapped.run("init", "--source", admin, "--write", str(tmp_path / "clearsight.toml"))
    assert "connector clearsight runs" in mapped.run("register", "--prepare")
    worker = mapped.start("worker")
    try:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(CHANGES.encode())
        report = settings["report"]["owner_dsn"]
        changes = rows(report, FACTS, 7)
        failed = rows(report, RUNS, 1)
        states = rows(report, STATES, 1)
    finally:
        worker.terminate()
        worker.wait(60)
    expected = [
        ("Planung/Annahme", "c", "1"),
        ("Planung/Annahme", "u", "1"),
        ("Planung/Ausführung", "c", "1"),
        ("Planung/Ausführung", "u", "1"),
        ("Planung/Messung.Roh", "c", "1/2026-05-01T00:00:00Z"),
        ("Planung/Messung.Roh", "u", "1/2026-05-01T00:00:00Z"),
        ("Planung/Szenario", "u", "1"),
    ]
    assert [(*change[:2], change[2].replace(".000000Z", "Z")) for change in changes] == expected
    assert {change[3] for change in changes} == {"c-1"}
    assert failed == [("failed", "kaputt", "Bedarf")]
    assert ("eingereicht", "column") in states
