"""Diagnostics of a run, everything of a correlation id, and coverage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.integration


async def test_diagnostics_of_a_failed_run(story, client):
    story.input("demand", "growth", "0.03")
    story.input("price", "list_price", "20")
    good = story.start_run().compute("demand").succeed()
    story.input("demand", "growth", "-4", by="bo")
    story.input("price", "floor", "2", by="cy")
    run = story.start_run().compute("demand")
    run.fail("demand", "validation", "ValidationError", "growth must not be negative", stack="File engine.py, line 3")
    answer = await client.get(f"/rca/run/{run.run_id}/diagnostics")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["run"]["outcome"] == "failed"
    assert body["stack"] == "File engine.py, line 3"
    assert body["failing_nodes"][0]["node"] == "demand"
    assert [line["level"] for line in body["logs"]] == ["INFO", "ERROR"]
    assert body["last_good_run"]["run_id"] == good.run_id
    assert {(each["node"], each["name"], each["value"]) for each in body["inputs"]} == {
        ("demand", "growth", "-4"),
        ("price", "list_price", "20"),
        ("price", "floor", "2"),
    }
    differences = body["input_differences"]
    assert differences["available"] is True
    assert [(each["kind"], each["name"], each["old"], each["new"], each["user"]) for each in differences["items"]] == [
        ("changed", "growth", "0.03", "-4", "Bo"),
        ("added", "floor", None, "2", "Cy"),
    ]


async def test_a_run_of_which_only_lines_have_landed(story, client):
    run_key = story._key("dim_run", "run_id", "only-lines", scenario_key=story.scenario_key)
    story.log("something", run_key=run_key)
    body = (await client.get("/rca/run/only-lines/diagnostics")).json()
    assert body["run"]["outcome"] is None
    assert [line["message"] for line in body["logs"]] == ["something"]
    assert (await client.get("/rca/run/only-lines/why")).json()["verdict"] == "not_failed"


async def test_lines_that_carry_only_the_correlation_id_of_the_run_belong_to_it(story, client):
    run = story.start_run()
    story.log("from the gateway", correlation_id=run.correlation_id, link="correlated")
    run.compute("demand")
    body = (await client.get(f"/rca/run/{run.run_id}/diagnostics")).json()
    assert [line["message"] for line in body["logs"]] == ["from the gateway", "computing node demand"]


@pytest.mark.parametrize("question", ["diagnostics", "why"])
@pytest.mark.parametrize(("asked", "status"), [("unknown", 404), ("a%00b", 422), ("x" * 10_000, 422), ("o'neill", 404)])
async def test_a_run_that_is_not_there(story, client, question, asked, status):
    run = story.start_run()
    answer = await client.get(f"/rca/run/{asked}/{question}")
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    if status == 404:
        assert answer.json()["known"][0] == run.run_id


@pytest.mark.parametrize("path", ["run/x/diagnostics", "run/x/why", "correlation/x"])
async def test_a_parameter_where_none_is_taken(client, path):
    answer = await client.get(f"/rca/{path}?limit=5")
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"field": "limit", "message": "no such parameter"}]


async def test_everything_of_a_correlation_id(story, client):
    story.input("demand", "growth", "0.03")
    correlation_id = next(iter(story.inputs.values())).correlation_id
    story.log("growth set", correlation_id=correlation_id)
    body = (await client.get(f"/rca/correlation/{correlation_id}")).json()
    assert [each["user_id"] for each in body["transactions"]] == ["ana"]
    assert [(each["op"], each["table"], each["confidence"]) for each in body["changes"]] == [
        ("c", "forecast.inputs", "exact")
    ]
    assert [each["action"] for each in body["actions"]] == ["input.added"]
    assert [each["message"] for each in body["logs"]] == ["growth set"]
    assert body["touched"] == {"scenarios": [story.scenario_id], "runs": [], "users": []}
    assert body["truncated"] == []


async def test_an_unknown_correlation_id_is_a_404(story, client):
    answer = await client.get("/rca/correlation/not-yet")
    assert answer.status_code == 404
    assert "not-yet" in answer.json()["detail"]


async def coverage(client, story):
    return (await client.get(f"/rca/scenario/{story.scenario_id}/audit-trail")).json()["coverage"]


async def test_a_watermark_counts_once_every_partition_has_reached_it(story, client):
    reached = datetime.now(UTC).replace(microsecond=0)
    story.covered(reached, next_offset=20, reached=20)
    story.covered(reached + timedelta(minutes=1), next_offset=21, reached=20)
    found = await coverage(client, story)
    assert found["complete"] is True
    assert found["changes"]["through"] == reached.isoformat().replace("+00:00", "Z")
    assert [group["through"] for group in found["logs"]] == [found["changes"]["through"]] * 2
    story.covered(reached + timedelta(minutes=2), next_offset=21, reached=21)
    assert (await coverage(client, story))["changes"]["through"] > found["changes"]["through"]


async def test_a_partition_that_was_never_read_holds_no_watermark(story, client):
    story.connection.execute("DELETE FROM rpt.watermark")
    story.connection.execute(
        "INSERT INTO rpt.watermark (kind, name, through_at, offsets) VALUES ('changes', 'forecast', now(), '{\"t/7\": 0}')"
    )
    found = await coverage(client, story)
    assert found["complete"] is False
    assert found["changes"] == {"through": None, "position": None, "lag_s": None}


async def test_gaps_and_dead_letters_are_told(story, client):
    story.connection.execute(
        "INSERT INTO rpt.gap (topic, kafka_partition, from_offset, to_offset, reason) VALUES ('t', 0, 5, NULL, 'topic recreated')"
    )
    story.connection.execute(
        "INSERT INTO rpt.dead_letter (topic, kafka_partition, kafka_offset, headers, reason) VALUES ('t', 0, 1, '{}', 'no JSON')"
    )
    found = await coverage(client, story)
    assert found["complete"] is False
    assert found["dead_letters"] == 1
    assert found["gaps"][0]["reason"] == "topic recreated"


async def test_a_line_that_may_still_be_joined_makes_the_answer_incomplete(story, client):
    story.log("whose?", correlation_id="waits", link="pending")
    story.covered(story.now + timedelta(seconds=5))
    found = await coverage(client, story)
    assert (found["complete"], found["pending"]) == (False, 1)
    story.covered(story.now + timedelta(minutes=1))  # its request committed nothing
    found = await coverage(client, story)
    assert (found["complete"], found["pending"]) == (True, 1)
    story.connection.execute("UPDATE rpt.fact_cloudwatch_log SET link = 'unlinked' WHERE link = 'pending'")
    assert (await coverage(client, story))["pending"] == 0
