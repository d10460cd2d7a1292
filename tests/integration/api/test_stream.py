"""The timeline as it lands: landed by the worker's own code, read through a real server, cut off and resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest
from kit.api_server import serving
from kit.debezium import NAMES, partitioned
from kit.reporting import Reporting
from kit.story import tell
from pydantic import SecretStr

from clearsight.asking import EVERYTHING
from clearsight.mapping import DEFAULT_MAPPING, load_mapping
from clearsight.settings import ApiSettings, ReportSettings, Settings

pytestmark = pytest.mark.integration

BATCH = 7


@dataclass
class Told:
    """One server-sent event."""

    name: str
    id: str
    data: dict[str, Any]


@pytest.fixture(scope="module")
def database(new_report_database: Callable[[], Any]) -> Any:
    return new_report_database()


@pytest.fixture
def reporting(database: Any) -> Iterator[Reporting]:
    made = Reporting(database.owner_dsn, database.writer_dsn, load_mapping(DEFAULT_MAPPING), NAMES)
    made.empty()
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(database: Any) -> Iterator[str]:
    settings = Settings(report=ReportSettings(api_dsn=SecretStr(database.api_dsn)), api=ApiSettings(pool_size=4))
    with serving(settings) as made:
        yield made


def told(response: httpx.Response) -> Iterator[Told]:
    lines: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            field, _, value = line.partition(": ")
            lines[field] = value
            continue
        if "data" in lines:
            yield Told(lines.get("event", "message"), lines["id"], json.loads(lines["data"]))
        lines = {}


def listen(
    url: str, count: int, last: str | None = None, begun: Callable[[], None] = lambda: None, **filters: str
) -> list[Told]:
    """The next `count` events of the timeline; `begun` is called once the stream stands."""
    headers = {"Last-Event-ID": last} if last else {}
    found: list[Told] = []
    with httpx.stream("GET", f"{url}/rca/events/stream", params=filters, headers=headers, timeout=20) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        for event in told(response):
            if event.name == "coverage":
                assert "complete" in event.data
                begun()
                begun = lambda: None  # noqa: E731
                continue
            found.append(event)
            if len(found) == count:
                return found
    raise AssertionError(f"only {len(found)} events")


def timeline(database: Any) -> set[str]:
    with psycopg.connect(database.api_dsn, options=EVERYTHING) as reader:
        return {row[0] for row in reader.execute("SELECT event_id::text FROM rpt.view_scenario_audit_trail")}


def land(reporting: Reporting) -> None:
    worker = reporting.worker()
    records = list(partitioned(tell()))
    for start in range(0, len(records), BATCH):
        worker(records[start : start + BATCH])


def expected(database: Any, reporting: Reporting) -> set[str]:
    """What the stream must tell, from a database that everything landed in."""
    land(reporting)
    found = timeline(database)
    reporting.empty()
    return found


def test_every_event_of_the_timeline_is_told_once_as_it_lands(database: Any, reporting: Reporting, url: str) -> None:
    wanted = expected(database, reporting)
    reporting.worker()  # the partitions are taken, as by a running product
    found = listen(url, len(wanted), begun=lambda: land(reporting))
    assert len({event.data["event_id"] for event in found}) == len(found)
    assert {event.data["event_id"] for event in found} == wanted
    assert {event.data["kind"] for event in found} == {"action", "change", "state_change", "log"}
    assert all(event.data["scenario_id"] or event.data["link"] == "shared" for event in found)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_stream_that_was_cut_off_goes_on_where_it_was(
    database: Any, reporting: Reporting, url: str, cut: int
) -> None:
    wanted = expected(database, reporting)
    reporting.worker()
    first = listen(url, cut, begun=lambda: land(reporting))
    rest = listen(url, len(wanted) - cut, last=first[-1].id)
    ids = [event.data["event_id"] for event in (*first, *rest)]
    assert len(ids) == len(set(ids)) == len(wanted)
    assert set(ids) == wanted


def test_a_stream_goes_on_after_its_connections_were_cut(database: Any, reporting: Reporting, url: str) -> None:
    wanted = expected(database, reporting)
    reporting.worker()

    def cut() -> None:
        with psycopg.connect(database.api_dsn, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user"
                " AND datname = current_database() AND pid <> pg_backend_pid()"
            )

    def interrupted() -> None:
        cut()
        land(reporting)
        cut()

    found = listen(url, len(wanted), begun=interrupted)
    assert {event.data["event_id"] for event in found} == wanted


def test_filters_and_fields(reporting: Reporting, url: str) -> None:
    worker, records = reporting.worker(), list(partitioned(tell()))
    worker(records[:BATCH])  # the scenario is known
    chosen = {"level": "ERROR", "scenario": "s1", "fields": "event_type,run_id"}
    found = listen(url, 1, begun=lambda: worker(records[BATCH:]) and None, **chosen)
    assert [event.data for event in found] == [{"event_type": "log.error", "run_id": "r2"}]


@pytest.mark.parametrize(
    ("parameters", "headers", "field"),
    [
        ({"from": "2026-01-01T00:00:00Z"}, {}, "from"),
        ({"fields": "nonsense"}, {}, "fields"),
        ({}, {"Last-Event-ID": "made-up"}, "Last-Event-ID"),
    ],
)
def test_bad_input_is_refused_before_the_stream_begins(
    reporting: Reporting, url: str, parameters: dict[str, str], headers: dict[str, str], field: str
) -> None:
    answer = httpx.get(f"{url}/rca/events/stream", params=parameters, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_an_unknown_scenario_is_a_404(reporting: Reporting, url: str) -> None:
    assert httpx.get(f"{url}/rca/events/stream", params={"scenario": "nobody's"}).status_code == 404
