"""The whole OpenAPI is asked with what it allows and what it does not: no 500, no undocumented answer. Its examples fit it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from kit.api_server import serving
from kit.server import Server
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.main import create_api
from clearsight.settings import ApiSettings, ReportSettings, Settings

pytestmark = pytest.mark.integration

NEVER_ENDING = "/rca/events/stream"
KNOWN = {"scenario": "known-scenario", "run": "known-run", "user": "known-user", "correlation": "known-correlation"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _settings(dsn: str) -> Settings:
    return Settings(report=ReportSettings(api_dsn=SecretStr(dsn)), api=ApiSettings(pool_size=4, heavy_questions=4))


DOCUMENT = create_api(_settings("postgresql://nobody@127.0.0.1:1/none")).openapi()
schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(path=NEVER_ENDING)


@schema.hook
def before_generate_path_parameters(context: Any, strategy: Any) -> Any:
    """Half of the ids are known: else hardly anything but 404 would come back."""
    known = [{"id": each} for part, each in KNOWN.items() if f"/{part}/" in context.operation.path]
    return st.one_of(st.sampled_from(known), strategy) if known else strategy


@pytest.fixture
def known(story: Any) -> None:
    """A scenario, a run, a user and a correlation id of these names."""
    named = story.connection.execute("SELECT 1 FROM rpt.dim_run WHERE run_id = %s", (KNOWN["run"],)).fetchone()
    if named is None:
        story.input("demand", "growth", "0.03", by=KNOWN["user"])
        story.state("submitted", by=KNOWN["user"])
        story.start_run(by=KNOWN["user"]).succeed()
        story.input("demand", "growth", "-4", by=None)
        run = story.start_run(by=KNOWN["user"]).compute("demand")
        run.fail("demand", "validation", "ValidationError", "growth must not be negative", stack="File a.py")
        _rename(story.connection, "dim_scenario", "scenario_id", story.scenario_id, KNOWN["scenario"])
        _rename(story.connection, "dim_run", "run_id", run.run_id, KNOWN["run"])
        _rename(story.connection, "correlation", "correlation_id", run.correlation_id, KNOWN["correlation"])


def _rename(connection: psycopg.Connection[Any], table: str, column: str, old: str, new: str) -> None:
    connection.execute(f"UPDATE rpt.{table} SET {column} = %s WHERE {column} = %s", (new, old))


@pytest.fixture(scope="module")
def url(server: Server) -> Iterator[str]:
    with serving(_settings(server.dsn("clearsight_api", "clearsight"))) as made:
        yield made


@schema.parametrize()
@EXAMPLES
def test_every_answer_is_documented(case: Any, known: None, url: str) -> None:
    case.call_and_validate(base_url=url, checks=CHECKS, timeout=60)


def answers() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/rca/") and path != NEVER_ENDING:
            yield path, methods["get"]["responses"]["200"]["content"]["application/json"]


@pytest.mark.parametrize(("path", "answer"), [pytest.param(*each, id=each[0]) for each in answers()])
def test_every_example_is_an_answer(path: str, answer: dict[str, Any]) -> None:
    validator = jsonschema_rs.validator_for({**answer["schema"], "components": DOCUMENT["components"]})
    assert [str(error) for error in validator.iter_errors(answer["example"])] == []
    assert "coverage" in answer["example"]


def test_the_guide_has_every_question() -> None:
    guide = Path("docs/API.md").read_text("utf-8")
    for path, methods in DOCUMENT["paths"].items():
        if path.startswith("/rca/"):
            assert f"## GET {path}\n" in guide
            for parameter in methods["get"]["parameters"]:
                assert parameter["in"] == "path" or f"`{parameter['name']}`" in guide
