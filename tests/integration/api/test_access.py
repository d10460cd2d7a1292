"""Who gets what from every endpoint: a matrix over the routes of the application, on a real server."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from kit.server import Server
from pydantic import SecretStr
from starlette.routing import Route

from api.main import create_api
from clearsight.keys import DEFAULT_SCOPES, new_key
from clearsight.settings import ApiSettings, ReportSettings, Settings
from sql import keys
from tests.integration.api.conftest import Story

pytestmark = pytest.mark.integration

SECONDS = 60.0
OPEN = {"/health/live", "/health/ready"}
BY_ID = {
    "/rca/scenario/{id}/audit-trail": "scenario",
    "/rca/scenario/{id}/state-changes": "scenario",
    "/rca/scenario/{id}/run-comparison": "scenario",
    "/rca/scenario/{id}/error-summary": "scenario",
    "/rca/scenario/{id}/inputs": "scenario",
    "/rca/scenario/{id}/state": "scenario",
    "/rca/run/{id}/diagnostics": "run",
    "/rca/run/{id}/why": "run",
    "/rca/correlation/{id}": "correlation",
}
"""Questions about one thing: to who may not see it, it is unknown."""
FILTERED = {
    "/rca/user/{id}/journey": "user",
    "/rca/errors/top-categories": None,
    "/rca/changes/out-of-band": None,
    "/rca/logs": None,  # asked with the filters of ASKED_WITH
    "/rca/runs": None,
    "/rca/scenarios": None,
    "/rca/coverage": None,
    "/rca/events/stream": None,
}
"""Questions over many: they show what the caller may see."""
ASKED_WITH = {"/rca/logs": "?level=ERROR"}
WITH_ITS_SCOPE = {"/metrics"}
ELSEWHERE = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}
"""What every key opens."""
FEED = {
    "/odata/v1",
    "/odata/v1/",
    "/odata/v1/$metadata",
    "/odata/v1/{name}/$count",
    "/odata/v1/{resource:path}",
    "/power-bi/clearsight-{path}.pbids",
}
"""Documented by $metadata; `test_odata_access.py` and `test_power_bi_files.py` ask it."""
ADMITTED = ("viewer_of_another", "viewer_of_own", "analyst", "admin")
REFUSED = ("none", "wrong", "expired", "revoked")


@dataclass
class World:
    """A server that asks for keys, a key of each kind, and a scenario of u-own's with a failed run."""

    url: str
    keys: dict[str, str]
    ids: dict[str, str]
    routes: set[str]
    logged: list[str] = field(default_factory=list)

    def ask(self, path: str, key: str | None, **options: Any) -> httpx.Response:
        """The beginning of the answer is enough where it never ends."""
        headers = {"X-API-Key": key, **options.pop("headers", {})} if key else options.pop("headers", {})
        with httpx.stream("GET", f"{self.url}{path}", headers=headers, timeout=SECONDS, **options) as answer:
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                answer.read()
            return answer

    def path(self, template: str, kind: str | None) -> str:
        return template.replace("{id}", self.ids[kind]) if kind else template + ASKED_WITH.get(template, "")


@pytest.fixture(scope="module")
def world(server: Server) -> Iterator[World]:
    settings = Settings(
        report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
        api=ApiSettings(auth="keys", key_cache_s=0, pool_size=4, cors_origins=("https://bi.example.com",)),
    )
    api = create_api(settings)
    logged: list[str] = []
    handler = _Keep(logged)
    config = uvicorn.Config(api, host="127.0.0.1", port=0, log_level="debug", access_log=True, log_config=None)
    running = uvicorn.Server(config)
    for name in ("", "uvicorn.access", "uvicorn.error", "clearsight.api"):
        logging.getLogger(name).addHandler(handler)
    logging.getLogger("uvicorn.access").setLevel(logging.DEBUG)
    thread = threading.Thread(target=lambda: asyncio.run(running.serve()))
    thread.start()
    try:
        while not running.started:
            assert thread.is_alive()
        port = running.servers[0].sockets[0].getsockname()[1]
        routes = {route.path for route in api.routes if isinstance(route, Route)} | set(api.openapi()["paths"])
        yield World(f"http://127.0.0.1:{port}", _keys(server), _ids(server), routes, logged)
    finally:
        running.should_exit = True
        thread.join()
        for name in ("", "uvicorn.access", "uvicorn.error", "clearsight.api"):
            logging.getLogger(name).removeHandler(handler)


