"""Three shapes of lines, each with its correlation id where it has one."""

from __future__ import annotations

import json
import re

import pytest

from clearsight.context import audit_context
from clearsight.demo.log_lines import ApplicationLogs, application_logs

pytestmark = pytest.mark.unit


class Lines:
    def __init__(self) -> None:
        self.taken: list[tuple[str, str, int, str]] = []

    def put(self, group: str, stream: str, timestamp_ms: int, message: str) -> None:
        self.taken.append((group, stream, timestamp_ms, message))

    @property
    def last(self) -> str:
        return self.taken[-1][3]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def logs(lines: Lines) -> ApplicationLogs:
    return application_logs(lines, ("/requests", "/computing"))


def test_json_lines(lines: Lines, logs: ApplicationLogs) -> None:
    with audit_context("c-1", user="u-1", use_case="run.start"):
        logs.engine.info("computing node %s", "price", extra={"run_id": "r-1", "node": "price"})
    line = json.loads(lines.last)
    assert line["message"] == "computing node price"
    assert (line["correlation_id"], line["run_id"], line["node"]) == ("c-1", "r-1", "price")
    assert (line["service"], line["level"]) == ("forecast-engine", "INFO")


def test_plain_lines(lines: Lines, logs: ApplicationLogs) -> None:
    with audit_context("c-1"):
        logs.gateway.info("POST /input/change 200")
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"{moment} INFO \[correlation_id=c-1\] POST /input/change 200", lines.last)
    logs.gateway.info("GET /health 200")
    assert re.fullmatch(rf"{moment} INFO GET /health 200", lines.last)


def test_lambda_lines(lines: Lines, logs: ApplicationLogs) -> None:
    with audit_context("c-1"):
        logs.notifier.info("user notified", extra={"request_id": "q-1"})
        level, _, request_id, message = lines.last.rstrip("\n").split("\t")
        logs.notifier.info("END RequestId: %s", "q-1", extra={"platform": True})
    assert (level, request_id, message) == ("[INFO]", "q-1", "user notified correlation_id=c-1")
    assert lines.last == "END RequestId: q-1\n"


def test_requests_and_computing_have_groups_and_streams_of_their_own(lines: Lines, logs: ApplicationLogs) -> None:
    for logger in (logs.api, logs.engine, logs.gateway, logs.notifier):
        logger.info("here")
    assert [group for group, *_ in lines.taken] == ["/requests", "/computing", "/requests", "/computing"]
    assert len({stream for _, stream, *_ in lines.taken}) == 4


def test_one_group_is_enough(lines: Lines) -> None:
    logs = application_logs(lines, ("/all",))
    logs.engine.info("here")
    assert lines.taken[0][0] == "/all"


def test_a_lines_time_is_the_records(lines: Lines, logs: ApplicationLogs) -> None:
    logs.api.info("now")
    assert json.loads(lines.last)["timestamp"].endswith("Z")
    assert lines.taken[0][2] > 1_700_000_000_000
