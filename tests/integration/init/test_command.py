"""`clearsight init` as a person and a program meet it: what it prints, what it refuses, and that no password is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from kit.server import Server

from clearsight.mapping_file import load_mapping, parse_mapping

pytestmark = pytest.mark.integration


class Ran:
    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLEARSIGHT_", "PG"))}
        done = subprocess.run(
            [sys.executable, "-m", "clearsight", "init", *arguments],
            cwd=folder,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        assert "Traceback" not in self.err, self.err
        assert "secret-word" not in self.out + self.err


def test_the_file_goes_to_standard_output_and_the_reasons_to_the_other(tmp_path: Path, demo: str) -> None:
    ran = Ran(tmp_path, "--source", demo)
    assert ran.code == 0
    assert parse_mapping(ran.out).scenario.table == "forecast.scenarios"
    assert "nothing was changed" in ran.err
    assert "scenario  forecast.scenarios" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_the_address_may_be_in_a_variable_in_a_file_or_in_the_settings(tmp_path: Path, demo: str) -> None:
    (tmp_path / "dsn").write_text(demo + "\n")
    assert Ran(tmp_path, "--source", "env:APP", APP=demo).code == 0
    assert Ran(tmp_path, "--source", "@dsn").code == 0
    assert Ran(tmp_path, CLEARSIGHT_SOURCE__DSN=demo).code == 0
    assert Ran(tmp_path).code == 2
    assert "the variable APP is not set" in Ran(tmp_path, "--source", "env:APP").err


def test_it_overwrites_only_when_told(tmp_path: Path, demo: str) -> None:
    file = tmp_path / "clearsight.toml"
    assert Ran(tmp_path, "--source", demo, "--write", "clearsight.toml").code == 0
    assert load_mapping(file).source == "forecast"
    file.write_text("# mine\n")
    refused = Ran(tmp_path, "--source", demo, "--write", "clearsight.toml")
    assert (refused.code, file.read_text()) == (2, "# mine\n")
    assert "overwrite it with --force" in refused.err
    assert Ran(tmp_path, "--source", demo, "--write", "clearsight.toml", "--force").code == 0
    assert "forecast.scenarios" in file.read_text()
    assert "cannot be written" in Ran(tmp_path, "--source", demo, "--write", "none/clearsight.toml").err


def test_everything_for_programs(tmp_path: Path, jobs: str) -> None:
    ran = Ran(tmp_path, "--source", jobs, "--json")
    document = json.loads(ran.out)
    assert parse_mapping(document["mapping"]).scenario.table == "public.jobs"
    runs = document["candidates"]["run"]
    assert runs[0]["table"] == "public.job_attempts"
    assert 0 < runs[0]["confidence"] <= 1
    assert runs[0]["reasons"]
    assert "CREATE PUBLICATION" in document["sql"]
    assert document["left_out"] == {
        "public.job_log": "has no primary key and no unique index without nulls: nothing identifies a row"
    }


def test_the_printed_sql_prepares_the_source_and_the_application_goes_on(planung: str, tmp_path: Path) -> None:
    """Full identity of a table whose generated columns are not published would stop its updates; partitions need theirs."""
    ran = Ran(tmp_path, "--source", planung, "--sql")
    assert "publish_via_partition_root = true, publish_generated_columns = stored" in ran.out
    with psycopg.connect(planung, autocommit=True) as connection:
        connection.execute(ran.out.replace("<password>", "x").encode())
        connection.execute(
            """
            INSERT INTO "Planung"."Benutzer" ("Anzeigename", "E-Mail") VALUES ('a', 'b');
            INSERT INTO "Planung"."Szenario" ("Bezeichnung", "Ersteller") VALUES ('x', 1);
            INSERT INTO "Planung"."Annahme" ("SzenarioNr", "Knoten", "Bezeichnung", "Wert") VALUES (1, 'k', 'b', 2);
            UPDATE "Planung"."Annahme" SET "Wert" = 3;
            INSERT INTO "Planung"."Ausführung" ("SzenarioNr", "Status") VALUES (1, 'läuft');
            INSERT INTO "Planung"."Messung.Roh" VALUES (1, '2026-05-01', 1);
            UPDATE "Planung"."Messung.Roh" SET "Größe" = 2;
            DELETE FROM "Planung"."Annahme";
            """
        )
        leaf = connection.execute("SELECT relreplident FROM pg_class WHERE relname = 'Messung 2026'").fetchall()
        assert leaf == [("f",)]
        connection.execute("DROP PUBLICATION clearsight")


@pytest.mark.parametrize(
    ("address", "code", "says"),
    [
        ("postgresql://u:secret-word@127.0.0.1:1/app", 5, "Connection refused"),
        ("postgresql://postgres:secret-word@{host}/nowhere", 5, 'database "nowhere" does not exist'),
        ("postgresql://nobody:secret-word@{host}/postgres", 5, 'role "nobody" does not exist'),
        ("postgresql://u:secret-word@x@127.0.0.1/app", 2, "no connection string"),
        ("postgresql://u:secret-word/x@127.0.0.1/app", 2, "no connection string"),
        ("u:secret-word@127.0.0.1/app", 2, "no connection string"),
    ],
)
def test_an_address_that_does_not_work(tmp_path: Path, machine: Server, address: str, code: int, says: str) -> None:
    ran = Ran(tmp_path, "--source", address.format(host=f"127.0.0.1:{machine.port}"))
    assert ran.code == code
    assert says in ran.err
    assert "mend:" in ran.err


def test_a_database_without_any_fitting_table(tmp_path: Path, database: Any) -> None:
    empty = Ran(tmp_path, "--source", database("empty", "SELECT 1"))
    assert (empty.code, "has no tables that can be looked at" in empty.err) == (3, True)
    dsn = database("poor", "CREATE TABLE country (code text PRIMARY KEY, label text); CREATE TABLE nokey (status text)")
    poor = Ran(tmp_path, "--source", dsn)
    assert poor.code == 3
    assert "looked at 1 of them; the best were public.country" in poor.err
    assert "--answer scenario=public.country" in poor.err
    assert 'ALTER TABLE "public"."nokey" ADD PRIMARY KEY' in poor.err
    assert Ran(tmp_path, "--source", dsn, "-a", "scenario=public.country").code == 0


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ("run=public.job_attempt", 3, "did you mean public.job_attempts?"),
        ("run=public.job_log", 3, "ADD PRIMARY KEY"),
        ("run=jobs", 2, "is not schema.table"),
        ("walk=public.jobs", 2, "is not understood"),
        ("run.error=nothing", 2, "public.job_attempts has no such column"),
        ("run.colour=status", 2, "no such key"),
        ("run", 2, "is not understood"),
        ("scenario=none", 2, "is not schema.table"),
    ],
)
def test_an_answer_that_cannot_be_followed(tmp_path: Path, jobs: str, answer: str, code: int, says: str) -> None:
    ran = Ran(tmp_path, "--source", jobs, "--answer", answer)
    assert ran.code == code, ran.err
    assert says in ran.err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '"public.job_attempts"',
            '"public.job_attempt"',
            ":source.run.table: the mapping file names public.job_attempt as run",
        ),
        ('started = "begun"', 'started = "begum"', ":source.run.started: the mapping file names the column begum"),
        ('started = "begun"', 'started = "attempt_id"', ""),
        (
            'started = "begun"',
            'started = "correlation_id"',
            ":source.run.started: public.job_attempts.correlation_id is uuid",
        ),
        ('scenario = "job_id"', 'scenario = "attempt_id"', "attempt_id is bigint, and the key of public.jobs is uuid"),
        ('released = "released"', 'released = "freed"', ":source.scenario.lifecycle.released: "),
        (
            'key = ["job_id", "step", "name"]',
            'key = ["job_id", "step"]',
            "nothing makes job_id, step unique in public.job_params",
        ),
    ],
)
def test_a_mapping_beside_its_database(tmp_path: Path, jobs: str, old: str, new: str, says: str) -> None:
    Ran(tmp_path, "--source", jobs, "--write", "my.toml")
    text = (tmp_path / "my.toml").read_text()
    head, _, rest = text.partition("[source.run]")
    changed = (head + "[source.run]" + rest.replace(old, new)) if old in rest else text.replace(old, new)
    assert changed != text
    (tmp_path / "my.toml").write_text(changed)
    ran = Ran(tmp_path, "--source", jobs, "--check", "my.toml")
    if not says:
        assert ran.code == 0  # a number can be a time
        return
    after = head.count("\n") if old in rest else 0
    number = next(n for n, line in enumerate(changed.splitlines(), 1) if new in line and n > after)
    assert f"my.toml:{number}: source." in ran.err
    assert says.removeprefix(":") in ran.err
    assert ran.code == 3


def test_a_mapping_that_fits(tmp_path: Path, planung: str) -> None:
    Ran(tmp_path, "--source", planung, "--write", "my.toml")
    assert Ran(tmp_path, "--source", planung, "--check", "my.toml").out.endswith(": 5 tables\n")
    assert "CREATE PUBLICATION" in Ran(tmp_path, "--source", planung, "--check", "my.toml", "--sql").out
    assert json.loads(Ran(tmp_path, "--source", planung, "--check", "my.toml", "--json").out)["fits"] is True
