"""Health, the database away and back, the OpenAPI page."""

from __future__ import annotations

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from api.main import create_api
from clearsight.errors import ConfigurationError
from clearsight.settings import ApiSettings, ReportSettings, Settings

pytestmark = pytest.mark.integration


async def test_live_and_ready(story, client):
    assert (await client.get("/health/live")).json() == {"status": "ok", "authentication": "off"}
    ready = await client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["migrations"]["at"] == ready.json()["migrations"]["newest"]


async def test_not_ready_on_an_old_schema(story, client):
    newest = story.connection.execute("SELECT version_num FROM rpt.alembic_version").fetchone()
    story.connection.execute("UPDATE rpt.alembic_version SET version_num = 'old'")
    try:
        ready = await client.get("/health/ready")
    finally:
        story.connection.execute("UPDATE rpt.alembic_version SET version_num = %s", newest)
    assert ready.status_code == 503
    assert ready.json()["mend"] == "run `clearsight migrate`"


async def test_the_database_away_is_a_503_and_back_again_an_answer(server, story, client):
    path = f"/rca/scenario/{story.scenario_id}/audit-trail"
    assert (await client.get(path)).status_code == 200
    server.stop()
    try:
        document = (await client.get("/openapi.json")).json()["paths"]
        questions = [each.replace("{id}", "x") for each in document if each.startswith("/rca/")]
        assert len(questions) > 15
        for asked in (path, *questions, "/rca/logs?run=x", "/health/ready"):
            if asked == "/rca/logs":
                continue  # it must be told what to look for
            away = await client.get(asked)
            assert away.status_code == 503, away.text
            assert int(away.headers["retry-after"]) > 0
        assert (await client.get("/health/live")).status_code == 200
        assert "clearsight_api@" not in away.text
    finally:
        server.start()
    assert (await client.get(path)).status_code == 200
    assert (await client.get("/health/ready")).status_code == 200


async def test_a_question_that_takes_too_long_is_stopped(server, story):
    settings = Settings(
        report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
        api=ApiSettings(pool_size=1, statement_timeout_s=0.2),
    )
    api = create_api(settings)
    transport = httpx.ASGITransport(app=api, raise_app_exceptions=False)
    with psycopg.connect(server.dsn("clearsight_owner", "clearsight")) as locker:
        locker.execute("LOCK TABLE rpt.dim_scenario IN ACCESS EXCLUSIVE MODE")
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.get(f"/rca/scenario/{story.scenario_id}/audit-trail")
    await api.state.service.engine.dispose()
    assert answer.status_code == 503
    assert answer.json()["type"] == "question-too-slow"


async def test_the_api_cannot_write(server):
    with (
        psycopg.connect(server.dsn("clearsight_api", "clearsight")) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("DELETE FROM rpt.fact_row_change")


async def test_openapi_documents_every_answer(client):
    document = (await client.get("/openapi.json")).json()
    trail = document["paths"]["/rca/scenario/{id}/audit-trail"]["get"]
    assert {
        "from",
        "to",
        "type",
        "level",
        "category",
        "user",
        "correlation_id",
        "q",
        "limit",
        "cursor",
        "fields",
        "format",
    } == {parameter["name"] for parameter in trail["parameters"] if parameter["in"] == "query"}
    for path, methods in document["paths"].items():
        if path.startswith("/rca"):
            wanted = {"200", "401", "403", "422", "503"} | ({"404"} if "{id}" in path else set())
            assert wanted <= methods["get"]["responses"].keys(), path
    assert (await client.get("/docs")).status_code == 200


def test_without_a_database_named_the_process_says_which_setting_is_missing():
    with pytest.raises(ConfigurationError, match=r"report\.api_dsn"):
        create_api(Settings(report=ReportSettings(api_dsn=None)))
