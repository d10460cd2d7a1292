"""`clearsight dead-letters` and `clearsight coverage`, as an operator uses them, on a real reporting database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kit.debezium import NAMES, T0_US, forwarder_state, partitioned
from kit.reporting import Reporting
from kit.story import NODES, tell
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import ClearSightError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping, parse_mapping
from stream_processors import marks
from stream_processors.batch import assemble
from stream_processors.decode import Decoder
from stream_processors.land import Landing
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
RECORDS = partitioned(tell())
REASON = f"the mapping file does not name the table {NODES}"


@dataclass
class Operator:
    """Somebody with a terminal, and the database behind it."""

    reporting: Reporting
    settings: dict[str, str]

    def run(self, *arguments: str, code: int = 0, **settings: str) -> str:
        """What the command printed on standard output; where it is to fail, everything that it printed."""
        done = CliRunner().invoke(build(), arguments, env={**self.settings, **settings})
        error = done.exception
        told = isinstance(error, ClearSightError)
        assert (error.exit_code if told else done.exit_code) == code, f"{arguments}: {done.output}{error!r}"
        return done.stdout if code == 0 else done.output + (f"error: {error.message} {error.mend}" if told else "")

    def json(self, *arguments: str, **settings: str) -> Any:
        return json.loads(self.run(*arguments, "--json", **settings))


@pytest.fixture(scope="module")
def made(new_report_database: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    database = new_report_database()
    reporting = Reporting(database.owner_dsn, database.writer_dsn, MAPPING, NAMES)
    settings = {
        "CLEARSIGHT_HOME": str(tmp_path_factory.mktemp("home")),
        "CLEARSIGHT_REPORT__WRITER_DSN": database.writer_dsn,
        "CLEARSIGHT_REPORT__API_DSN": database.api_dsn,
        "CLEARSIGHT_CLOUDWATCH__GROUPS": '["/clearsight/test"]',
        "COLUMNS": "200",
    }
    yield Operator(reporting, settings)
    reporting.close()


@pytest.fixture
def operator(made: Operator) -> Operator:
    made.reporting.empty()
    return made


def without_nodes() -> str:
    """The text of a mapping file that somebody forgot a table in."""
    kept = [part for part in DEFAULT_MAPPING.read_text().split("\n[[") if f'"{NODES}"' not in part]
    return "\n[[".join(kept)


def land(operator: Operator, mapping_text: str | None = None, records: list[RawRecord] = RECORDS) -> None:
    mapping = parse_mapping(mapping_text) if mapping_text else MAPPING
    landing = Landing(operator.reporting.connect, mapping, NAMES, operator.reporting.ownership())
    landing.land(assemble(records, Decoder(mapping, NAMES)))


def facts(operator: Operator) -> Any:
    operator.reporting.settle()
    return operator.reporting.facts()


def test_from_the_first_look_to_the_mended_mapping(operator: Operator, tmp_path: Path) -> None:
    land(operator)
    from_the_start = facts(operator)
    operator.reporting.empty()
    wrong = tmp_path / "clearsight.toml"
    wrong.write_text(without_nodes())
    land(operator, wrong.read_text())

    assert operator.run("dead-letters", "list").startswith(f"2 × {REASON}\n    {NAMES.change(NODES)}; first seen 20")
    (first, second) = operator.json("dead-letters", "list", "--each")["letters"]
    assert (first["topic"], first["reason"], first["state"]) == (NAMES.change(NODES), REASON, "open")
    shown = operator.run("dead-letters", "show", str(second["id"]))
    assert '"node": "demand"' in shown

    still = operator.run("dead-letters", "redrive", "--all", code=8, CLEARSIGHT_MAPPING_FILE=str(wrong))
    assert f"2 × {REASON}" in still
    assert "2 of 2 letters failed again" in still
    tried = operator.run("dead-letters", "redrive", "--reason", "DOES NOT NAME", "--dry-run")
    assert tried == "2 of 2 letters would land\n"
    assert operator.run("dead-letters", "redrive", "--id", str(first["id"]), "--by", "ann") == "1 of 1 letters landed\n"
    assert operator.json("dead-letters", "redrive", "--all") == {
        "tried": 1, "landed": 1, "failed": 0, "reasons": {}, "dry_run": False
    }  # fmt: skip
    assert facts(operator) == from_the_start
    assert operator.run("dead-letters", "redrive", "--all") == "no such letter is open\n"
    assert operator.run("dead-letters", "list") == "no open dead letter\n"
    resolved = operator.json("dead-letters", "list", "--state", "resolved", "--each")["letters"]
    assert [(letter["attempts"], letter["closed_because"]) for letter in resolved] == [(3, "landed by a redrive")] * 2
    assert resolved[0]["closed_by"] == "ann"


def test_bytes_that_are_no_json_are_shown_and_harmless(operator: Operator) -> None:
    values = [b'{"a": ["x\\u001b[2J"', b"\xff\xfe\x00", b"plain \x1b[2J text", b'{"event_id": 1, "big": 1.50}']
    land(operator, None, [RawRecord(NAMES.logs, 0, at, T0_US // 1000, b"k", value) for at, value in enumerate(values)])
    shown = [operator.run("dead-letters", "show", str(number)) for number in range(1, 5)]
    assert [text.splitlines()[-1] for text in shown] == [
        '{"a": ["x\\u001b[2J"', "fffe00", "plain \\x1b[2J text", "}"
    ]  # fmt: skip
    documents = [operator.json("dead-letters", "show", str(number))["value"] for number in range(1, 5)]
    assert documents == [values[0].decode(), {"hex": "fffe00"}, values[2].decode(), {"event_id": 1, "big": 1.50}]


def test_a_long_value_is_cut_unless_asked_for(operator: Operator) -> None:
    land(operator, None, [RawRecord(NAMES.logs, 0, 0, T0_US // 1000, None, b"x" * 10_000)])
    assert operator.run("dead-letters", "show", "1").endswith("x\n… and 6,000 characters more\n")
    assert operator.run("dead-letters", "show", "1", "--full").endswith("x" * 10_000 + "\n")


def test_filters_choose(operator: Operator) -> None:
    day_ms = 86_400_000
    at = T0_US // 1000
    records = [RawRecord(NAMES.logs, 0, 0, at - day_ms, None, b"{"), RawRecord(NAMES.message, 0, 0, at, None, b"[]")]
    land(operator, None, records)

    def chosen(*options: str) -> list[int]:
        return [letter["id"] for letter in operator.json("dead-letters", "list", "--each", *options)["letters"]]

    assert chosen() == [1, 2]
    assert chosen("--topic", NAMES.message) == [2]
    assert chosen("--since", "2026-11-22T00:00:00Z") == [2]
    assert chosen("--until", "2026-11-22T01:00:00+01:00") == [1]
    assert chosen("--reason", "TRUNCATED") == [1]
    operator.run("dead-letters", "dismiss", "--id", "1", "--because", "a test", "--by", "ann")
    assert chosen("--state", "all") == [1, 2]
    assert chosen("--state", "dismissed") == [1]
    assert "dismissed 20" in operator.run("dead-letters", "show", "1")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["dead-letters", "show", "99"], 6, "there is no dead letter 99"),
        (["dead-letters", "redrive", "--id", "99"], 6, "there is no dead letter 99"),
        (["dead-letters", "redrive"], 2, "say which letters"),
        (["dead-letters", "dismiss", "--because", "x"], 2, "say which letters"),
        (["dead-letters", "dismiss", "--all", "--because", " "], 2, "say why"),
        (["dead-letters", "dismiss", "--all"], 2, "--because"),
        (["dead-letters", "list", "--state", "lost"], 2, "open, resolved, dismissed, all"),
        (["dead-letters", "list", "--since", "yesterday"], 2, "2026-11-22T08:00:00Z"),
        (["coverage", "acknowledge", "98", "99", "--because", "x"], 6, "there is no gap 98, 99"),
    ],
)
def test_mistakes_are_told(operator: Operator, arguments: list[str], code: int, words: str) -> None:
    told = operator.run(*arguments, code=code)
    assert words in " ".join(told.replace("│", " ").split())
    assert "Traceback" not in told


def test_a_database_that_is_away_is_told_without_its_password(operator: Operator) -> None:
    away = "postgresql://clearsight_writer:secret-word@127.0.0.1:1/report"
    done = subprocess.run(
        [sys.executable, "-m", "clearsight", "dead-letters", "list"],
        env={**os.environ, **operator.settings, "CLEARSIGHT_REPORT__WRITER_DSN": away},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 5
    assert "CLEARSIGHT_REPORT__WRITER_DSN" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stdout + done.stderr


def complete(operator: Operator) -> None:
    """Everything has landed and is marked so."""
    records = partitioned([*tell(), forwarder_state(T0_US + 9_500_000, {"0": 6})])
    land(operator, None, records)
    operator.reporting.settle()
    with operator.reporting.connect() as connection, connection.cursor() as cursor:
        offsets = {f"{record.topic}/0": record.offset + 1 for record in records}
        marks.keep_changes(cursor, MAPPING.source, T0_US + 9_000_000, 20_000, offsets)


def test_coverage_in_plain_words(operator: Operator) -> None:
    complete(operator)
    told = operator.run("coverage", "--fail-on-gap")
    assert told.startswith("complete: nothing is known to be missing through 2026-11-22T23:18:38.000Z\n")
    assert "row changes  all through 2026-11-22T23:18:38.000Z, log position 0/4E20, " in told
    assert "/clearsight/test: all through 2026-11-22T23:18:38.500Z" in told
    assert "gaps         none" in told
    assert "dead letters none open" in told
    assert "out of band  1 row changes without context" in told


def test_a_gap_fails_the_check_until_it_is_acknowledged_and_shows_all_the_same(operator: Operator) -> None:
    complete(operator)
    operator.reporting.rows(
        "INSERT INTO rpt.gap (topic, kafka_partition, from_offset, to_offset, reason, events_after, events_before)"
        " VALUES ('t', 0, 5, 1009, 'retention', '2026-11-01T00:00:00Z', '2026-11-02T00:00:00Z') RETURNING 1"
    )
    told = operator.run("coverage", "--fail-on-gap", code=8)
    assert "not complete: 1 gap\n" in told
    assert "t/0, offsets 5 to 1,009: retention" in told
    assert "may hide events after 2026-11-01T00:00:00.000Z and before 2026-11-02T00:00:00.000Z" in told
    assert "error: 1 unexplained gap" in told
    operator.run("coverage", "acknowledge", "1", "--because", "the disk was lost", "--by", "ann")
    told = operator.run("coverage", "--fail-on-gap")
    assert "not complete: 1 gap\n" in told
    assert "by ann: the disk was lost" in told
    (gap,) = operator.json("coverage")["coverage"]["gaps"]
    assert (gap["acknowledged"]["by"], gap["acknowledged"]["because"]) == ("ann", "the disk was lost")


def test_an_open_letter_fails_the_check_until_it_is_closed(operator: Operator) -> None:
    complete(operator)
    land(operator, None, [RawRecord(NAMES.logs, 0, 50, T0_US // 1000, None, b"{")])
    told = operator.run("coverage", "--fail-on-gap", code=8)
    assert "dead letters 1 open: 1 of clearsight.logs" in told
    operator.run("dead-letters", "dismiss", "--all", "--because", "a probe of ours")
    assert operator.run("coverage", "--fail-on-gap").startswith("complete:")


def test_what_waits_is_told_by_age(operator: Operator) -> None:
    complete(operator)
    line = "UPDATE rpt.fact_cloudwatch_log SET link = 'pending', landed_at = now() - %s::interval WHERE message = %s RETURNING 1"
    operator.reporting.rows(line, "1 second", "computing")
    operator.reporting.rows(line, "1 hour", "run started")
    assert operator.json("coverage")["ledger"]["waiting"][1] == {
        "what": "log lines", "minute": 1, "quarter": 0, "longer": 1
    }  # fmt: skip
    assert "log lines without context yet: 1 for less than a minute, 0 for up to 15, 1 longer" in operator.run(
        "coverage"
    )


def test_an_empty_database_claims_nothing(operator: Operator) -> None:
    told = operator.run("coverage", "--fail-on-gap")
    assert told.startswith(
        "not complete: it is not known how far the row changes have landed; /clearsight/test has never"
    )