class _Keep(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))


def _keys(server: Server) -> dict[str, str]:
    made = {}
    with keys.key_table(server.dsn("clearsight_owner", "clearsight")) as connection:
        for name, role, user in (
            ("viewer_of_another", "viewer", "u-other"),
            ("viewer_of_own", "viewer", "u-own"),
            ("analyst", "analyst", None),
            ("admin", "admin", None),
            ("expired", "admin", None),
            ("revoked", "admin", None),
        ):
            key = new_key()
            until = datetime.now(UTC) + timedelta(hours=-1 if name == "expired" else 1)
            keys.add(connection, key, role, user, list(DEFAULT_SCOPES), name, "test", until)
            made[name] = key.text
            if name == "revoked":
                assert keys.revoke(connection, [key.key_id]) == {key.key_id}
    made["wrong"] = made["admin"][:-4] + "AAAA"
    return made


def _ids(server: Server) -> dict[str, str]:
    with psycopg.connect(server.dsn("clearsight_owner", "clearsight"), autocommit=True) as connection:
        connection.execute("SELECT rpt.ensure_month(now()), rpt.ensure_month(now() - interval '1 hour')")
        story = Story(connection)
        connection.execute(
            "UPDATE rpt.dim_scenario SET owner = 'u-own', name = 'Secret plan' WHERE scenario_id = %s",
            [story.scenario_id],
        )
        story.input("demand", "growth", "1.5", by="ana-secret")
        story.start_run(by="ana-secret").compute("demand").succeed()
        story.state("secretly_submitted", by="ana-secret")
        story.input("demand", "growth", "-7", by="ana-secret")
        story.input("demand", "floor", "3", by=None)
        run = story.start_run(by="ana-secret").compute("demand")
        run.fail("demand", "validation", "ValueError", "growth of secretgrowth")
        story.covered()
    return {
        "scenario": story.scenario_id,
        "run": run.run_id,
        "correlation": run.correlation_id,
        "user": "ana-secret",
        "name": "Ana-Secret",
        "scenario name": "Secret plan",
        "error": "secretgrowth",
        "state": "secretly_submitted",
    }


def test_every_route_has_a_row(world: World) -> None:
    assert world.routes == OPEN | set(BY_ID) | set(FILTERED) | ELSEWHERE | WITH_ITS_SCOPE


def _asked(world: World) -> list[tuple[str, str | None]]:
    every = {**BY_ID, **FILTERED}
    return [(route, every[route]) for route in sorted(world.routes & set(every))]


@pytest.mark.parametrize("who", REFUSED)
def test_without_a_valid_key_nothing_is_told(world: World, who: str) -> None:
    asked = [world.path(*each) for each in _asked(world)] + sorted(ELSEWHERE | WITH_ITS_SCOPE) + ["/", "/nothing/here"]
    for path in asked:
        answer = world.ask(path, world.keys.get(who))
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert "WWW-Authenticate" in answer.headers
        assert answer.json()["status"] == 401
        assert not {world.ids["run"], "secret"} & set(answer.text.split()), path


@pytest.mark.parametrize("path", sorted(OPEN))
def test_health_is_open(world: World, path: str) -> None:
    assert world.ask(path, None).status_code == 200
    assert world.ask(path, world.keys["wrong"]).status_code == 200
    assert world.ask(path, None).json()["authentication"] == "keys"


@pytest.mark.parametrize("who", ["viewer_of_own", "analyst", "admin"])
def test_who_may_see_it_gets_it(world: World, who: str) -> None:
    for template, kind in _asked(world):
        answer = world.ask(world.path(template, kind), world.keys[who])
        assert answer.status_code == 200, (template, answer.text if answer.is_stream_consumed else "")
        if template in BY_ID:
            assert (
                world.ids["correlation"] in answer.text
                or world.ids["scenario"] in answer.text
                or "demand" in answer.text
                or world.ids["state"] in answer.text
            )


