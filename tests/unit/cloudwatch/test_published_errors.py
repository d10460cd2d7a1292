"""Categories of real errors by the default rules: Lambda functions, a PostgreSQL server, Java services with faults."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from clearsight.categories import verdict_on
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from connectors.cloudwatch.lines import Origin, make_line
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.transcript import Transcript

pytestmark = pytest.mark.unit

RULES = load_mapping(DEFAULT_MAPPING).errors
ORIGIN = Origin("000000000000", "eu-west-1", "/real")


def categories(messages: Iterable[str]) -> Counter[tuple[str, str | None]]:
    """How many errors of each (category, type)."""
    found: Counter[tuple[str, str | None]] = Counter()
    events = [Event(str(place), place, None, "s", message) for place, message in enumerate(messages)]
    for event, parsed in zip(events, Transcript(ORIGIN).read(events), strict=True):
        line = make_line(ORIGIN, event, parsed, 0)
        if verdict := verdict_on(RULES, line):
            found[verdict.category, line.error.type if line.error else None] += 1
    return found


def opened(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt") as file:
        yield from file


def test_statements_that_a_real_server_refused(shared_data: Path) -> None:
    assert categories(opened(shared_data / "debezium-pg-loan/pglog-main.jsonl.gz")) == {
        ("timeout", "QueryCanceled"): 36,
        ("validation", "InvalidTextRepresentation"): 33,
        ("validation", "CheckViolation"): 26,
        ("database", "ForeignKeyViolation"): 28,
        ("database", "UniqueViolation"): 26,
        ("database", "UndefinedObject"): 1,
    }


def test_services_with_injected_faults(shared_data: Path) -> None:
    """What depends on a service that was broken is told apart from what the services themselves refuse."""
    csv.field_size_limit(1 << 30)
    rows = csv.DictReader(opened(shared_data / "nezha/logs-2023-01-30.csv.gz"))
    assert categories(row["Log"] for row in rows if " ERROR " in row["Log"]) == {
        ("dependency", "IllegalStateException"): 243,
        ("dependency", "InternalServerError"): 79,
        ("unknown", None): 258,
    }


def test_functions_that_failed(shared_data: Path) -> None:
    folder = shared_data / "aws-lambda-logs/powertools"
    lines: list[str] = []
    for path in sorted(folder.glob("logging_*_output.json")):
        content = json.loads(path.read_text())
        lines += [json.dumps(line) for line in (content if isinstance(content, list) else [content])]
    assert categories(lines) == {("dependency", "HTTPError"): 2, ("unknown", "RuntimeError"): 1}
    timeouts = json.loads((folder.parent / "datadog/cloudwatch_log_timeout.json").read_text())
    assert categories(event["message"] for event in timeouts["logEvents"]) == {("timeout", "Timedout"): 1}
