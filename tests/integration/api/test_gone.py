"""A client that goes in mid-answer: the query ends in the database, and its connection is free again."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from kit.api_server import serving
from kit.server import Server
from kit.waiting import until
from pydantic import SecretStr

from clearsight.settings import ApiSettings, ReportSettings, Settings

pytestmark = pytest.mark.integration

_BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = 'clearsight' AND usename = 'clearsight_api' AND state = 'active'
"""


def test_the_query_of_a_client_that_is_gone_is_cancelled(server: Server, story: Any) -> None:
    settings = Settings(
        report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
        api=ApiSettings(pool_size=1, statement_timeout_s=300),
    )
    path = f"/rca/scenario/{story.scenario_id}/audit-trail"
    with (
        serving(settings) as url,
        psycopg.connect(server.dsn("postgres", "clearsight"), autocommit=True) as watcher,
        psycopg.connect(server.dsn("clearsight_owner", "clearsight")) as locker,
    ):
        assert httpx.get(f"{url}{path}", timeout=60).status_code == 200
        locker.execute("LOCK TABLE rpt.fact_user_action IN ACCESS EXCLUSIVE MODE")
        with socket.create_connection(("127.0.0.1", urlsplit(url).port)) as caller:
            caller.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            until(lambda: busy(watcher), "the query waits for the lock")
        until(lambda: not busy(watcher), "nobody waits for the query: it ends")
        locker.rollback()
        assert httpx.get(f"{url}{path}", timeout=60).status_code == 200


def busy(watcher: psycopg.Connection[Any]) -> int:
    """How many of the API's sessions work on a query."""
    return int(watcher.execute(_BUSY).fetchall()[0][0])


def test_an_answered_question_leaves_its_connection_open(server: Server, story: Any) -> None:
    settings = Settings(
        report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
        api=ApiSettings(pool_size=1),
    )
    sessions = "SELECT pid, backend_start FROM pg_stat_activity WHERE usename = 'clearsight_api' ORDER BY 1"
    with (
        serving(settings) as url,
        psycopg.connect(server.dsn("postgres", "clearsight"), autocommit=True) as watcher,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        until(lambda: not watcher.execute(sessions).fetchall(), "those of other servers are gone")
        seen = set()
        for _ in range(10):
            assert client.get(f"/rca/scenario/{story.scenario_id}/audit-trail").status_code == 200
            seen |= set(watcher.execute(sessions).fetchall())
        assert len(seen) == 1