def test_to_a_viewer_another_s_scenario_is_unknown(world: World) -> None:
    for template, kind in _asked(world):
        path = world.path(template, kind)
        answer = world.ask(path, world.keys["viewer_of_another"])
        if template in BY_ID:
            assert answer.status_code == 404, template
            unknown = world.ask(path.replace(world.ids[kind], "never-heard-of"), world.keys["viewer_of_another"])
            assert answer.text.replace(world.ids[kind], "never-heard-of") == unknown.text, template
        elif template == "/rca/events/stream":
            assert answer.status_code == 200
            continue
        else:
            assert answer.status_code in (200, 404), template
        for what, secret in world.ids.items():
            assert what == kind or secret not in answer.text, (template, what)


def test_names_of_others_are_masked_for_a_viewer(world: World) -> None:
    path = f"/rca/scenario/{world.ids['scenario']}/audit-trail"
    assert world.ids["name"] in world.ask(path, world.keys["analyst"]).text
    seen = world.ask(path, world.keys["viewer_of_own"])
    assert world.ids["user"] in seen.text
    assert world.ids["name"] not in seen.text


@pytest.mark.parametrize(
    ("name", "kind"), [("scenario", "scenario"), ("run", "run"), ("correlation_id", "correlation")]
)
def test_lines_are_asked_for_by_what_the_caller_may_see(world: World, name: str, kind: str) -> None:
    path = f"/rca/logs?{name}={world.ids[kind]}"
    assert "secretgrowth" in world.ask(path, world.keys["viewer_of_own"]).text
    hidden = world.ask(path, world.keys["viewer_of_another"])
    assert hidden.status_code in (200, 404)
    assert "secretgrowth" not in hidden.text


@pytest.mark.parametrize(
    "way",
    [
        lambda key: {"headers": {"X-API-Key": key}},
        lambda key: {"headers": {"Authorization": f"Bearer {key}"}},
        lambda key: {"headers": {"Authorization": "Basic " + base64.b64encode(f"anybody:{key}".encode()).decode()}},
        lambda key: {"params": {"api_key": key}},
        lambda key: {"params": {"limit": "3", "API_KEY": key}},
    ],
    ids=["header", "bearer", "basic", "parameter", "parameter among others"],
)
def test_a_key_may_come_in_each_way(world: World, way: Any) -> None:
    path = f"/rca/scenario/{world.ids['scenario']}/audit-trail"
    assert world.ask(path, None, **way(world.keys["viewer_of_own"])).status_code == 200
    assert world.ask(path, None, **way(world.keys["wrong"])).status_code == 401


def test_no_log_holds_a_key(world: World) -> None:
    """The server's access log is on, and everything is logged at debug."""
    key = world.keys["analyst"]
    trail = f"/rca/scenario/{world.ids['scenario']}/audit-trail"
    for query in (
        f"?api_key={key}",
        f"?limit=2&api%5Fkey={key}",
        f"?limit=no&api_key={key}",
        f"?api_key={key}&api_key=second",
    ):
        world.ask(f"{trail}{query}", None)
    answer = world.ask(f"/nothing/here?api_key={key}", None)
    assert key not in answer.text
    asked = [line for line in world.logged if "audit-trail" in line]
    assert any("limit=2" in line for line in asked)
    secret = key.rpartition("_")[2]
    assert not [line for line in world.logged if secret in line or key[16:] in line]


def test_a_revoked_key_opens_nothing_any_more(world: World, server: Server) -> None:
    key = new_key()
    with keys.key_table(server.dsn("clearsight_owner", "clearsight")) as connection:
        keys.add(connection, key, "admin", None, list(DEFAULT_SCOPES), None, "test", None)
    assert world.ask("/openapi.json", key.text).status_code == 200
    with keys.key_table(server.dsn("clearsight_owner", "clearsight")) as connection:
        keys.revoke(connection, [key.key_id])
    refused = world.ask("/openapi.json", key.text)
    assert (refused.status_code, refused.json()["detail"]) == (401, "this key has been revoked")


def test_a_key_without_the_scope_is_refused(world: World, server: Server) -> None:
    key = new_key()
    with keys.key_table(server.dsn("clearsight_owner", "clearsight")) as connection:
        keys.add(connection, key, "admin", None, ["metrics"], None, "test", None)
    refused = world.ask(f"/rca/run/{world.ids['run']}/diagnostics", key.text)
    assert refused.status_code == 403
    assert "scope rca" in refused.json()["detail"]


