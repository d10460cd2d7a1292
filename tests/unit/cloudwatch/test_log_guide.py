"""docs/LOGS.md names every format, mark, category and setting that there is, and shows what the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping, parse_mapping
from clearsight.settings import RedactionSettings
from connectors.cloudwatch.parse.recognise import JSON_FORMATS
from connectors.cloudwatch.redact.keys import KINDS
from connectors.cloudwatch.redact.patterns import PATTERNS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "LOGS.md").read_text()
TEXT_FORMATS = {"lambda-text", "lambda-report", "plain", "text"}
LINES = '2026-11-22 12:00:00,123 ERROR [correlation_id=abc-123] mail alice@example.com failed\nTraceback (most recent call last):\n  File "a.py", line 3, in f\nTimeoutError: read timed out\n'


def first_column(heading: str) -> set[str]:
    section = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return {
        name for row in re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE) for name in re.findall(r"`(.*?)`", row)
    }


def test_every_format() -> None:
    assert first_column("Formats") == {kind.name for kind, _ in JSON_FORMATS} | TEXT_FORMATS


def test_every_category() -> None:
    assert first_column("Categories") == {rule.name for rule in load_mapping(DEFAULT_MAPPING).errors} | {"unknown"}


def test_every_mark_and_setting() -> None:
    marks = {name for name in first_column("Redaction") if name.startswith("[")}
    assert marks == {f"[{kind}]" for kind in {*KINDS.values(), *(pattern.kind for pattern in PATTERNS)}}
    for name in RedactionSettings.model_fields:
        assert f"CLEARSIGHT_REDACTION__{name.upper()}=" in GUIDE


def test_its_examples_of_the_mapping_file_are_valid() -> None:
    scenario = '[source.scenario]\ntable = "a.plan"\nkey = "id"\n'
    examples = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        parse_mapping(scenario + example)


def test_what_the_command_prints() -> None:
    shown = re.search(r"```text\n(.*?)```", GUIDE, re.DOTALL)
    assert shown
    printed = CliRunner().invoke(build(), ["forward", "explain", "-"], input=LINES, env={"COLUMNS": "120"}).stdout
    assert [line.rstrip() for line in printed.splitlines()][:7] == shown[1].rstrip().splitlines()
