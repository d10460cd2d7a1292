"""The timeline: order, filters, paging while rows arrive, bad input."""

from __future__ import annotations

import uuid
from datetime import datetime

import pytest

pytestmark = pytest.mark.integration


def path(story) -> str:
    return f"/rca/scenario/{story.scenario_id}/audit-trail"


def fill(story, changes=12):
    for number in range(changes):
        story.input("demand", f"input {number}", str(number), by="ana" if number % 2 else "bo")
        story.log(f"line {number}", level="ERROR" if number % 3 == 0 else "INFO", node="demand")


async def pages(client, story, **parameters):
    cursor, seen = None, []
    while True:
        answer = await client.get(path(story), params={**parameters, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        yield body
        seen += body["items"]
        cursor = body["next_cursor"]
        if cursor is None:
            return


async def test_everything_once_oldest_first(story, client):
    fill(story)
    items = [item async for page in pages(client, story, limit=5) for item in page["items"]]
    assert len(items) == 24
    assert len({item["event_id"] for item in items}) == 24
    times = [datetime.fromisoformat(item["occurred_at"]) for item in items]
    assert times == sorted(times)
    assert all(item["occurred_at"].endswith("Z") for item in items)


async def test_pages_do_not_overlap_and_do_not_skip_while_rows_arrive(story, reader, client):
    fill(story, 6)
    items = []
    async for page in pages(client, story, limit=4):
        items += page["items"]
        if page["next_cursor"] and len(items) < 30:
            story.input("demand", f"late {len(items)}", "1")
    assert len(items) == len({item["event_id"] for item in items})
    count = reader.execute(
        "SELECT count(*) FROM rpt.view_scenario_audit_trail WHERE scenario_key = %s", (story.scenario_key,)
    ).fetchone()
    assert count is not None
    assert len(items) == count[0]


async def test_an_answer_has_every_field_and_its_coverage(story, client):
    story.input("demand", "growth", "0.1")
    body = (await client.get(path(story))).json()
    assert set(body) == {"items", "next_cursor", "coverage"}
    assert body["next_cursor"] is None
    item = body["items"][0]
    assert item["run_id"] is None
    assert (item["kind"], item["event_type"], item["user_id"], item["confidence"]) == (
        "action",
        "input.added",
        "ana",
        "exact",
    )
    assert set(body["coverage"]) == {"complete", "changes", "logs", "pending", "unlinked", "gaps", "dead_letters"}


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        ({"type": "input.added"}, 12),
        ({"type": "log"}, 12),
        ({"type": ["log", "input.added"]}, 24),
        ({"level": "ERROR"}, 4),
        ({"user": "bo"}, 6),
        ({"q": "line 7"}, 1),
        ({"q": "100%"}, 0),
        ({"q": "_"}, 0),
        ({"category": "timeout"}, 0),
        ({"correlation_id": "nobody's"}, 0),
    ],
)
async def test_filters(story, client, parameters, count):
    fill(story)
    body = (await client.get(path(story), params=parameters)).json()
    assert len(body["items"]) == count


async def test_a_range_includes_its_start_and_excludes_its_end(story, client):
    fill(story, 5)
    all_items = (await client.get(path(story))).json()["items"]
    first, last = all_items[2]["occurred_at"], all_items[7]["occurred_at"]
    body = (await client.get(path(story), params={"from": first, "to": last})).json()
    assert [item["event_id"] for item in body["items"]] == [item["event_id"] for item in all_items[2:7]]


async def test_any_offset_will_do_also_where_its_plus_was_not_escaped(story, client):
    fill(story, 2)
    answer = await client.get(f"{path(story)}?from=2020-01-01T00:00:00+02:00")
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 4


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=many", "limit"),
        ("from=yesterday", "from"),
        ("from=1700000000", "from"),
        ("from=2026-01-01T00:00:00", "from"),
        ("from=0001-01-01T00:00:00%2B23:00", "from"),
        ("to=2026-13-01T00:00:00Z", "to"),
        ("from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z", "from"),
        ("level=LOUD", "level"),
        ("form=2026-01-01T00:00:00Z", "form"),
        ("q=", "q"),
        ("q=%00", "q"),
        ("user=a%00b", "user"),
        (f"correlation_id={'x' * 10_000}", "correlation_id"),
        ("cursor=made-up", "cursor"),
    ],
)
async def test_a_bad_parameter_is_a_422_that_names_it(story, client, query, field):
    answer = await client.get(f"{path(story)}?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert field in answer.json()["detail"]
    assert answer.json()["errors"][0]["field"].split(".")[0] in (field, "query")


async def test_a_cursor_of_another_query_or_tampered_with_is_refused(story, client):
    fill(story)
    cursor = (await client.get(path(story), params={"limit": 3})).json()["next_cursor"]
    for parameters in ({"cursor": cursor, "q": "line"}, {"cursor": cursor[:-2] + "xx"}, {"cursor": cursor[1:]}):
        answer = await client.get(path(story), params=parameters)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "cursor"
    assert (await client.get(path(story), params={"cursor": cursor, "limit": 7})).status_code == 200


@pytest.mark.parametrize("scenario", ["unknown", "'; DROP TABLE rpt.dim_run; --", "a/b", "ü", "%25"])
async def test_an_unknown_scenario_is_a_404_that_says_what_is_known(story, client, scenario):
    answer = await client.get(f"/rca/scenario/{scenario}/audit-trail")
    assert answer.status_code == 404
    assert story.scenario_id in answer.json()["known"]


async def test_an_id_of_another_kind_is_told(story, client):
    run = story.start_run()
    answer = await client.get(f"/rca/scenario/{run.run_id}/audit-trail")
    assert answer.status_code == 404
    assert answer.json()["mend"] == "it is the id of a run; ask for that"


@pytest.mark.parametrize("scenario", ["a%00b", "x" * 10_000])
async def test_an_id_that_can_be_none_is_a_422(story, client, scenario):
    answer = await client.get(f"/rca/scenario/{scenario}/audit-trail")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "id"


async def test_a_line_shared_by_two_scenarios_is_in_both(story, client):
    correlation_id = str(uuid.uuid4())
    story.log("for both", correlation_id=correlation_id, link="shared")
    story.connection.execute(
        "UPDATE rpt.fact_cloudwatch_log SET scenario_key = NULL WHERE correlation_id = %s", (correlation_id,)
    )
    other = type(story)(story.connection)
    story.connection.execute(
        "INSERT INTO rpt.correlation_touch (correlation_key, kind, key)"
        " SELECT correlation_key, 'scenario', %s FROM rpt.correlation WHERE correlation_id = %s",
        (other.scenario_key, correlation_id),
    )
    for each in (story, other):
        items = (await client.get(path(each), params={"type": "log"})).json()["items"]
        assert [(item["summary"], item["link"]) for item in items] == [("for both", "shared")]
