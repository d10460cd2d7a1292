"""The timeline as it lands: landed by the worker's own code, read through a real server, cut off and resumed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
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
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
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


def newest(found: Iterable[Told]) -> dict[str, int]:
    """Each event's last revision that was told."""
    return {event.data["event_id"]: event.data["revision"] for event in found}


def listen(
    url: str,
    enough: Callable[[list[Told]], bool],
    last: str | None = None,
    begun: Callable[[], None] = lambda: None,
    **filters: str,
) -> list[Told]:
    """The next events of the timeline, until they are enough; `begun` is called once the stream stands."""
    headers = {"Last-Event-ID": last} if last else {}
    found: list[Told] = []
    give_up_s = time.monotonic() + 120
    with httpx.stream("GET", f"{url}/rca/events/stream", params=filters, headers=headers, timeout=60) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        for event in told(response):
            assert time.monotonic() < give_up_s, f"only {len(found)} events: {found[-3:]}"
            if event.name == "coverage":
                assert "complete" in event.data
                begun()
                begun = lambda: None  # noqa: E731
                continue
            found.append(event)
            if enough(found):
                return found
    raise AssertionError(f"only {len(found)} events")


def timeline(database: Any) -> dict[str, int]:
    """Each event's revision."""
    with psycopg.connect(database.api_dsn, options=EVERYTHING) as reader:
        return dict(
            reader.execute(
                "SELECT event_id::text, max(revision) FROM rpt.view_scenario_audit_trail GROUP BY 1"
            ).fetchall()
        )


def land(reporting: Reporting) -> None:
    worker = reporting.worker()
    records = list(partitioned(tell()))
    for start in range(0, len(records), BATCH):
        worker(records[start : start + BATCH])


def expected(database: Any, reporting: Reporting) -> dict[str, int]:
    """What the stream must tell, from a database that everything landed in."""
    land(reporting)
    found = timeline(database)
    reporting.empty()
    return found


def tellings(found: Iterable[Told]) -> list[tuple[str, int]]:
    return [(event.data["event_id"], event.data["revision"]) for event in found]


def test_every_event_of_the_timeline_is_told_as_it_lands(database: Any, reporting: Reporting, url: str) -> None:
    wanted = expected(database, reporting)
    reporting.worker()  # the partitions are taken, as by a running product
    found = listen(url, lambda found: newest(found) == wanted, begun=lambda: land(reporting))
    assert len(set(tellings(found))) == len(found)
    assert {event.data["kind"] for event in found} == {"action", "change", "state_change", "log"}
    assert all(event.data["scenario_id"] or event.data["link"] == "shared" for event in found)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_stream_that_was_cut_off_goes_on_where_it_was(
    database: Any, reporting: Reporting, url: str, cut: int
) -> None:
    wanted = expected(database, reporting)
    reporting.worker()
    first = listen(url, lambda found: len(found) == cut, begun=lambda: land(reporting))
    rest = listen(url, lambda found: newest((*first, *found)) == wanted, last=first[-1].id)
    assert len(set(tellings((*first, *rest)))) == len(first) + len(rest)


def test_an_event_is_told_again_when_its_context_comes(database: Any, reporting: Reporting, url: str) -> None:
    """The changes land without their context; each is told at once, and once more when it is known who made it."""
    worker, records = reporting.worker(), list(partitioned(tell()))
    contexts = [record for record in records if record.topic == NAMES.message]
    changes = [record for record in records if record.topic != NAMES.message]
    before: dict[str, int] = {}

    def everything_but_contexts() -> None:
        worker(changes)
        before.update(timeline(database))

    first = listen(url, lambda found: bool(before) and newest(found) == before, begun=everything_but_contexts)
    assert "pending" in {event.data["link"] for event in first}
    worker(contexts)
    wanted = timeline(database)
    again = listen(url, lambda found: newest((*first, *found)) == wanted, last=first[-1].id)
    assert len(set(tellings((*first, *again)))) == len(first) + len(again)
    amended = [event for event in again if event.data["event_id"] in before]
    assert len(amended) > 10
    assert all(event.data["revision"] > before[event.data["event_id"]] for event in amended)
    assert {event.data["kind"] for event in amended} >= {"action", "change", "state_change"}
    assert {event.data["link"] for event in amended if event.data["kind"] == "action"} == {"correlated"}


def test_a_line_that_belonged_to_nobody_is_told_when_it_does(database: Any, reporting: Reporting, url: str) -> None:
    worker, records = reporting.worker(), list(partitioned(tell()))
    lines = [record for record in records if record.topic == NAMES.logs]
    worker(lines)
    early = timeline(database)
    rest = [record for record in records if record.topic != NAMES.logs]
    wanted: dict[str, int] = {}

    def the_rest() -> None:
        worker(rest)
        wanted.update({key: revision for key, revision in timeline(database).items() if early.get(key) != revision})

    found = listen(url, lambda found: bool(wanted) and newest(found) == wanted, begun=the_rest)
    late = [event for event in found if event.data["kind"] == "log"]
    assert late
    assert all(event.data["scenario_id"] or event.data["link"] == "shared" for event in late)


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

    listen(url, lambda found: newest(found) == wanted, begun=interrupted)


def test_filters_and_fields(reporting: Reporting, url: str) -> None:
    worker, records = reporting.worker(), list(partitioned(tell()))
    worker(records[:BATCH])  # the scenario is known
    chosen = {"level": "ERROR", "scenario": "s1", "fields": "event_type,run_id"}
    found = listen(url, lambda found: len(found) == 1, begun=lambda: worker(records[BATCH:]) and None, **chosen)
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
    answer = httpx.get(f"{url}/rca/events/stream", params=parameters, headers=headers, timeout=60)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


def test_an_unknown_scenario_is_a_404(reporting: Reporting, url: str) -> None:
    assert httpx.get(f"{url}/rca/events/stream", params={"scenario": "nobody's"}, timeout=60).status_code == 404
