"""Questions about a scenario beside its trail: states, inputs, the scenario as of, runs compared, errors summed up."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from clearsight.coverage import position_text

pytestmark = pytest.mark.integration


async def ask(client, story, question, **parameters):
    answer = await client.get(f"/rca/scenario/{story.scenario_id}/{question}", params=parameters)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body["coverage"]) == {"complete", "changes", "logs", "pending", "unlinked", "gaps", "dead_letters"}
    return body


async def test_the_view_and_the_trail_tell_the_same(story, reader, client):
    """Both say what the timeline is, in two languages."""
    story.input("demand", "growth", "0.03")
    story.input("demand", "growth", "4", by=None)
    story.start_run().compute("demand").fail("demand", "timeout", "TimeoutError", "too long", stack="File a.py")
    story.state("submitted", by="ana")
    items = (await ask(client, story, "audit-trail"))["items"]
    columns = [each for each in items[0] if each not in ("confidence", "occurred_at")]
    rows = reader.execute(
        "SELECT event_id::text, kind, event_type, summary, scenario_id, user_id, user_name, run_id, node, level, category,"
        " correlation_id, correlation_source, link, revision, approximate_order, details FROM rpt.view_scenario_audit_trail"
        " WHERE scenario_key = %s ORDER BY occurred_at, epoch, commit_lsn, lsn, total_order, event_id",
        (story.scenario_key,),
    ).fetchall()
    assert {each["kind"] for each in items} == {"action", "change", "state_change", "log"}
    assert [tuple(each[name] for name in columns) for each in items] == rows


async def test_transitions_with_the_time_spent_in_each_state(story, client):
    for state, minutes in (("created", 0), ("submitted", 5), ("locked", 2)):
        story.now += timedelta(minutes=minutes)
        story.state(state, by="ana")
    body = await ask(client, story, "state-changes")
    assert [(each["from_state"], each["to_state"], each["user_id"]) for each in body["items"]] == [
        (None, "created", "ana"),
        ("created", "submitted", "ana"),
        ("submitted", "locked", "ana"),
    ]
    assert body["current"]["state"] == "locked"
    spent = {each["state"]: each["ms"] for each in body["time_in_state"]}
    assert spent["submitted"] == pytest.approx(2 * 60_000, abs=5000)
    only = await ask(client, story, "state-changes", type="scenario.locked")
    assert [each["to_state"] for each in only["items"]] == ["locked"]


async def test_inputs_one_change_after_the_other(story, client):
    story.input("demand", "growth", "0.03")
    story.input("price", "floor", "2", by="bo")
    story.input("demand", "growth", "4", by=None)
    body = await ask(client, story, "inputs")
    assert [
        (each["kind"], each["node"], each["old"], each["new"], each["user_id"], each["link"]) for each in body["items"]
    ] == [
        ("added", "demand", None, "0.03", "ana", "correlated"),
        ("added", "price", None, "2", "bo", "correlated"),
        ("changed", "demand", "0.03", "4", None, "unlinked"),
    ]
    assert len((await ask(client, story, "inputs", node="price"))["items"]) == 1
    assert len((await ask(client, story, "inputs", name="growth", limit=1))["items"]) == 1


async def test_the_scenario_as_it_was(story, client):
    story.input("demand", "growth", "0.03")
    story.state("submitted", by="ana")
    first = story.now
    story.start_run().succeed()
    story.input("demand", "growth", "4")
    story.input("price", "floor", "2")
    story.state("locked", by="ana")
    by_instant = await ask(client, story, "state", at=first.isoformat())
    by_position = await ask(client, story, "state", position=position_text(int(first.timestamp() * 1000)))
    for body in (by_instant, by_position):
        assert body["state"] == "submitted"
        assert [(each["name"], each["value"]) for each in body["inputs"]["items"]] == [("growth", "0.03")]
    now = await ask(client, story, "state")
    assert now["state"] == "locked"
    assert [(each["name"], each["value"]) for each in now["inputs"]["items"]] == [("growth", "4"), ("floor", "2")]
    before = await ask(client, story, "state", at=(story.now - timedelta(days=3)).isoformat())
    assert before["inputs"]["available"] is False
    assert "by then" in before["inputs"]["reason"]


async def test_inputs_as_of_begin_with_an_old_run(story, client):
    story.now -= timedelta(hours=5)
    story.input("demand", "growth", "0.03")
    story.input("demand", "removed later", "1")
    story.start_run().succeed()
    story.now += timedelta(hours=2)
    story.input("demand", "growth", "4")
    body = await ask(client, story, "state", at=(story.now + timedelta(minutes=1)).isoformat())
    assert {(each["name"], each["value"]) for each in body["inputs"]["items"]} == {
        ("growth", "4"),
        ("removed later", "1"),
    }


async def test_a_running_run_is_part_of_the_state(story, client):
    run = story.start_run()
    assert [each["run_id"] for each in (await ask(client, story, "state"))["running"]] == [run.run_id]
    at = story.now.isoformat()
    run.succeed()
    assert (await ask(client, story, "state"))["running"] == []
    assert [each["run_id"] for each in (await ask(client, story, "state", at=at))["running"]] == [run.run_id]


async def test_by_default_the_last_success_before_a_failure_with_the_first_failure_after_it(story, client):
    story.input("demand", "growth", "0.03")
    story.start_run().succeed()
    good = story.start_run().succeed()
    story.input("demand", "growth", "-4", by="bo")
    bad = story.start_run().fail("demand", "validation", "ValidationError", "growth must not be negative")
    story.start_run().fail("demand", "validation", "ValidationError", "growth must not be negative")
    story.input("demand", "growth", "0.03")
    story.start_run().succeed()
    body = await ask(client, story, "run-comparison")
    assert (body["chosen"], body["before"]["run_id"], body["after"]["run_id"]) == ("default", good.run_id, bad.run_id)
    assert body["delta"]["time_gap_ms"] > 0
    assert body["delta"]["error"]["category"] == "validation"
    assert body["delta"]["error"]["log_errors"] == 0  # the builder counts no lines
    assert [each["message"] for each in body["new_errors"]] == ["growth must not be negative"]
    (difference,) = body["input_differences"]["items"]
    assert (difference["old"], difference["new"], difference["user"]) == ("0.03", "-4", "Bo")
    assert difference["correlation_id"]
    assert difference["occurred_at"]


async def test_any_two_runs(story, client):
    first = story.start_run().succeed()
    story.input("demand", "growth", "1")
    second = story.start_run().succeed()
    body = await ask(client, story, "run-comparison", before=first.run_id, after=second.run_id)
    assert (body["chosen"], body["available"]) == ("asked", True)
    assert [each["kind"] for each in body["input_differences"]["items"]] == ["added"]
    answer = await client.get(
        f"/rca/scenario/{story.scenario_id}/run-comparison", params={"before": second.run_id, "after": first.run_id}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "before"


async def test_what_cannot_be_compared_is_unavailable_with_the_reason(story, client):
    nothing = await ask(client, story, "run-comparison")
    assert (nothing["available"], nothing["reason"]) == (False, "no run of this scenario that failed has been captured")
    assert nothing["input_differences"]["available"] is False
    story.start_run().fail("demand", "timeout", "TimeoutError", "too long")
    only = await ask(client, story, "run-comparison")
    assert only["reason"] == "no run of this scenario that succeeded before has been captured"
    assert only["after"]["outcome"] == "failed"


async def test_where_inputs_are_not_known_the_difference_is_not_empty_but_unavailable(story, client):
    good = story.start_run().succeed()
    bad = story.start_run().fail("demand", "timeout", "TimeoutError", "too long")
    story.connection.execute(
        "UPDATE rpt.fact_run_diagnostic SET inputs_at_start = NULL WHERE run_key = %s", (good.run_key,)
    )
    body = await ask(client, story, "run-comparison")
    assert (body["available"], body["after"]["run_id"]) == (True, bad.run_id)
    assert body["input_differences"]["available"] is False
    assert good.run_id in body["input_differences"]["reason"]


async def test_a_run_of_another_scenario_is_no_run_of_this_one(story, client):
    other = type(story)(story.connection).start_run()
    path = f"/rca/scenario/{story.scenario_id}/run-comparison"
    answer = await client.get(path, params={"after": other.run_id})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "after"
    assert (await client.get(path, params={"after": "nobody's"})).status_code == 404


async def test_errors_of_a_scenario(story, client):
    story.within_a_day()
    story.start_run().succeed()
    bad = story.start_run()
    bad.fail("demand", "timeout", "TimeoutError", "too long", stack="File a.py")
    body = await ask(client, story, "error-summary")
    assert (body["runs"]["runs"], body["runs"]["failed"], body["runs"]["success_rate"]) == (2, 1, 0.5)
    assert (body["categories"][0]["name"], body["categories"][0]["failed_runs"]) == ("timeout", 1)
    assert body["nodes"][0]["name"] == "demand"
    assert body["days"][0]["success_rate"] == 0.5
    (pattern,) = body["patterns"]
    assert (pattern["count"], pattern["runs"], pattern["message"], pattern["last_run_id"]) == (
        1,
        1,
        "too long",
        bad.run_id,
    )
    assert [each["run_id"] for each in body["last_failures"]] == [bad.run_id]
    narrowed = await ask(client, story, "error-summary", category="validation")
    assert (narrowed["runs"]["failed"], narrowed["last_failures"]) == (0, [])


@pytest.mark.parametrize(
    "question", ["state-changes", "inputs", "state", "run-comparison", "error-summary", "audit-trail"]
)
async def test_an_unknown_scenario_is_a_404_that_says_what_is_known(story, client, question):
    answer = await client.get(f"/rca/scenario/{uuid.uuid4()}/{question}")
    assert answer.status_code == 404
    assert story.scenario_id in answer.json()["known"]


@pytest.mark.parametrize(
    ("question", "query", "field"),
    [
        ("state", "position=xyz", "position"),
        ("state", "at=2026-01-01T00:00:00Z&position=0/1", "at"),
        ("state", "from=2026-01-01T00:00:00Z", "from"),
        ("inputs", "type=log", "type"),
        ("state-changes", "level=ERROR", "level"),
        ("run-comparison", "limit=5", "limit"),
        ("error-summary", "level=INFO", "level"),
        ("error-summary", "limit=1000", "limit"),
        ("audit-trail", "fields=event_id,nonsense", "fields"),
    ],
)
async def test_what_a_question_does_not_take_is_refused_by_name(story, client, question, query, field):
    answer = await client.get(f"/rca/scenario/{story.scenario_id}/{question}?{query}")
    assert answer.status_code == 422, answer.text
    assert field in answer.json()["detail"]
