"""A user's journey: everything merged, in sessions, and how active the user is."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def someone() -> str:
    return f"user-{uuid.uuid4().hex[:8]}"


async def ask(client, user, **parameters):
    answer = await client.get(f"/rca/user/{user}/journey", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_actions_and_what_followed_from_them_in_one_story(story, client, someone):
    story.input("demand", "growth", "0.03", by=someone)
    story.log("growth set", correlation_id=next(iter(story.inputs.values())).correlation_id)
    run = story.start_run(by=someone)
    run.fail("demand", "timeout", "TimeoutError", "too long")
    body = await ask(client, someone)
    assert [(each["kind"], each["event_type"]) for each in body["items"]] == [
        ("action", "input.added"),
        ("log", "log.info"),
        ("action", "run.started"),
        ("log", "log.error"),
        ("run", "run.failed"),
    ]
    assert {each["scenario_id"] for each in body["items"]} == {story.scenario_id}
    assert {each["session"] for each in body["items"]} == {1}
    assert body["user_name"] == someone.title()
    assert body["coverage"]["complete"] in (True, False)


async def test_sessions_end_after_thirty_minutes_idle(story, client, someone):
    story.now -= timedelta(hours=3)
    for minutes in (0, 10, 45, 5):
        story.now += timedelta(minutes=minutes)
        story.input("demand", "growth", str(minutes), by=someone)
    body = await ask(client, someone)
    assert [each["actions"] for each in body["sessions"]] == [2, 2]
    assert [each["session"] for each in body["items"]] == [1, 1, 2, 2]
    assert len((await ask(client, someone, idle_minutes=60))["sessions"]) == 1
    assert len((await ask(client, someone, idle_minutes=1))["sessions"]) == 4


async def test_velocity(story, client, someone):
    for number in range(4):
        story.input("demand", "growth", str(number), by=someone)
    story.input("demand", "growth", "x", by=f"other-{someone}")
    velocity = (await ask(client, someone))["velocity"]
    assert (velocity["actions"], velocity["scenarios_touched"]) == (4, 1)
    assert velocity["most_common"][0] == {"action": "input.changed", "count": 3}
    assert velocity["compared_with"] > 0
    assert velocity["activity"] in ("power", "regular", "occasional")


async def test_pages_tell_every_event_once(story, client, someone):
    for number in range(7):
        story.input("demand", f"input {number}", "1", by=someone)
        story.log(f"line {number}", correlation_id=list(story.inputs.values())[-1].correlation_id)
    cursor, seen = None, []
    while True:
        body = await ask(client, someone, limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [each["event_id"] for each in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 14


async def test_filters_choose_among_the_events(story, client, someone):
    story.input("demand", "growth", "0.03", by=someone)
    story.start_run(by=someone).fail("demand", "timeout", "TimeoutError", "too long")
    assert [each["kind"] for each in (await ask(client, someone, type="log"))["items"]] == ["log"]
    assert [each["kind"] for each in (await ask(client, someone, category="timeout"))["items"]] == ["run"]
    assert len((await ask(client, someone, scenario="another"))["items"]) == 0


async def test_an_unknown_user_is_a_404(story, client):
    answer = await client.get("/rca/user/nobody/journey")
    assert answer.status_code == 404
    assert "known" in answer.json()
