"""`clearsight ask logs --live`: unmodified boto3 asks the served simulator's Logs Insights."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from pydantic import SecretStr
from typer.testing import CliRunner

from clearsight.cli.app import build
from clearsight.errors import ConfigurationError, Unavailable
from clearsight.settings import AccountSettings, CloudWatchSettings, RedactionSettings, Settings
from connectors.cloudwatch.live.answer import LiveAnswer, ask
from connectors.cloudwatch.live.configured import live_places
from connectors.cloudwatch.live.question import LiveQuestion, literal, query_text
from connectors.cloudwatch.places import Place, connect
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM
from connectors.cloudwatch.simulator.server import application
from connectors.cloudwatch.simulator.service import Simulator

pytestmark = pytest.mark.integration

REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"
AWKWARD = 'x"/ | limit 1 | filter @message like /.*/ \\ (é]'
LINES = {
    "/live/api": [
        f"START RequestId: {REQUEST} Version: $LATEST\n",
        f"[INFO]\t2026-11-22T12:00:00.123Z\t{REQUEST}\tcorrelation_id=corr-aaaa run_id=r-1 begun by alice@example.com\n",
        f"[ERROR]\t2026-11-22T12:00:00.223Z\t{REQUEST}\tTimeoutError: read timed out\n",
        f"END RequestId: {REQUEST}\n",
        "2026-11-22 12:00:01 INFO correlation_id=corr-aaaabbbb another run_id=r-11",
    ],
    "/live/engine": [
        json.dumps({"level": "WARN", "message": "slow", "correlation_id": "corr-aaaa", "node": "demand", "service": "engine"}),
        json.dumps({"level": "ERROR", "message": "out of memory", "correlation_id": "corr-cccc", "scenario_id": "s-1"}),
        json.dumps({"level": "INFO", "message": AWKWARD, "correlation_id": "corr-dddd"}),
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def endpoint_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ledger = Ledger(tmp_path_factory.mktemp("live") / "ledger.jsonl")
    profile = replace(CALM, visibility_lag_ms=(0, 0), empty_page_share=0.0)
    simulator = Simulator(ledger, lambda: time.time_ns() // 1_000_000, profile=profile, denied=("/live/secret",))
    simulator.have_groups(["/live/secret"])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(simulator), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    _write(connect(Place("000000000000", "eu-west-1", (), url)))
    yield url
    server.should_exit = True
    thread.join(10)
    ledger.close()


def _write(client: Any) -> None:
    begin = time.time_ns() // 1_000_000 - 60_000
    for group, lines in LINES.items():
        client.create_log_group(logGroupName=group)
        client.create_log_stream(logGroupName=group, logStreamName="s")
        events = [{"timestamp": begin + place * 100, "message": line} for place, line in enumerate(lines)]
        client.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)


@pytest.fixture
def settings(endpoint_url: str) -> Settings:
    return Settings(cloudwatch=CloudWatchSettings(endpoint_url=endpoint_url, groups=("/live/api", "/live/eng*")))


def asked(settings: Settings, limit: int = 100, **conditions: Any) -> LiveAnswer:
    now = datetime.now(UTC)
    question = LiveQuestion(now - timedelta(hours=1), now + timedelta(seconds=1), **conditions)
    return ask(question, list(live_places(settings, 60)), limit)


def messages(found: LiveAnswer) -> list[str]:
    return [each.line.message.strip()[:28] for each in reversed(found.items)]


def test_a_correlation_id_finds_what_only_its_request_names_and_no_longer_id(settings: Settings) -> None:
    found = asked(settings, correlation_id="corr-aaaa")
    assert sorted(messages(found)) == sorted(
        [
            "START RequestId: 52fdfc07-21",
            "correlation_id=corr-aaaa run",
            "TimeoutError: read timed out",
            "END RequestId: 52fdfc07-2182",
            "slow",
        ]
    )
    sources = {each.line.correlation_source for each in found.items}
    assert sources == {"inherited", "pattern", "field"}
    assert "alice" not in repr(found)
    assert found.scanned_bytes > 0


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({"run": "r-1", "levels": ("ERROR",)}, ["TimeoutError: read timed out"]),
        ({"scenario": "s-1"}, ["out of memory"]),
        ({"levels": ("ERROR", "FATAL")}, ["TimeoutError: read timed out", "out of memory"]),
        ({"categories": ("timeout",)}, ["TimeoutError: read timed out"]),
        ({"categories": ("resource",), "correlation_id": "corr-cccc"}, ["out of memory"]),
        ({"nodes": ("demand",)}, ["slow"]),
        ({"text": "OUT OF memory"}, ["out of memory"]),
        ({"text": AWKWARD}, [AWKWARD[:28]]),
        ({"correlation_id": AWKWARD}, []),
        ({"run": "r-2"}, []),
    ],
)
def test_conditions(settings: Settings, conditions: dict[str, Any], expected: list[str]) -> None:
    assert sorted(messages(asked(settings, **conditions))) == sorted(expected)


def test_nothing_of_a_text_can_be_more_than_text() -> None:
    assert literal(AWKWARD) == r"x\x22\x2f \x7c limit 1 \x7c filter \x40message like \x2f\x2e\x2a\x2f \x5c \x28é\x5d"
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="too long"):
        query_text(LiveQuestion(begin, begin, text="x/" * 5000))


def test_the_newest_lines_and_that_there_are_more(settings: Settings) -> None:
    found = asked(settings, limit=2)
    assert (len(found.items), found.more) == (2, True)
    assert found.items[0].occurred_at >= found.items[1].occurred_at


def test_user_ids_as_the_forwarder_sends_them(settings: Settings) -> None:
    private = settings.model_copy(update={"redaction": RedactionSettings(user_key=SecretStr("0123456789abcdef"))})
    assert asked(private, correlation_id="corr-cccc").items


@pytest.mark.parametrize(
    ("groups", "error", "said"),
    [
        ((), ConfigurationError, "no log group"),
        (("/live/none",), ConfigurationError, "ResourceNotFoundException"),
        (("/live/secret",), Unavailable, "AccessDeniedException"),
    ],
)
def test_what_cannot_be_asked(endpoint_url: str, groups: tuple[str, ...], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        asked(Settings(cloudwatch=CloudWatchSettings(endpoint_url=endpoint_url, groups=groups)))


def test_an_address_where_nobody_answers() -> None:
    nobody = CloudWatchSettings(endpoint_url="http://127.0.0.1:9", groups=("/live/api",))
    with pytest.raises(Unavailable, match="does not answer"):
        asked(Settings(cloudwatch=nobody))


def test_other_accounts_are_asked_too(endpoint_url: str) -> None:
    account = AccountSettings(id="000000000000", groups=("/live/engine",))
    several = CloudWatchSettings(endpoint_url=endpoint_url, groups=("/live/api",), accounts=(account,))
    assert len(asked(Settings(cloudwatch=several), correlation_id="corr-aaaa").items) == 5


def test_the_command(endpoint_url: str, tmp_path: Path) -> None:
    environment = {
        "CLEARSIGHT_HOME": str(tmp_path),
        "CLEARSIGHT_CLOUDWATCH__ENDPOINT_URL": endpoint_url,
        "CLEARSIGHT_CLOUDWATCH__GROUPS": '["/live/api", "/live/engine"]',
        "COLUMNS": "200",
    }
    words = ["ask", "logs", "--live", "--correlation-id", "corr-aaaa", "--severity", "error"]
    table = CliRunner().invoke(build(), words, env=environment)
    assert table.exit_code == 0, table.output
    assert "TimeoutError: read timed out" in table.stdout
    assert "timeout" in table.stdout
    told = json.loads(CliRunner().invoke(build(), [*words, "--json"], env=environment).stdout)
    assert [each["category"] for each in told["items"]] == ["timeout"]
    wrong = [*words, "--from", "2026-11-22T08:00:00Z", "--to", "2026-11-21T08:00:00Z"]
    assert CliRunner().invoke(build(), wrong, env=environment).exit_code == 2