def test_metrics_are_for_keys_with_their_scope(world: World, server: Server) -> None:
    for who in ADMITTED:
        assert world.ask("/metrics", world.keys[who]).status_code == 403
    key = new_key()
    with keys.key_table(server.dsn("clearsight_owner", "clearsight")) as connection:
        keys.add(connection, key, "viewer", "u-nobody", ["metrics"], None, "test", None)
    world.ask(f"/rca/run/{world.ids['run']}/why", world.keys["analyst"])
    told = world.ask("/metrics", key.text)
    assert told.status_code == 200
    assert 'clearsight_api_request_seconds_count{route="/rca/run/{id:path}/why",status="200"}' in told.text
    assert 'clearsight_api_refused_total{status="403"}' in told.text
    assert "clearsight_database_up 1.0" in told.text
    assert not [secret for secret in world.ids.values() if secret in told.text]


def test_browsers_are_told_what_not_to_do(world: World) -> None:
    for key in (world.keys["admin"], None):
        headers = world.ask(f"/rca/run/{world.ids['run']}/diagnostics", key).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers or "uvicorn" in headers["server"]


def test_only_listed_origins_may_ask(world: World) -> None:
    asking = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "X-API-Key"}
    path = f"{world.url}/rca/run/{world.ids['run']}/diagnostics"
    listed = httpx.options(path, headers={"Origin": "https://bi.example.com", **asking}, timeout=SECONDS)
    assert listed.headers["access-control-allow-origin"] == "https://bi.example.com"
    other = httpx.options(path, headers={"Origin": "https://evil.example.com", **asking}, timeout=SECONDS)
    assert other.status_code == 400
    refused = world.ask(f"/rca/run/{world.ids['run']}/diagnostics", None, headers={"Origin": "https://bi.example.com"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://bi.example.com"


async def test_in_development_mode_only_this_machine_may_ask(settings: Settings) -> None:
    api = create_api(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1") as client:
        answer = await client.get("/openapi.json")
        assert (answer.status_code, answer.headers["x-clearsight-authentication"]) == (200, "off")
        assert (await client.get("/health/live")).json()["authentication"] == "off"
        for headers in (
            {"Host": "rebound.example.com"},
            {"X-Forwarded-For": "203.0.113.9"},
            {"Forwarded": "for=203.0.113.9"},
        ):
            refused = await client.get("/openapi.json", headers=headers)
            assert refused.status_code == 403, headers
            assert "CLEARSIGHT_API__AUTH=keys" in refused.json()["detail"]


async def test_with_the_database_away_nobody_is_let_in(server: Server) -> None:
    settings = Settings(
        report=ReportSettings(api_dsn=SecretStr("postgresql://clearsight_api:secret@127.0.0.1:1/clearsight")),
        api=ApiSettings(auth="keys"),
    )
    api = create_api(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://127.0.0.1") as client:
        answer = await client.get("/rca/run/x/why", headers={"X-API-Key": new_key().text})
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    assert "secret" not in answer.text


def test_the_document_says_where_keys_go(world: World) -> None:
    document = world.ask("/openapi.json", world.keys["analyst"]).json()
    schemes = document["components"]["securitySchemes"]
    assert {scheme["name"] for scheme in schemes.values() if scheme["type"] == "apiKey"} == {"X-API-Key", "api_key"}
    assert {name for each in document["security"] for name in each} == set(schemes)
    for path, methods in document["paths"].items():
        operation = methods["get"]
        assert (operation.get("security") == []) is (path in OPEN), path
        assert path in OPEN or {"401", "403"} <= set(operation["responses"]), path


def test_no_route_hides_from_the_matrix() -> None:
    """It reads the routes from the OpenAPI document."""
    api = create_api(Settings(report=ReportSettings(api_dsn=SecretStr("postgresql://u@127.0.0.1:1/x"))))
    known = set(api.openapi()["paths"]) | ELSEWHERE | FEED
    declared = {route.path for router in _routers(api) for route in router.routes if isinstance(route, APIRoute)}
    assert len(declared) > 15
    assert {path.replace("{id:path}", "{id}") for path in declared} <= known


def _routers(api: FastAPI) -> list[APIRouter]:
    return [route.original_router for route in api.routes if hasattr(route, "original_router")]
