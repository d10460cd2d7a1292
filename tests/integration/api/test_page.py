"""The page over HTTP, served by `clearsight api`, and `clearsight why`: the real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import httpx
import pytest
from kit.ports import free_port
from kit.waiting import until

pytestmark = pytest.mark.integration

COMMAND = [sys.executable, "-m", "clearsight"]

get = partial(httpx.get, timeout=60)


@pytest.fixture(scope="module")
def environment(server, tmp_path_factory) -> dict[str, str]:
    return {
        **os.environ,
        "CLEARSIGHT_HOME": str(tmp_path_factory.mktemp("home")),
        "CLEARSIGHT_REPORT__API_DSN": server.dsn("clearsight_api", "clearsight"),
        "CLEARSIGHT_API__PORT": str(free_port()),
    }


@pytest.fixture(scope="module")
def url(environment) -> Iterator[str]:
    address = f"http://127.0.0.1:{environment['CLEARSIGHT_API__PORT']}"
    process = subprocess.Popen([*COMMAND, "api"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(address) or process.poll() is not None, "the API answers", every_s=0.1)
        assert process.poll() is None
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _answers(address: str) -> bool:
    try:
        return get(f"{address}/health/live").status_code == 200
    except httpx.TransportError:
        return False


def failed_run(story, by: str | None = None):
    story.input("demand", "growth", "0.03")
    story.input("price", "list_price", "20.5")
    story.start_run().compute("demand", "price").succeed()
    story.input("price", "list_price", "20.7", by="bo")
    story.input("demand", "growth", "-400", by=by)
    run = story.start_run().compute("demand")
    return run.fail("demand", "validation", "ValidationError", "growth must not be <b>negative</b>, got -400")


def test_the_page_shows_error_cause_and_what_was_ruled_out(story, url):
    run = failed_run(story)
    answer = get(f"{url}/run/{run.run_id}")
    assert answer.status_code == 200
    for text in ("demand.growth", "-400", "no context: changed out of band", "price.list_price", "Data as of"):
        assert text in answer.text
    assert "<b>negative</b>" not in answer.text
    assert "http://" not in answer.text.replace(url, "").replace("http://www.w3.org", "")


def test_the_page_links_the_correlation_id(story, url):
    run = failed_run(story, by="dee")
    page = get(f"{url}/run/{run.run_id}").text
    assert f"/rca/correlation/{run.correlation_id}" in page
    assert f"/rca/scenario/{story.scenario_id}/audit-trail" in page


def test_the_start_page_lists_failed_runs(story, url):
    run = failed_run(story)
    answer = get(url)
    assert answer.status_code == 200
    assert f"/run/{run.run_id}" in answer.text


@pytest.mark.parametrize("run_id", ["unknown", "%00", "<script>alert(1)</script>", "x" * 5000])
def test_the_page_of_an_unknown_run(story, url, run_id):
    answer = get(f"{url}/run/{run_id}")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def why(environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, "why", *arguments], env=environment, capture_output=True, text=True, check=False)


def test_why_in_the_terminal(story, environment):
    run = failed_run(story)
    done = why(environment, run.run_id)
    assert done.returncode == 0, done.stderr
    for text in (
        "CAUSE",
        "demand.growth: 0.03 → -400",
        "no context",
        "ruled out",
        "price.list_price",
        f"/run/{run.run_id}",
    ):
        assert text in done.stdout


def test_why_as_json(story, environment):
    run = failed_run(story)
    answer = json.loads(why(environment, run.run_id, "--json").stdout)
    assert answer["run_id"] == run.run_id
    assert answer["verdict"] == "explained"
    assert set(answer["cause"]) == {"kind", "category", "node", "change_key"}
    assert {"summary", "candidates", "ruled_out", "coverage", "page"} <= answer.keys()
    assert {"score", "evidence"} <= answer["candidates"][0].keys()


def test_why_of_an_unknown_run_exits_6_with_a_mend(story, environment):
    run = failed_run(story)
    done = why(environment, "unknown")
    assert done.returncode == 6
    assert "no run unknown has landed" in done.stderr
    assert f"mend: the newest that are known: {run.run_id}" in done.stderr


def test_why_without_a_database_exits_5(environment):
    away = {**environment, "CLEARSIGHT_REPORT__API_DSN": "postgresql://clearsight_api:secret@127.0.0.1:1/clearsight"}
    done = why(away, "x")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_the_api_refuses_an_address_that_others_reach(environment):
    done = subprocess.run(
        [*COMMAND, "api"], env={**environment, "CLEARSIGHT_API__HOST": "0.0.0.0"}, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "authentication is off" in done.stderr


def test_the_api_says_that_its_port_is_taken(environment, url):
    done = subprocess.run([*COMMAND, "api"], env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "cannot listen on" in done.stderr
    assert "CLEARSIGHT_API__PORT" in done.stderr
