"""What is refused, and how: by name, as a problem document, without what is only for the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.main import create_api, create_app
from clearsight.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
async def product(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The API and the pages, as `clearsight api` serves them."""
    app = create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as made:
        yield made
    await app.state.service.engine.dispose()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=5&limit=6", "limit"),
        ("from=2026-11-23T00:00:00Z&from=2026-11-23T01:00:00Z", "from"),
        ("correlation_id=a&correlation_id=b", "correlation_id"),
        ("from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z", "from"),
    ],
)
async def test_it_names_the_parameter(story: Any, client: httpx.AsyncClient, query: str, field: str) -> None:
    answer = await client.get(f"/rca/scenario/{story.scenario_id}/audit-trail?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_parameters_that_take_several_values_take_them(story: Any, client: httpx.AsyncClient) -> None:
    query = "type=log&type=action&level=ERROR&level=WARN&user=a&user=b"
    assert (await client.get(f"/rca/scenario/{story.scenario_id}/audit-trail?{query}")).status_code == 200
    assert (await client.get("/rca/runs?outcome=failed&outcome=running&node=a&node=b")).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [("state?at=2026-11-23T00:00:00Z&position=0/1", "position"), ("../../logs?level=INFO", "level")],
)
async def test_parameters_that_do_not_go_together(
    story: Any, client: httpx.AsyncClient, query: str, field: str
) -> None:
    answer = await client.get(f"/rca/scenario/{story.scenario_id}/{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/rca/scenario/s1/audit-trails", 404),
        ("GET", "/rca/", 404),
        ("POST", "/rca/runs", 405),
        ("DELETE", "/rca/scenario/s1/audit-trail", 405),
        ("HEAD", "/rca/runs", 405),
    ],
)
async def test_below_its_paths_the_api_answers_and_not_the_pages(
    product: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await product.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert status != 405 or answer.headers["allow"] == "GET"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/odata/nothing/here", 404), ("POST", "/odata/v1/runs", 405), ("HEAD", "/odata/v1/runs", 405)],
)
async def test_below_the_feed_refusals_are_in_odata_s_form(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["odata-version"]) == (status, "4.0")
    assert answer.headers["content-type"].startswith("application/json;odata")
    assert method == "HEAD" or answer.json().keys() == {"error"}


async def test_an_error_that_nobody_expected_says_nothing_of_itself(settings: Settings) -> None:
    api = create_api(settings)

    @api.get("/rca/broken")
    async def broken() -> None:
        raise RuntimeError("SELECT secret FROM clearsight_api@10.0.0.7")

    transport = httpx.ASGITransport(app=api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        answer = await client.get("/rca/broken")
    await api.state.service.engine.dispose()
    assert (answer.status_code, answer.json()["type"]) == (500, "unexpected")
    assert "secret" not in answer.text
    assert "10.0.0.7" not in answer.text
