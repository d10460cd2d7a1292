"""Clients that we did not write read every set to its end, over HTTP with a key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import pytest
import requests
from kit.api_server import serving
from kit.server import Server
from odata import ODataService
from odatapy.client import ODataClient
from odatapy.client.transport import HttpxTransport
from pydantic import SecretStr

from api.odata.sets import entity_sets
from clearsight.keys import DEFAULT_SCOPES, new_key
from clearsight.settings import ApiSettings, ReportSettings, Settings
from sql import keys

pytestmark = pytest.mark.integration

A_PAGE = {"Prefer": "odata.maxpagesize=4"}


class Feed(NamedTuple):
    url: str
    key: str
    of_nobody: str
    scenario_id: str

    def count(self, name: str) -> int:
        answer = httpx.get(f"{self.url}{name}/$count", headers={"X-API-Key": self.key}, timeout=60)
        return int(answer.raise_for_status().text)


@pytest.fixture
def feed(server: Server, story: Any) -> Iterator[Feed]:
    for number in range(3):
        story.input("demand", "growth", str(number), by="ana")
        run = story.start_run(by="ana").compute("demand")
        run.fail("demand", "validation", "ValueError", "50% of a_b's") if number else run.succeed()
    story.state("submitted", by="ana")
    settings = Settings(
        report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
        api=ApiSettings(auth="keys", pool_size=2),
    )
    with serving(settings) as url:
        yield Feed(
            f"{url}/odata/v1/", _key(server, "analyst", None), _key(server, "viewer", "u-nobody"), story.scenario_id
        )


def _key(server: Server, role: Any, user: str | None) -> str:
    key = new_key()
    with keys.key_table(server.dsn("clearsight_owner", "clearsight")) as connection:
        until = datetime.now(UTC) + timedelta(hours=1)
        keys.add(connection, key, role, user, list(DEFAULT_SCOPES), "feed", "test", until)
    return key.text


def test_odatapy_reads_every_set_to_its_end(feed: Feed) -> None:
    transport = HttpxTransport(httpx.Client(headers={"X-API-Key": feed.key, **A_PAGE}, timeout=60))
    client = ODataClient(feed.url, transport)
    document = client.get_service_document()
    assert set(document.entity_sets) == entity_sets().keys()
    for name, found in entity_sets().items():
        rows = []
        for row in client.iter_entities(client.entity_set_uri(name)):
            rows.append(tuple(row.get_property(part).value for part in found.key))
            if len(rows) >= 30:
                break
        assert len(set(rows)) == len(rows) == min(feed.count(name), 30), name


def test_python_odata_reads_every_set_by_its_metadata(feed: Feed) -> None:
    with requests.Session() as session:
        session.headers.update({"X-API-Key": feed.key, **A_PAGE})
        service = ODataService(feed.url, session=session, reflect_entities=True, quiet_progress=True)
        assert service.entities.keys() == entity_sets().keys()
        runs = service.entities["runs"]
        failed = service.query(runs).filter((runs.outcome == "failed") & (runs.scenario_id == feed.scenario_id))
        assert [run.error_message for run in failed.all()] == ["ValueError: 50% of a_b's"] * 2
        contained = service.query(runs).filter(runs.error_message.contains("0% of a_b's"))
        assert {run.outcome for run in contained.all()} == {"failed"}
        newest = service.query(runs).order_by(runs.started_at.desc()).limit(1).first()
        assert newest.started_at.tzinfo is not None
        for name, entity in service.entities.items():
            if name != "dates":  # thousands of pages of four
                assert len(list(service.query(entity))) == feed.count(name), name


def test_a_key_may_come_as_a_parameter_as_power_bi_sends_it(feed: Feed) -> None:
    answer = httpx.get(
        f"{feed.url}logs?$top=2&api_key={feed.key}", headers={"Prefer": "odata.maxpagesize=1"}, timeout=60
    )
    assert answer.status_code == 200
    assert feed.key not in answer.text
    following = httpx.get(f"{answer.json()['@odata.nextLink']}&api_key={feed.key}", timeout=60)
    assert len(following.json()["value"]) == 1


@pytest.mark.parametrize("path", ["", "$metadata", "runs", "runs/$count", "runs(1)", "nothing"])
def test_without_a_key_nothing_is_told(feed: Feed, path: str) -> None:
    for key in ({}, {"X-API-Key": feed.key[:-4] + "AAAA"}):
        answer = httpx.get(f"{feed.url}{path}", headers=key, timeout=60)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers.get_list("odata-version") == ["4.0"]
        assert answer.json()["error"]["code"] == "unauthenticated"


def test_files_that_open_power_bi_need_a_key_too(feed: Feed) -> None:
    address = feed.url.replace("/odata/v1/", "/power-bi/clearsight-odata.pbids")
    assert httpx.get(address, timeout=60).status_code == 401
    told = httpx.get(address, headers={"X-API-Key": feed.key}, timeout=60)
    assert told.json()["connections"][0]["details"]["address"]["url"] == feed.url
    assert feed.key not in told.text


def test_a_viewer_sees_own_scenarios_only(feed: Feed) -> None:
    for name, found in entity_sets().items():
        if "scenario_key" in found.properties:
            answer = httpx.get(f"{feed.url}{name}", headers={"X-API-Key": feed.of_nobody}, timeout=60)
            assert answer.json()["value"] == [], name


def test_a_key_without_the_scope_is_refused(feed: Feed, server: Server) -> None:
    key = new_key()
    with keys.key_table(server.dsn("clearsight_owner", "clearsight")) as connection:
        keys.add(connection, key, "admin", None, ["rca"], "no feed", "test", datetime.now(UTC) + timedelta(hours=1))
    answer = httpx.get(feed.url, headers={"X-API-Key": key.text}, timeout=60)
    assert answer.status_code == 403
    assert "odata" in answer.json()["error"]["message"]
