"""Questions about everything: errors, changes out of band, log lines, runs, scenarios, coverage."""

from __future__ import annotations

import uuid
from datetime import datetime

import pytest

pytestmark = pytest.mark.integration


async def ask(client, question, **parameters):
    answer = await client.get(f"/rca/{question}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert "coverage" in answer.json()
    return answer.json()


async def every_page(client, question, **parameters):
    cursor, items = None, []
    while True:
        body = await ask(client, question, **parameters, **({"cursor": cursor} if cursor else {}))
        items += body["items"]
        cursor = body["next_cursor"]
        if cursor is None:
            return items


async def test_what_fails_most(story, client):
    node = f"node-{uuid.uuid4().hex[:8]}"
    story.within_a_day()
    for _ in range(3):
        story.start_run().fail(node, "timeout", "TimeoutError", "too long", stack="File a.py")
    story.start_run().succeed()
    body = await ask(client, "errors/top-categories", node=node)
    assert (body["categories"][0]["name"], body["categories"][0]["failed_runs"]) == ("timeout", 3)
    assert [(each["name"], each["failed_runs"], each["error_lines"]) for each in body["nodes"]] == [(node, 3, 3)]
    (pattern,) = body["patterns"]
    assert (pattern["count"], pattern["runs"], pattern["scenarios"]) == (3, 3, 1)
    assert pattern["first_seen_at"] < pattern["last_seen_at"]
    assert body["days"][-1]["success_rate"] < 1
    assert body["services"][0]["name"] == "engine"


async def test_an_empty_period_is_no_error(story, client):
    body = await ask(client, "errors/top-categories", **{"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00Z"})
    assert body["runs"] == {"runs": 0, "succeeded": 0, "failed": 0, "running": 0, "success_rate": None}
    assert body["categories"] == body["patterns"] == body["days"] == []


async def test_changes_out_of_band(story, client):
    story.input("demand", "growth", "0.03")
    for value in ("4", "5", "6"):
        story.input("demand", "growth", value, by=None)
    items = await every_page(client, "changes/out-of-band", scenario=story.scenario_id, limit=2)
    assert [each["after"]["value_number"] for each in items] == ["6", "5", "4"]
    assert {each["link"] for each in items} == {"unlinked"}
    assert items == await every_page(client, "changes/out-of-band", scenario=story.scenario_id, table="forecast.inputs")
    assert await every_page(client, "changes/out-of-band", scenario=story.scenario_id, table="forecast.runs") == []


async def test_log_lines_by_what_they_belong_to(story, client):
    run = story.start_run().compute("demand", "price")
    run.fail("price", "timeout", "TimeoutError", "too long")
    by_run = await every_page(client, "logs", run=run.run_id, limit=2)
    assert [each["message"] for each in by_run] == [
        "node price failed",
        "computing node price",
        "computing node demand",
    ]
    assert by_run == await every_page(client, "logs", scenario=story.scenario_id)
    assert by_run == await every_page(client, "logs", correlation_id=run.correlation_id)
    errors = await ask(client, "logs", level=["ERROR", "FATAL"], limit=1)
    assert errors["items"][0]["level"] == "ERROR"
    assert errors["next_cursor"] is not None
    assert len(await every_page(client, "logs", run=run.run_id, q="computing", node="demand")) == 1


async def test_all_lines_at_once_are_refused(story, client):
    answer = await client.get("/rca/logs", params={"level": "INFO"})
    assert answer.status_code == 422
    assert "name one of scenario, run, correlation_id" in answer.json()["detail"]


async def test_runs_newest_first(story, client):
    made = [story.start_run(by="ana").succeed() for _ in range(3)]
    made.append(story.start_run(by="bo").fail("demand", "timeout", "TimeoutError", "too long"))
    ids = [run.run_id for run in reversed(made)]
    assert [each["run_id"] for each in await every_page(client, "runs", scenario=story.scenario_id, limit=3)] == ids
    everything = await ask(client, "runs", limit=4)
    starts = [datetime.fromisoformat(each["started_at"]) for each in everything["items"]]
    assert starts == sorted(starts, reverse=True)
    failed = await every_page(
        client, "runs", scenario=story.scenario_id, outcome="failed", category="timeout", user="bo"
    )
    assert [each["run_id"] for each in failed] == ids[:1]


async def test_scenarios_newest_first_with_their_newest_run(story, client):
    run = story.start_run().succeed()
    newer = type(story)(story.connection)
    body = await ask(client, "scenarios", limit=2)
    assert [each["scenario_id"] for each in body["items"]] == [newer.scenario_id, story.scenario_id]
    assert [each["last_run_id"] for each in body["items"]] == [None, run.run_id]
    following = await ask(client, "scenarios", limit=1, cursor=(await ask(client, "scenarios", limit=1))["next_cursor"])
    assert [each["scenario_id"] for each in following["items"]] == [story.scenario_id]
    assert (await ask(client, "scenarios", q="no such name"))["items"] == []


async def test_coverage_of_a_range(story, client):
    body = await ask(client, "coverage", **{"from": "2026-01-01T00:00:00Z"})
    assert body["coverage"]["logs"]


async def test_only_the_fields_asked_for(story, client):
    story.start_run()
    body = await ask(client, "runs", fields="run_id,outcome", limit=1)
    assert set(body["items"][0]) == {"run_id", "outcome"}
    run = body["items"][0]["run_id"]
    assert set((await client.get(f"/rca/run/{run}/diagnostics?fields=run")).json()) == {"run", "coverage"}


async def test_an_answer_that_is_still_good_is_a_304(story, client):
    story.start_run()
    path = f"/rca/scenario/{story.scenario_id}/audit-trail"
    first = await client.get(path)
    story.covered()
    strong = first.headers["etag"].removeprefix("W/")
    for known in ("*", strong, f'"other", {strong}'):
        assert (await client.get(path, headers={"If-None-Match": known})).status_code == 304, known
    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    story.input("demand", "growth", "1")
    assert (await client.get(path, headers={"If-None-Match": first.headers["etag"]})).status_code == 200


async def test_long_answers_are_compressed(story, client):
    for number in range(20):
        story.input("demand", f"input {number}", "1")
    answer = await client.get(f"/rca/scenario/{story.scenario_id}/audit-trail", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json()["items"]) == 20


async def test_a_cursor_of_another_question_is_refused(story, client):
    for _ in range(3):
        story.start_run()
    cursor = (await ask(client, "runs", limit=1))["next_cursor"]
    for question in ("scenarios", "changes/out-of-band", f"scenario/{story.scenario_id}/audit-trail"):
        answer = await client.get(f"/rca/{question}", params={"cursor": cursor})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "cursor"
