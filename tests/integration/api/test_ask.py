"""`clearsight ask`: the same answers as over HTTP, as JSON and as tables."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from kit.server import Server
from typer.testing import CliRunner

from clearsight.cli.app import build

pytestmark = pytest.mark.integration

LATER = {"coverage", "next_cursor", "more", "current", "time_in_state", "since", "until"}
"""What moves on with the clock, or is told in another way."""


@pytest.fixture
def ask(server: Server) -> Any:
    runner = CliRunner()
    environment = {"CLEARSIGHT_REPORT__API_DSN": server.dsn("clearsight_api", "clearsight"), "COLUMNS": "200"}

    def asked(*words: str) -> Any:
        return runner.invoke(build(), ["ask", *words], env=environment)

    return asked


@pytest.fixture
def told(story: Any) -> tuple[Any, Any]:
    """A scenario with a failed run, and that run."""
    story.input("demand", "growth", "0.03")
    story.state("submitted", by="ana")
    story.start_run().compute("demand").succeed()
    story.input("demand", "growth", "-4", by="bo")
    story.input("demand", "base", "7", by=None)
    run = story.start_run().compute("demand")
    return story, run.fail("demand", "validation", "ValidationError", "growth must not be negative", stack="File a.py")


def questions(story: Any, run: Any) -> list[tuple[tuple[str, ...], str, str]]:
    """The words, the same question over HTTP, and what a person must find in the table."""
    scenario = story.scenario_id
    return [
        (("trail", scenario), f"scenario/{scenario}/audit-trail", "growth must not be negative"),
        (("trail", scenario, "--level", "error"), f"scenario/{scenario}/audit-trail?level=ERROR", "log.error"),
        (("states", scenario), f"scenario/{scenario}/state-changes", "submitted"),
        (("inputs", scenario), f"scenario/{scenario}/inputs", "out of band"),
        (("state", scenario), f"scenario/{scenario}/state", "submitted"),
        (("run", run.run_id), f"run/{run.run_id}/diagnostics", "File a.py"),
        (("compare", scenario), f"scenario/{scenario}/run-comparison", "growth"),
        (("journey", "ana", "--scenario", scenario), f"user/ana/journey?scenario={scenario}", "input.added"),
        (("errors", scenario), f"scenario/{scenario}/error-summary", "validation"),
        (("errors",), "errors/top-categories", "validation"),
        (("correlation", run.correlation_id), f"correlation/{run.correlation_id}", "run.started"),
        (("logs", "--run", run.run_id), f"logs?run={run.run_id}", "computing node demand"),
        (("runs", "--scenario", scenario), f"runs?scenario={scenario}", run.run_id),
        (("scenarios", "--text", scenario), f"scenarios?q={scenario}", "Winter plan"),
        (("out-of-band", "--scenario", scenario), f"changes/out-of-band?scenario={scenario}", "forecast.inputs"),
    ]


def test_the_command_and_the_api_answer_alike(told: Any, ask: Any, client: httpx.AsyncClient) -> None:
    loop = asyncio.new_event_loop()
    try:
        for words, path, shown in questions(*told):
            printed = ask(*words, "--json")
            assert printed.exit_code == 0, printed.output
            answer = loop.run_until_complete(client.get(f"/rca/{path}"))
            assert answer.status_code == 200, answer.text
            ours, theirs = json.loads(printed.stdout), answer.json()
            assert {key: ours[key] for key in ours.keys() - LATER} == {
                key: theirs[key] for key in theirs.keys() - LATER
            }
            assert set(ours["coverage"]) == set(theirs["coverage"])
            table = ask(*words)
            assert table.exit_code == 0, table.output
            assert shown in table.stdout, f"{words}\n{table.stdout}"
            assert "complete: changes through" in table.stdout
    finally:
        loop.run_until_complete(client._transport.app.state.service.engine.dispose())  # type: ignore[attr-defined]
        loop.close()


def test_lines_of_a_period_by_node_text_category_and_severity(told: Any, ask: Any) -> None:
    correlation, period = told[1].correlation_id, ("--from", "2000-01-01T00:00:00Z")

    def levels(*words: str) -> list[str]:
        answer = ask("logs", *words, "--json")
        assert answer.exit_code == 0, answer.output
        return [item["level"] for item in json.loads(answer.stdout)["items"] if item["correlation_id"] == correlation]

    assert levels(*period) == ["ERROR", "INFO"]
    assert levels(*period, "--node", "demand", "--text", "GROWTH must not", "--to", "2999-01-01T00:00:00Z") == ["ERROR"]
    assert levels(*period, "--category", "security") == []
    assert levels(*period, "--to", "2000-01-02T00:00:00Z") == []
    assert levels("--correlation-id", correlation, "--severity", "error") == ["ERROR"]


def test_why_is_one_of_the_questions(told: Any, ask: Any) -> None:
    assert "demand.growth: 0.03 → -4" in ask("why", told[1].run_id).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("trail", "nobody's"), 6, "no scenario nobody's has landed"),
        (("run", "a\x00b"), 6, "has landed"),
        (("logs",), 2, "name one of"),
        (("trail", "x", "--from", "yesterday"), 2, "2026-11-22T08:00:00Z"),
        (("trail", "x", "--from", "2026-11-22T08:00:00"), 2, "offset"),
        (("state", "x", "--position", "high"), 2, "16/B374D848"),
        (("runs", "--limit", "0"), 2, "--limit"),
    ],
)
def test_a_wrong_question_is_answered_in_one_line(
    story: Any, ask: Any, words: tuple[str, ...], code: int, said: str
) -> None:
    answer = ask(*words)
    if code == 2:
        assert answer.exit_code == 2
        assert said in " ".join(answer.output.split())
    else:
        assert getattr(answer.exception, "exit_code", None) == code
        assert said in str(answer.exception)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("trail", "s", "--from", "0001-01-01T00:00:00+14:00"), "out of range"),
        (("trail", "s", "--to", "9999-12-31T23:59:59-14:00"), "out of range"),
        (("trail", "s", "--from", "2026-11-24T00:00:00Z", "--to", "2026-11-23T00:00:00Z"), "must be before --to"),
        (("errors", "--to", "2026-11-23T00:00:00Z", "--from", "2026-11-24T00:00:00Z"), "must be before --to"),
        (("out-of-band", "--to", "2026-11-23T00:00:00Z", "--from", "2026-11-23T00:00:00Z"), "must be before --to"),
        (("trail", "s", "--level", "fatale"), "'fatale' is none of TRACE"),
        (("runs", "--outcome", "bogus"), "'bogus' is none of succeeded"),
        (("correlation", "a\udcff"), "must be UTF-8"),
        (("scenarios", "--text", "\udcff"), "must be UTF-8"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(ask: Any, words: tuple[str, ...], said: str) -> None:
    answer = ask(*words)
    assert answer.exit_code == 2
    assert said in " ".join(answer.output.replace("│", " ").split())


def test_nothing_is_said_to_be_nothing(told: Any, ask: Any) -> None:
    story, _ = told
    answer = ask("trail", story.scenario_id, "--category", "none")
    assert (answer.exit_code, "nothing was found" in answer.output) == (0, True)
    unknown = ask("correlation", "nobody's")
    assert "has landed yet" not in str(unknown.exception)
