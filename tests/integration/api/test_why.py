"""The question why, on rows as the worker lands them."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

pytestmark = pytest.mark.integration

NODES = ("demand", "price", "capacity", "forecast")


def plan(story):
    """Inputs, a run, changes that healthy runs survive, a last good run."""
    for node, name, value in (
        ("demand", "base_units", "1200"),
        ("demand", "growth", "0.03"),
        ("price", "list_price", "20.5"),
        ("capacity", "shifts", "3"),
        ("forecast", "horizon", "12"),
        ("forecast", "method", "additive"),
    ):
        story.input(node, name, value)
    story.start_run().compute(*NODES).succeed()
    story.input("forecast", "horizon", "24", by="bo")
    story.input("demand", "base_units", "1500", by="cy")
    story.start_run().compute(*NODES).succeed()
    story.input("capacity", "shifts", "4", by="bo")
    return story.start_run().compute(*NODES).succeed()


async def ask(client: httpx.AsyncClient, run_id: str) -> dict:
    answer = await client.get(f"/rca/run/{run_id}/why")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_huge_horizon_explains_a_timeout(story, client):
    plan(story)
    story.input("demand", "growth", "0.04", by="cy")
    seeded = story.input("forecast", "horizon", "5000000", by="dee")
    story.input("price", "list_price", "21.0", by="bo")
    run = story.start_run().compute(*NODES)
    run.fail("forecast", "timeout", "TimeBudgetExceeded", "time budget of 250 ms exceeded, stopped after 251 ms")
    answer = await ask(client, run.run_id)
    assert answer["verdict"] == "explained"
    assert answer["cause"] == {
        "kind": "input_change",
        "category": "timeout",
        "node": "forecast",
        "change_key": seeded,
    }
    top = answer["candidates"][0]
    assert (top["change"]["user"], top["change"]["old"], top["change"]["new"]) == ("Dee", "24", "5000000")
    assert {each["title"].split(":")[0] for each in answer["ruled_out"]} == {"demand.growth", "price.list_price"}
    assert all(each["reasons"] for each in answer["ruled_out"])
    assert answer["coverage"]["complete"] is True


async def test_an_edit_without_context_is_out_of_band(story, client):
    plan(story)
    story.input("capacity", "shifts", "3", by="bo")
    seeded = story.input("demand", "base_units", "-120", by=None)
    story.input("price", "list_price", "21.0", by="bo")
    run = story.start_run().compute("demand")
    run.fail("demand", "validation", "ValidationError", "base_units must not be negative, got -120")
    answer = await ask(client, run.run_id)
    assert answer["cause"] == {
        "kind": "out_of_band",
        "category": "validation",
        "node": "demand",
        "change_key": seeded,
    }
    assert answer["candidates"][0]["change"]["user"] is None


async def test_the_party_that_committed_explains_a_deadlock(story, client):
    plan(story)
    story.input("price", "list_price", "21.0", by="bo")
    run = story.start_run().compute("demand", "price")
    winner = story.input("price", "list_price", "22.0", by="eve")
    tx_id = int(winner.rsplit("/", 1)[1])
    detail = (
        "deadlock detected\n"
        f"DETAIL:  Process 31 waits for ShareLock on transaction {tx_id}; blocked by process 32.\n"
        "Process 32 waits for ShareLock on transaction 4000000; blocked by process 31."
    )
    run.fail("price", "database", "DeadlockDetected", detail, stack=detail)
    answer = await ask(client, run.run_id)
    assert answer["cause"] == {
        "kind": "contention",
        "category": "database",
        "node": "price",
        "change_key": f"transaction/{tx_id}",
    }
    party = answer["candidates"][0]["transaction"]
    assert party["user"] == "Eve"
    assert party["changes"] == ["price.list_price: 21.0 → 22.0"]


async def test_small_changes_alone_decide_nothing(story, client):
    plan(story)
    story.input("price", "list_price", "20.6", by="bo")
    story.input("demand", "growth", "0.031", by="cy")
    run = story.start_run().compute("demand", "price")
    run.fail("price", "unknown", "RuntimeError", "connection reset by peer")
    answer = await ask(client, run.run_id)
    assert answer["verdict"] == "undecided"
    assert answer["cause"] is None


async def test_a_run_that_succeeded_has_not_failed(story, client):
    run = plan(story)
    answer = await ask(client, run.run_id)
    assert answer["verdict"] == "not_failed"


async def test_without_a_good_run_it_says_so(story, client):
    story.input("demand", "base_units", "-5")
    run = story.start_run().compute("demand")
    run.fail("demand", "validation", "ValidationError", "base_units must not be negative, got -5")
    answer = await ask(client, run.run_id)
    assert answer["last_good_run_id"] is None
    assert answer["verdict"] == "explained"
    diagnostics = (await client.get(f"/rca/run/{run.run_id}/diagnostics")).json()
    assert diagnostics["input_differences"]["available"] is False
    assert "no run of this scenario" in diagnostics["input_differences"]["reason"]


async def test_schema_changes_since_the_last_good_run_are_shown(story, client):
    def step(column, *, withdrawn=False, after_s=0):
        story.connection.execute(
            "INSERT INTO rpt.fact_schema_change (event_id, occurred_at, table_schema, table_name, what, added, dropped, withdrawn,"
            " change_event_id, epoch, commit_lsn, lsn, total_order) VALUES (gen_random_uuid(), %s, 'forecast', 'inputs',"
            " 'columns.added', ARRAY[%s], ARRAY[]::text[], %s, gen_random_uuid(), 1, 1, 1, 1)",
            (story.now + timedelta(seconds=after_s), column, withdrawn),
        )

    column = f"unit_{story.scenario_id[:8]}"
    step(f"early_{column}")
    plan(story)
    step(column)
    step(f"wrong_{column}", withdrawn=True)
    run = story.start_run().compute(*NODES)
    run.fail("demand", "validation", "ValueError", "unit is missing")
    step(f"late_{column}", after_s=1)
    shown = [each for each in (await ask(client, run.run_id))["schema_changes"] if column in each["text"]]
    assert [(each["table"], each["text"], each["what"]) for each in shown] == [
        ("forecast.inputs", f"{column} new", "columns.added")
    ]
