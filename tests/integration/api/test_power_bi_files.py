"""Files that open Power BI connected, and rows for Power Query."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.main import create_api
from clearsight.settings import Settings

pytestmark = pytest.mark.integration


async def test_files_lead_to_both_paths(client: httpx.AsyncClient, settings: Settings) -> None:
    database = await client.get("/power-bi/clearsight-postgresql.pbids")
    feed = await client.get("/power-bi/clearsight-odata.pbids")
    (to_database,), (to_feed,) = (each.json()["connections"] for each in (database, feed))
    assert to_database["mode"] == "DirectQuery"
    assert to_database["details"]["protocol"] == "postgresql"
    assert to_database["details"]["address"]["database"] == "clearsight"
    assert to_database["details"]["address"]["server"].startswith("127.0.0.1:")
    assert to_feed["details"] == {"protocol": "odata", "address": {"url": "http://127.0.0.1/odata/v1/"}}
    assert {each.json()["version"] for each in (database, feed)} == {"0.1"}
    assert 'filename="clearsight-odata.pbids"' in feed.headers["content-disposition"]
    assert "clearsight_api" not in database.text
    assert (await client.get("/power-bi/clearsight-other.pbids")).status_code == 422


async def test_another_address_for_power_bi(settings: Settings) -> None:
    report = settings.report.model_copy(update={"bi_address": "db.example.com:6432/report"})
    api = create_api(settings.model_copy(update={"report": report}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1") as client:
        told = (await client.get("/power-bi/clearsight-postgresql.pbids")).json()
    assert told["connections"][0]["details"]["address"] == {"server": "db.example.com:6432", "database": "report"}


@pytest.mark.parametrize(
    "path",
    ["/rca/scenario/{id}/audit-trail", "/rca/scenario/{id}/inputs", "/rca/runs?scenario={id}", "/rca/logs?scenario={id}",
     "/rca/scenario/{id}/state-changes", "/rca/scenarios", "/rca/user/ana/journey"],
)  # fmt: skip
async def test_rows_are_flat_and_pages_together_are_the_whole(client: httpx.AsyncClient, story: Any, path: str) -> None:
    for number in range(3):
        story.input("demand", "growth", str(number), by="ana")
        story.start_run(by="ana").compute("demand").fail("demand", "validation", "ValueError", "no")
        story.state(f"state-{number}", by="ana")
    path = path.format(id=story.scenario_id)
    mark = "&" if "?" in path else "?"
    whole = (await client.get(f"{path}{mark}limit=1000")).json()
    assert len(whole["items"]) > 1
    rows, following = [], f"{path}{mark}limit=2&format=rows"
    while following:
        answer = await client.get(following)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told.keys() == {"rows", "next_path", "complete"}
        rows += told["rows"]
        following = told["next_path"]
        assert following is None or (
            urlsplit(following).netloc == "" and "cursor" in parse_qs(urlsplit(following).query)
        )
    ids = (
        "event_id" if "event_id" in whole["items"][0] else "run_id" if "run_id" in whole["items"][0] else "scenario_id"
    )
    if "journey" not in path:
        assert [row[ids] for row in rows] == [item[ids] for item in whole["items"]][: len(rows)]
    assert {row[ids] for row in rows} == {item[ids] for item in whole["items"]}
    assert len({tuple(row) for row in rows}) == 1
    assert not any(isinstance(value, (dict, list)) for row in rows for value in row.values())


async def test_rows_of_chosen_fields(client: httpx.AsyncClient, story: Any) -> None:
    story.input("demand", "growth", "1", by="ana")
    path = f"/rca/scenario/{story.scenario_id}/inputs?format=rows&fields=name,new"
    assert (await client.get(path)).json()["rows"] == [{"name": "growth", "new": "1"}]


@pytest.mark.parametrize(
    "path", ["/rca/coverage?format=rows", "/rca/errors/top-categories?format=rows", "/rca/runs?format=table"]
)
async def test_where_there_are_no_rows_it_says_so(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "format"
