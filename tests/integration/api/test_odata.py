"""The feed as Power Query asks it: documents, pages, options, and every refusal in OData's form."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import httpx
import pytest
from pydantic import SecretStr

from api.main import create_api
from api.odata.sets import entity_sets
from clearsight.settings import ApiSettings, ReportSettings, Settings

pytestmark = pytest.mark.integration

ROOT = "/odata/v1"
POWER_QUERY = {
    "User-Agent": "Microsoft.Data.Mashup (https://go.microsoft.com/fwlink/?LinkID=304225)",
    "MaxDataServiceVersion": "3.0",
    "OData-MaxVersion": "4.0",
    "Accept": "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
    "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7",
    "Accept-Encoding": "gzip, deflate",
}
"""As they were seen on the wire."""
EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.fixture
async def feed(settings: Settings, story: Any) -> AsyncIterator[httpx.AsyncClient]:
    for number in range(4):
        story.input("demand", "growth", str(number), by="ana")
        run = story.start_run(by="ana").compute("demand")
        run.fail("demand", "validation", "ValueError", "no") if number % 2 else run.succeed()
    api = create_api(settings)
    transport = httpx.ASGITransport(app=api)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=POWER_QUERY) as made:
        yield made
    await api.state.service.engine.dispose()


async def told(client: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    answer = await client.get(f"{ROOT}{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers.get_list("odata-version") == ["4.0"]
    return answer.json()


@pytest.mark.parametrize("path", ["", "/"])
async def test_the_service_document_names_every_set(feed: httpx.AsyncClient, path: str) -> None:
    document = await told(feed, path)
    assert document["@odata.context"] == "http://127.0.0.1/odata/v1/$metadata"
    assert {each["url"] for each in document["value"]} == entity_sets().keys()
    assert {each["kind"] for each in document["value"]} == {"EntitySet"}


async def test_metadata_is_xml_whatever_is_accepted(feed: httpx.AsyncClient) -> None:
    answer = await feed.get(f"{ROOT}/$metadata")
    assert answer.headers["content-type"].startswith("application/xml")
    assert answer.headers.get_list("odata-version") == ["4.0"]
    schema = ElementTree.fromstring(answer.content)  # it is our own
    sets = {each.get("Name") for each in schema.iter(f"{EDM}EntitySet")}
    assert sets == entity_sets().keys()


async def test_a_row_has_each_property_of_the_metadata(feed: httpx.AsyncClient) -> None:
    for name, found in entity_sets().items():
        page = await told(feed, f"/{name}", **{"$top": "1000"})
        assert page["@odata.context"].endswith(f"$metadata#{name}")
        for row in page["value"]:
            assert list(row) == list(found.properties)
        empty = await told(feed, f"/{name}", **{"$top": "0"})
        assert empty["value"] == []
        assert "@odata.nextLink" not in empty


async def test_times_are_utc(feed: httpx.AsyncClient) -> None:
    (row,) = (await told(feed, "/logs", **{"$top": "1"}))["value"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row["occurred_at"])
    assert datetime.fromisoformat(row["occurred_at_exact"]).utcoffset() is not None
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["occurred_on"])


async def test_what_is_selected_comes_alone(feed: httpx.AsyncClient) -> None:
    page = await told(feed, "/runs", **{"$select": "outcome,run_id", "$top": "2"})
    assert page["@odata.context"].endswith("#runs(run_id,outcome)")
    assert [list(row) for row in page["value"]] == [["run_id", "outcome"]] * 2


async def test_counting(feed: httpx.AsyncClient, story: Any) -> None:
    mine = f"scenario_id eq '{story.scenario_id}' and outcome eq 'failed'"
    assert (await told(feed, "/runs", **{"$filter": mine, "$count": "true", "$top": "1"}))["@odata.count"] == 2
    alone = await feed.get(f"{ROOT}/runs/$count", params={"$filter": mine})
    assert alone.text == "2"
    assert alone.headers["content-type"].startswith("text/plain")


async def _pages(client: httpx.AsyncClient, path: str, **parameters: str) -> list[list[Any]]:
    pages = [await told(client, path, **parameters)]
    while "@odata.nextLink" in pages[-1]:
        link = urlsplit(pages[-1]["@odata.nextLink"])
        assert f"{link.scheme}://{link.netloc}" == "http://127.0.0.1"
        assert not {"$skip", "$count", "api_key"} & parse_qs(link.query).keys()
        answer = await client.get(pages[-1]["@odata.nextLink"], headers={"Prefer": "odata.maxpagesize=3"})
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        assert len(pages) < 100
    return [page["value"] for page in pages]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"$orderby": "node"},
        {"$orderby": "node desc"},
        {"$orderby": "node desc,level asc"},
        {"$orderby": "occurred_at desc"},
        {"$orderby": "level,occurred_at_exact desc,node", "$select": "message"},
        {"$top": "5"},
        {"$top": "3"},
        {"$skip": "1", "$top": "4"},
        {"$filter": "level in ('ERROR','INFO')", "$orderby": "error_type"},
    ],
)
async def test_pages_together_are_the_whole(feed: httpx.AsyncClient, story: Any, options: dict[str, str]) -> None:
    mine = f"scenario_id eq '{story.scenario_id}'"
    asked = {**options, "$filter": " and ".join(filter(None, (mine, options.get("$filter"))))}
    whole = (await told(feed, "/logs", **asked))["value"]
    feed.headers["Prefer"] = "odata.maxpagesize=3"
    pages = await _pages(feed, "/logs", **asked)
    assert [row for page in pages for row in page] == whole
    assert all(len(page) == 3 for page in pages[:-1])
    assert len(whole) == min(int(options.get("$top", "99")), 6 - int(options.get("$skip", "0")))


async def test_nulls_come_first_and_last_where_it_descends(feed: httpx.AsyncClient, story: Any) -> None:
    mine = {"$filter": f"scenario_id eq '{story.scenario_id}'", "$select": "error_type"}
    up = [row["error_type"] for row in (await told(feed, "/logs", **mine, **{"$orderby": "error_type"}))["value"]]
    down = [
        row["error_type"] for row in (await told(feed, "/logs", **mine, **{"$orderby": "error_type desc"}))["value"]
    ]
    assert up[0] is None
    assert up[-1] == "ValueError"
    assert down == up[::-1]


async def test_an_entity_by_its_key(feed: httpx.AsyncClient) -> None:
    (row,) = (await told(feed, "/runs", **{"$top": "1", "$orderby": "run_key desc"}))["value"]
    one = await told(feed, f"/runs({row['run_key']})")
    assert one.pop("@odata.context").endswith("$metadata#runs/$entity")
    assert one == row
    (told_input,) = (await told(feed, "/run_inputs", **{"$top": "1"}))["value"]
    key = f"run_key={told_input['run_key']},input_key='{told_input['input_key']}'"
    assert (await told(feed, f"/run_inputs({key})"))["value"] == told_input["value"]


BAD = [
    ("/runs", {"$filter": "outcome eq"}, 400),
    ("/runs", {"$filter": "nothing eq 1"}, 400),
    ("/runs", {"$filter": "(" * 500 + "1 eq 1" + ")" * 500}, 400),
    ("/runs", {"$filter": "substringof('a',outcome)"}, 501),
    ("/runs", {"$filter": "run_key div 0 eq 1"}, 400),
    ("/runs", {"$filter": "hour(started_on) eq 1"}, 400),
    ("/runs", {"$filter": "run_key mul 9223372036854775807 eq 1"}, 400),
    ("/runs", {"$filter": "outcome eq '" + "x" * 9000 + "'"}, 400),
    ("/runs", {"$filter": "outcome eq '" + "x" * 20_000 + "'"}, 414),
    ("/runs", {"$top": "-1"}, 400),
    ("/runs", {"$top": "many"}, 400),
    ("/runs", {"$skip": "-5"}, 400),
    ("/runs", {"$skip": "9" * 25}, 400),
    ("/runs", {"$orderby": "nothing"}, 400),
    ("/runs", {"$select": "nothing"}, 400),
    ("/runs", {"$expand": "scenario"}, 501),
    ("/runs", {"$wrong": "1"}, 400),
    ("/runs", {"$format": "atom"}, 400),
    ("/runs", {"$skiptoken": "made.up"}, 400),
    ("/nothing", {}, 404),
    ("/nothing/$count", {}, 404),
    ("/runs(0)", {}, 404),
    ("/runs('x')", {}, 400),
    ("/runs(1,2)", {}, 404),
    ("/runs(run_key=1,run_key=1)", {}, 404),
    ("/runs(1 or true)", {}, 404),
    ("/runs(1)/outcome", {}, 404),
    ("/$batch", {}, 404),
    ("/nothing/at/all", {}, 404),
]


async def test_what_is_wrong_is_said_in_odata_s_form(feed: httpx.AsyncClient) -> None:
    for path, parameters, status in BAD:
        answer = await feed.get(f"{ROOT}{path}", params=parameters)
        assert answer.status_code == status, (path, parameters, answer.text)
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.headers.get_list("odata-version") == ["4.0"]
        assert answer.json().keys() == {"error"}
        assert {"code", "message"} <= answer.json()["error"].keys()
        assert len(answer.text) < 1000


async def test_skipping_far_beyond_is_an_empty_page(feed: httpx.AsyncClient) -> None:
    page = await told(feed, "/runs", **{"$skip": "1000000000"})
    assert page["value"] == []
    assert "@odata.nextLink" not in page


async def test_a_token_of_another_query_is_refused(feed: httpx.AsyncClient) -> None:
    feed.headers["Prefer"] = "odata.maxpagesize=1"
    link = (await told(feed, "/logs"))["@odata.nextLink"]
    token = parse_qs(urlsplit(link).query)["$skiptoken"][0]
    for path, parameters in (
        ("/logs", {"$filter": "level eq 'INFO'"}),
        ("/errors", {}),
        ("/logs", {"$orderby": "level"}),
    ):
        answer = await feed.get(f"{ROOT}{path}", params={**parameters, "$skiptoken": token})
        assert answer.status_code == 400
        assert "another query" in answer.json()["error"]["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_it_is_only_read(feed: httpx.AsyncClient, method: str) -> None:
    answer = await feed.request(method, f"{ROOT}/runs", json={})
    assert answer.status_code == 405
    assert answer.json().keys() == {"error"}


async def test_a_database_that_is_away_is_said_in_odata_s_form() -> None:
    away = Settings(
        report=ReportSettings(api_dsn=SecretStr("postgresql://clearsight_api:secret-word@127.0.0.1:1/clearsight")),
        api=ApiSettings(pool_wait_s=0.5),
    )
    transport = httpx.ASGITransport(app=create_api(away))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get(f"{ROOT}/runs")
        assert (await client.get(f"{ROOT}/$metadata")).status_code == 200
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["error"]["code"] == "unavailable"
    assert "secret-word" not in answer.text


async def test_links_have_the_configured_address(settings: Settings, story: Any) -> None:
    public = settings.model_copy(
        update={"api": settings.api.model_copy(update={"public_url": "https://bi.example.com/rca/"})}
    )
    api = create_api(public)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1") as client:
        document = await told(client, "/")
        feed_file = (await client.get("/power-bi/clearsight-odata.pbids")).json()
    await api.state.service.engine.dispose()
    assert document["@odata.context"] == "https://bi.example.com/rca/odata/v1/$metadata"
    assert feed_file["connections"][0]["details"]["address"]["url"] == "https://bi.example.com/rca/odata/v1/"
