"""What keeps one question from taking everybody's place, and stale data from being served as fresh."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from kit.api_server import serving
from kit.server import Server
from pydantic import SecretStr

from api.main import create_api
from clearsight.settings import ApiSettings, ReportSettings, Settings

pytestmark = pytest.mark.integration


def _client(server: Server, **api: Any) -> tuple[Any, httpx.AsyncClient]:
    made = create_api(
        Settings(
            report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
            api=ApiSettings(**api),
        )
    )
    transport = httpx.ASGITransport(app=made)
    return made, httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def test_one_heavy_question_too_many_is_told_to_come_again(server: Server, story: Any) -> None:
    api, client = _client(server, heavy_questions=1, pool_size=3)
    heavy, light = "/rca/errors/top-categories", f"/rca/scenario/{story.scenario_id}/state-changes"
    with psycopg.connect(server.dsn("clearsight_owner", "clearsight")) as locker:
        async with client:
            locker.execute("LOCK TABLE rpt.fact_run_diagnostic IN ACCESS EXCLUSIVE MODE")
            first = asyncio.create_task(client.get(heavy))
            while not _waits(locker):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.01)
            refused = await client.get(heavy)
            assert refused.status_code == 429
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.headers["content-type"] == "application/problem+json"
            assert (await client.get(light)).status_code == 200
            locker.rollback()
            assert (await first).status_code == 200
            assert (await client.get(heavy)).status_code == 200
    await api.state.service.engine.dispose()


def _waits(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'rpt.fact_run_diagnostic'::regclass"
    ).fetchone()
    return bool(row and row[0])


async def test_a_question_over_a_hidden_connection_error_is_no_error(server: Server, story: Any) -> None:
    """Connections that a server has ended meanwhile are made anew before anything is asked."""
    api, client = _client(server, pool_size=3)
    path = f"/rca/scenario/{story.scenario_id}/state-changes"
    async with client:
        answers = await asyncio.gather(*(client.get(path) for _ in range(3)))
        assert [answer.status_code for answer in answers] == [200] * 3
        with psycopg.connect(server.dsn("postgres", "clearsight"), autocommit=True) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'clearsight-api'"
            )
        answers = await asyncio.gather(*(client.get(path) for _ in range(3)))
        assert [answer.status_code for answer in answers] == [200] * 3
    await api.state.service.engine.dispose()


async def test_ready_can_ask_for_freshness(server: Server, story: Any) -> None:
    api, client = _client(server, fresh_within_s=60)
    async with client:
        story.connection.execute("DELETE FROM rpt.watermark")
        assert (await client.get("/health/ready")).status_code == 503  # nothing has landed
        story.covered(datetime.now(UTC) - timedelta(hours=1))
        stale = await client.get("/health/ready")
        assert stale.status_code == 503
        assert stale.json()["freshness"]["lag_s"] > 3500
        assert "clearsight doctor" in stale.json()["mend"]
        story.covered(datetime.now(UTC))
        fresh = await client.get("/health/ready")
        assert (fresh.status_code, fresh.json()["ready"]) == (200, True)
    await api.state.service.engine.dispose()


def test_one_after_the_other_finds_a_place_every_time(server: Server, story: Any) -> None:
    """Also while what was behind the answer before is still being tidied up."""
    settings = Settings(
        report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
        api=ApiSettings(heavy_questions=1, pool_size=4),
    )
    with serving(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        statuses = [client.get("/rca/errors/top-categories").status_code for _ in range(100)]
    assert set(statuses) == {200}
