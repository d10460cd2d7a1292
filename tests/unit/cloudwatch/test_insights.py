"""Logs Insights as the simulator answers it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.cloudwatch.simulator.faults import ServiceFault
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM
from connectors.cloudwatch.simulator.service import TARGET_PREFIX, Simulator

pytestmark = pytest.mark.unit

NOW = 1_795_000_000_000
PROFILE = replace(CALM, visibility_lag_ms=(0, 0), reads_per_s=100_000.0, writes_per_s=100_000.0)
ALL = "fields @timestamp, @message, @logStream, @log | sort @timestamp asc"


class Account:
    def __init__(self, path: Path) -> None:
        self.now = NOW
        self.simulator = Simulator(Ledger(path), lambda: self.now, profile=PROFILE, denied=("/secret",))
        self.simulator.have_groups(["/a", "/b", "/secret"])
        for group in ("/a", "/b"):
            self.call("CreateLogStream", logGroupName=group, logStreamName="s")
        self.put(
            "/a", (NOW - 3000, "first corr-1"), (NOW - 2000, 'second "quoted" corr-2'), (NOW - 1000, "THIRD/corr-1")
        )
        self.put("/b", (NOW - 2500, "other corr-1"))

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        result: dict[str, Any] = orjson.loads(self.simulator.call(TARGET_PREFIX + operation, orjson.dumps(params)))
        return result

    def put(self, group: str, *events: tuple[int, str]) -> None:
        listed = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
        self.call("PutLogEvents", logGroupName=group, logStreamName="s", logEvents=listed)

    def start(self, text: str = ALL, **params: Any) -> str:
        asked = {"logGroupNames": ["/a", "/b"], "startTime": NOW // 1000 - 60, "endTime": NOW // 1000 + 1} | params
        query_id: str = self.call("StartQuery", queryString=text, **asked)["queryId"]
        return query_id

    def rows(self, text: str = ALL, **params: Any) -> list[dict[str, str]]:
        query_id = self.start(text, **params)
        self.now += 1000
        answer = self.call("GetQueryResults", queryId=query_id)
        self.now -= 1000
        assert answer["status"] == "Complete"
        return [{each["field"]: each["value"] for each in row} for row in answer["results"]]

    def messages(self, text: str, **params: Any) -> list[str]:
        return [row["@message"] for row in self.rows(text, **params)]


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path / "ledger.jsonl")


def test_rows_of_several_groups_in_order_of_time(account: Account) -> None:
    rows = account.rows()
    assert [row["@message"][:5] for row in rows] == ["first", "other", "secon", "THIRD"]
    assert (rows[0]["@log"], rows[0]["@logStream"]) == ("000000000000:/a", "s")
    assert rows[0]["@timestamp"] == "2026-11-18 11:06:37.000"
    assert rows[0]["@ptr"]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("@message like /corr-1/", ["first", "other", "THIRD"]),
        ("@message like 'corr-1' and @message like /(?i)third/", ["THIRD"]),
        (r"@message like /\x22quoted\x22/", ["secon"]),
        (r'@message like "\"quoted\""', ["secon"]),
        (r"@message like /THIRD\/corr/", ["THIRD"]),
        ("not @message like /corr-1/", ["secon"]),
        ("(@message like /first/ or @message like /other/) and @log = '000000000000:/b'", ["other"]),
        ("@logStream != 's'", []),
    ],
)
def test_filters(account: Account, condition: str, found: list[str]) -> None:
    assert [m[:5] for m in account.messages(f"fields @message | filter {condition} | sort @timestamp asc")] == found


def test_limits_and_pages(account: Account) -> None:
    assert account.messages("fields @message | sort @timestamp desc | limit 1") == ["THIRD/corr-1"]
    assert len(account.rows(limit=2)) == 2
    query_id = account.start()
    account.now += 1000
    first = account.call("GetQueryResults", queryId=query_id, maxItems=3)
    second = account.call("GetQueryResults", queryId=query_id, maxItems=3, nextToken=first["nextToken"])
    assert (len(first["results"]), len(second["results"]), "nextToken" in second) == (3, 1, False)
    account.put("/a", *((NOW - 500, f"line {n}") for n in range(9_999)))
    account.put("/a", *((NOW - 500, f"line {n}") for n in range(9_999)))
    assert len(account.rows()) == 10_000


def test_the_range_is_inclusive_at_both_ends(account: Account) -> None:
    second = NOW // 1000
    assert len(account.rows(startTime=second - 3, endTime=second - 2)) == 3


def test_counts_by_minute(account: Account) -> None:
    account.put("/a", (NOW - 70_000, "earlier"))
    rows = account.rows("stats count(*) as lines by bin(1m) | sort bin(1m) asc", startTime=0)
    assert rows == [
        {"bin(1m)": "2026-11-18 11:05:00.000", "lines": "1"},
        {"bin(1m)": "2026-11-18 11:06:00.000", "lines": "4"},
    ]


def test_states_follow_the_clock(account: Account) -> None:
    query_id = account.start()
    states = []
    for wait_ms in (0, 150, 200):
        account.now += wait_ms
        answer = account.call("GetQueryResults", queryId=query_id)
        states.append((answer["status"], len(answer["results"])))
    assert states == [("Scheduled", 0), ("Running", 0), ("Complete", 4)]
    assert answer["statistics"] == {
        "recordsMatched": 4.0,
        "recordsScanned": 4.0,
        "bytesScanned": 162.0,
        "logGroupsScanned": 2.0,
    }


def test_a_query_can_be_stopped_once(account: Account) -> None:
    query_id = account.start()
    assert account.call("StopQuery", queryId=query_id) == {"success": True}
    assert account.call("GetQueryResults", queryId=query_id)["status"] == "Cancelled"
    with pytest.raises(ServiceFault, match="not running"):
        account.call("StopQuery", queryId=query_id)


def test_queries_are_listed_the_newest_first(account: Account) -> None:
    first, second = account.start(), account.start(logGroupNames=["/b"])
    assert [query["queryId"] for query in account.call("DescribeQueries")["queries"]] == [second, first]
    assert [query["queryId"] for query in account.call("DescribeQueries", logGroupName="/a")["queries"]] == [first]
    assert account.call("DescribeQueries", status="Complete")["queries"] == []
    page = account.call("DescribeQueries", maxResults=1)
    assert account.call("DescribeQueries", maxResults=1, nextToken=page["nextToken"])["queries"][0]["queryId"] == first


def test_a_line_that_is_not_visible_yet_is_not_found(tmp_path: Path) -> None:
    account = Account(tmp_path / "ledger.jsonl")
    account.simulator = Simulator(
        Ledger(tmp_path / "late.jsonl"), lambda: account.now, profile=replace(PROFILE, visibility_lag_ms=(5000, 5000))
    )
    account.simulator.have_groups(["/a", "/b"])
    account.call("CreateLogStream", logGroupName="/a", logStreamName="s")
    account.put("/a", (NOW, "late"))
    assert account.rows() == []
    account.now += 6000
    assert len(account.rows()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "parse @message '*' as x",
        "fields level",
        "filter level = 'ERROR'",
        "filter @message like /(/",
        "filter @message like",
        "filter @message ~ 'x'",
        "fields @message | | limit 1",
        "fields @message limit 1",
        "stats avg(x) by bin(1m)",
        "stats count(*) by bin(1y)",
        "filter (@message like 'x'",
        "limit many",
        "SELECT * FROM logs",
    ],
)
def test_what_it_does_not_know_is_refused(account: Account, text: str) -> None:
    with pytest.raises(ServiceFault) as fault:
        account.start(text)
    assert fault.value.code == "MalformedQueryException"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"logGroupNames": ["/none"]}, "ResourceNotFoundException"),
        ({"logGroupNames": []}, "InvalidParameterException"),
        ({"logGroupName": "/a"}, "InvalidParameterException"),
        ({"logGroupNames": ["/a"] * 51}, "InvalidParameterException"),
        ({"logGroupNames": ["/secret"]}, "AccessDeniedException"),
        ({"startTime": NOW // 1000, "endTime": NOW // 1000 - 1}, "InvalidParameterException"),
        ({"limit": 100_001}, "InvalidParameterException"),
        ({"queryLanguage": "SQL"}, "InvalidParameterException"),
    ],
)
def test_wrong_questions(account: Account, params: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceFault) as fault:
        account.start(**params)
    assert fault.value.code == code


def test_a_hundred_at_once_are_too_many(account: Account) -> None:
    for _ in range(100):
        account.start()
    with pytest.raises(ServiceFault) as fault:
        account.start()
    assert fault.value.code == "LimitExceededException"
    account.now += 1000
    account.start()


def test_an_unknown_query(account: Account) -> None:
    for operation in ("GetQueryResults", "StopQuery"):
        with pytest.raises(ServiceFault) as fault:
            account.call(operation, queryId="none")
        assert fault.value.code == "ResourceNotFoundException"
