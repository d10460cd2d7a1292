"""The simulated service, without sockets: limits, ids, paging, throttling, and what a restart finds."""

from __future__ import annotations

import gzip
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from clearsight.errors import ConfigurationError, StackError
from connectors.cloudwatch import event_ids
from connectors.cloudwatch.simulator.disturbance import Disturbance
from connectors.cloudwatch.simulator.faults import ServiceFault
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM, Late, Profile, profile_named
from connectors.cloudwatch.simulator.service import TARGET_PREFIX, Simulator

pytestmark = pytest.mark.unit

NOW = 1_795_000_000_000
DAY_MS = 86_400_000
AT_ONCE = replace(CALM, visibility_lag_ms=(0, 0), empty_page_share=0.0)


class Bench:
    """A simulator with a clock that the test sets."""

    def __init__(self, path: Path, profile: Profile) -> None:
        self.now = NOW
        self.path = path
        self.profile = profile
        self.start()

    def start(self) -> None:
        self.ledger = Ledger(self.path)
        self.simulator = Simulator(self.ledger, lambda: self.now, profile=self.profile, seed=7)

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        answer = self.simulator.call(TARGET_PREFIX + operation, orjson.dumps(params))
        result: dict[str, Any] = orjson.loads(answer)
        return result

    def put(self, *events: tuple[int, str], stream: str = "s") -> dict[str, Any]:
        listed = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
        return self.call("PutLogEvents", logGroupName="/g", logStreamName=stream, logEvents=listed)

    def messages(self, **params: Any) -> list[str]:
        return [event["message"] for event in self.call("FilterLogEvents", logGroupName="/g", **params)["events"]]

    def all_pages(self, **params: Any) -> list[list[str]]:
        """Ids, page by page."""
        pages, token = [], {}
        while True:
            answer = self.call("FilterLogEvents", logGroupName="/g", **params, **token)
            pages.append([event["eventId"] for event in answer["events"]])
            if "nextToken" not in answer:
                return pages
            token = {"nextToken": answer["nextToken"]}


def make(path: Path, profile: Profile = AT_ONCE) -> Bench:
    bench = Bench(path, profile)
    bench.call("CreateLogGroup", logGroupName="/g")
    for stream in ("s", "t"):
        bench.call("CreateLogStream", logGroupName="/g", logStreamName=stream)
    return bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = make(tmp_path / "ledger.jsonl")
    yield bench
    bench.ledger.close()


def test_ids_have_the_real_layout_and_sort(bench: Bench) -> None:
    bench.put((NOW - 5, "a"), (NOW, "b"))
    bench.now += 3
    bench.put((NOW - 2, "c"), stream="t")
    events = bench.call("FilterLogEvents", logGroupName="/g")["events"]
    assert [event["message"] for event in events] == ["a", "c", "b"]
    assert [event["eventId"] for event in events] == sorted(event["eventId"] for event in events)
    assert {len(event["eventId"]) for event in events} == {56}
    late = event_ids.parts(int(events[1]["eventId"]))
    assert (late.timestamp, late.ingestion, late.place) == (NOW - 2, NOW + 3, 0)


def test_the_end_is_inclusive_when_filtering_and_exclusive_when_getting(bench: Bench) -> None:
    bench.put((NOW - 1, "a"), (NOW, "b"))
    assert bench.messages(startTime=NOW - 1, endTime=NOW) == ["a", "b"]
    got = bench.call("GetLogEvents", logGroupName="/g", logStreamName="s", endTime=NOW, startFromHead=True)
    assert [event["message"] for event in got["events"]] == ["a"]


def test_streams_are_chosen_by_name_prefix_and_words(bench: Bench) -> None:
    bench.put((NOW, "red apple"), (NOW, "green apple"))
    bench.put((NOW, "red pear"), stream="t")
    assert bench.messages(logStreamNames=["t"]) == ["red pear"]
    assert bench.messages(logStreamNamePrefix="s") == ["red apple", "green apple"]
    assert bench.messages(filterPattern="red") == ["red apple", "red pear"]
    assert bench.messages(filterPattern='"green apple"') == ["green apple"]
    arn = "arn:aws:logs:eu-west-1:000000000000:log-group:/g"
    assert len(bench.call("FilterLogEvents", logGroupIdentifier=arn)["events"]) == 3


@pytest.mark.parametrize(
    "params",
    [
        {"filterPattern": "{ $.level = ERROR }"},
        {"filterPattern": "?a ?b"},
        {"filterPattern": "-a"},
        {"logStreamNames": ["s"], "logStreamNamePrefix": "s"},
        {"limit": 10_001},
        {"nextToken": "bm90IGEgdG9rZW4"},
        {"logGroupIdentifier": "/g"},
        {"startFromHead": False},
    ],
)
def test_what_is_not_supported_or_wrong_is_refused(bench: Bench, params: dict[str, Any]) -> None:
    with pytest.raises(ServiceFault) as caught:
        bench.messages(**params)
    assert caught.value.code == "InvalidParameterException"


def test_pages_hold_each_event_once(bench: Bench) -> None:
    for n in range(25):
        bench.put((NOW + n % 7, f"line {n}"))
    pages = bench.all_pages(limit=10)
    assert [len(page) for page in pages] == [10, 10, 5]
    assert len({identifier for page in pages for identifier in page}) == 25


def test_a_page_ends_at_one_megabyte(bench: Bench) -> None:
    for n in range(5):
        bench.put((NOW, str(n) * 400_000))
    assert [len(page) for page in bench.all_pages()] == [2, 2, 1]


def test_a_token_belongs_to_its_question_and_to_its_day(bench: Bench) -> None:
    bench.put((NOW, "a"), (NOW, "b"))
    token = bench.call("FilterLogEvents", logGroupName="/g", limit=1)["nextToken"]
    with pytest.raises(ServiceFault):
        bench.messages(startTime=1, nextToken=token)
    bench.now += DAY_MS + 1
    with pytest.raises(ServiceFault):
        bench.messages(limit=1, nextToken=token)


def test_a_calm_line_is_visible_within_half_a_second(tmp_path: Path) -> None:
    bench = make(tmp_path / "ledger.jsonl", replace(CALM, empty_page_share=0.0))
    bench.put(*((NOW, f"{n}") for n in range(200)))
    soon = len(bench.messages())
    assert soon < 50
    bench.now += 500
    assert len(bench.messages()) == 200


def test_some_pages_are_empty_and_lose_nothing(tmp_path: Path) -> None:
    bench = make(tmp_path / "ledger.jsonl", replace(AT_ONCE, empty_page_share=0.3))
    bench.put(*((NOW, f"{n}") for n in range(100)))
    pages = bench.all_pages(limit=5)
    assert [] in pages
    assert len([identifier for page in pages for identifier in page]) == 100


def test_too_old_and_too_new_lines_are_rejected_and_the_rest_taken(bench: Bench) -> None:
    answer = bench.put((NOW - 15 * DAY_MS, "old"), (NOW, "fine"), (NOW + 3 * 3_600_000, "new"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert bench.simulator.counts() == {"lines": 1, "groups": {"/g": 1}}


@pytest.mark.parametrize(
    "events",
    [
        [(NOW, "b"), (NOW - 1, "a")],
        [(NOW - 25 * 3_600_000, "a"), (NOW, "b")],
        [(NOW, "x" * 1_048_560)],
        [(NOW, "x" * 600_000), (NOW, "x" * 600_000)],
        [(NOW, "")],
        [],
        [(NOW, "x")] * 10_001,
    ],
    ids=["order", "span", "event size", "batch size", "empty message", "empty batch", "count"],
)
def test_a_batch_beyond_the_limits_is_refused_whole(bench: Bench, events: list[tuple[int, str]]) -> None:
    with pytest.raises(ServiceFault) as caught:
        bench.put(*events)
    assert caught.value.code == "InvalidParameterException"
    assert bench.ledger.count == 0


def test_an_account_is_throttled_and_recovers(tmp_path: Path) -> None:
    bench = make(tmp_path / "ledger.jsonl", replace(AT_ONCE, reads_per_s=5.0, burst_s=1.0))
    for _ in range(5):
        bench.messages()
    with pytest.raises(ServiceFault) as caught:
        bench.messages()
    assert caught.value.code == "ThrottlingException"
    bench.now += 200
    bench.messages()


def test_a_restart_serves_the_same_lines_under_the_same_ids(bench: Bench) -> None:
    bench.put((NOW, "a"), (NOW, '\u20ac \\ " \n'))
    before = bench.call("FilterLogEvents", logGroupName="/g")
    bench.ledger.close()
    with bench.path.open("ab") as file:
        file.write(b'{"event_id":"1","gro')
    bench.start()
    assert bench.call("FilterLogEvents", logGroupName="/g") == before
    bench.put((NOW, "after"))
    assert bench.messages() == ["a", '\u20ac \\ " \n', "after"]
    assert bench.path.read_bytes().count(b"\n") == 3


def test_a_broken_ledger_is_named_with_its_line(bench: Bench) -> None:
    bench.put((NOW, "a"))
    bench.ledger.close()
    with bench.path.open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(StackError, match=r"ledger\.jsonl:2"):
        bench.start()
    bench.ledger = Ledger(bench.path)


def test_groups_and_streams_are_described_by_page(bench: Bench) -> None:
    for name in ("/a", "/h", "/i"):
        bench.call("CreateLogGroup", logGroupName=name)
    first = bench.call("DescribeLogGroups", limit=3)
    assert [group["logGroupName"] for group in first["logGroups"]] == ["/a", "/g", "/h"]
    rest = bench.call("DescribeLogGroups", limit=3, nextToken=first["nextToken"])
    assert [group["logGroupName"] for group in rest["logGroups"]] == ["/i"]
    assert "nextToken" not in rest
    bench.put((NOW, "x"), stream="t")
    streams = bench.call("DescribeLogStreams", logGroupName="/g", orderBy="LastEventTime", descending=True)
    assert [stream["logStreamName"] for stream in streams["logStreams"]] == ["t", "s"]


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("CreateLogGroup", {"logGroupName": "/g"}, "ResourceAlreadyExistsException"),
        ("CreateLogStream", {"logGroupName": "/g", "logStreamName": "s"}, "ResourceAlreadyExistsException"),
        ("CreateLogStream", {"logGroupName": "/x", "logStreamName": "s"}, "ResourceNotFoundException"),
        ("FilterLogEvents", {"logGroupName": "/x"}, "ResourceNotFoundException"),
        ("GetLogEvents", {"logGroupName": "/g", "logStreamName": "x"}, "ResourceNotFoundException"),
        ("CreateLogGroup", {}, "InvalidParameterException"),
        ("CreateLogGroup", {"logGroupName": "a b"}, "InvalidParameterException"),
        ("FilterLogEvents", {"logGroupName": "/g", "limit": "5"}, "SerializationException"),
        ("PutMetricFilter", {"logGroupName": "/g"}, "UnknownOperationException"),
    ],
)
def test_errors_are_those_of_the_service(bench: Bench, operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(ServiceFault) as caught:
        bench.call(operation, **params)
    assert caught.value.code == code


def test_getting_a_stream_forward_and_backward(bench: Bench) -> None:
    bench.put(*((NOW + n, f"{n}") for n in range(5)))
    ask = {"logGroupName": "/g", "logStreamName": "s", "limit": 2}
    first = bench.call("GetLogEvents", **ask, startFromHead=True)
    second = bench.call("GetLogEvents", **ask, startFromHead=True, nextToken=first["nextForwardToken"])
    last = bench.call("GetLogEvents", **ask)
    assert [[event["message"] for event in page["events"]] for page in (first, second, last)] == [
        ["0", "1"],
        ["2", "3"],
        ["3", "4"],
    ]
    end = bench.call("GetLogEvents", **ask, nextToken=last["nextForwardToken"])
    assert end["events"] == []
    assert end["nextForwardToken"] == last["nextForwardToken"]


def test_an_unknown_profile_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError) as caught:
        profile_named("stormy")
    assert "calm" in caught.value.mend


def pages_of(bench: Bench) -> tuple[list[str], int]:
    """All ids by pages of ten as a careful client reads them, and how many pages gave the same token again."""
    found: list[str] = []
    repeated, token = 0, {}
    while True:
        answer = bench.call("FilterLogEvents", logGroupName="/g", limit=10, **token)
        found += [event["eventId"] for event in answer["events"]]
        if "nextToken" not in answer:
            return found, repeated
        repeated += answer["nextToken"] == token.get("nextToken")
        token = {"nextToken": answer["nextToken"]}


def test_some_tokens_come_again_and_lose_nothing(tmp_path: Path) -> None:
    bench = make(tmp_path / "ledger.jsonl", replace(AT_ONCE, repeated_token_share=0.3))
    bench.put(*[(NOW + n, f"line {n}") for n in range(300)])
    found, repeated = pages_of(bench)
    assert len(found) == len(set(found)) == 300
    assert repeated > 0


def test_some_tokens_are_refused_as_if_they_had_expired(tmp_path: Path) -> None:
    bench = make(tmp_path / "ledger.jsonl", replace(AT_ONCE, lost_token_share=1.0))
    bench.put((NOW, "a"), (NOW, "b"))
    token = bench.call("FilterLogEvents", logGroupName="/g", limit=1)["nextToken"]
    with pytest.raises(ServiceFault, match="nextToken is invalid"):
        bench.call("FilterLogEvents", logGroupName="/g", limit=1, nextToken=token)


def test_a_share_of_the_lines_is_late(tmp_path: Path) -> None:
    bench = make(tmp_path / "ledger.jsonl", replace(AT_ONCE, late=(Late(0.25, 10_000, 20_000),)))
    bench.put(*[(NOW, f"line {n}") for n in range(400)])
    assert 250 < len(bench.messages()) < 350
    bench.now += 20_000
    assert len(bench.messages()) == 400


def test_retention_takes_old_lines_and_outlives_a_restart(bench: Bench) -> None:
    bench.put((NOW - 2 * DAY_MS, "old"))
    bench.put((NOW, "new"))
    bench.call("PutRetentionPolicy", logGroupName="/g", retentionInDays=1)
    assert bench.messages() == ["new"]
    bench.ledger.close()
    bench.start()
    assert bench.messages() == ["new"]
    assert bench.call("DescribeLogGroups")["logGroups"][0]["retentionInDays"] == 1
    bench.call("DeleteRetentionPolicy", logGroupName="/g")
    assert bench.messages() == ["old", "new"]


def test_a_group_that_is_deleted_is_gone_with_its_lines(bench: Bench) -> None:
    bench.put((NOW, "old"))
    bench.call("DeleteLogGroup", logGroupName="/g")
    with pytest.raises(ServiceFault) as caught:
        bench.messages()
    assert caught.value.code == "ResourceNotFoundException"
    bench.now += 1
    bench.call("CreateLogGroup", logGroupName="/g")
    bench.ledger.close()
    bench.start()
    assert bench.messages() == []


def test_a_denied_group_is_refused_and_no_other(tmp_path: Path) -> None:
    simulator = Simulator(Ledger(tmp_path / "ledger.jsonl"), lambda: NOW, profile=AT_ONCE, denied=("/secret",))
    simulator.have_groups(["/secret", "/open"])
    asked = {name: orjson.dumps({"logGroupName": name}) for name in ("/secret", "/open")}
    with pytest.raises(ServiceFault) as caught:
        simulator.call(TARGET_PREFIX + "FilterLogEvents", asked["/secret"])
    assert caught.value.code == "AccessDeniedException"
    assert simulator.call(TARGET_PREFIX + "FilterLogEvents", asked["/open"])


def test_disturbances_come_in_their_shares_and_spare_writes() -> None:
    profile = replace(CALM, throttled_share=0.1, unavailable_share=0.1, reset_share=0.1, slow_share=0.1)
    disturbance = Disturbance(profile, random.Random(1))
    kinds = Counter(disturbance.of("FilterLogEvents") for _ in range(4000))
    assert all(300 < kinds[kind] < 500 for kind in ("throttled", "unavailable", "reset", "slow"))
    assert {disturbance.of("PutLogEvents") for _ in range(100)} == {None}


FIREHOSE = "arn:aws:firehose:eu-west-1:000000000000:deliverystream/logs"


def test_a_subscription_delivers_what_its_filter_matches(tmp_path: Path) -> None:
    delivered: list[tuple[str, dict[str, Any]]] = []

    def deliver(destination: str, payload: bytes) -> None:
        delivered.append((destination, orjson.loads(gzip.decompress(payload))))

    bench = Bench(tmp_path / "ledger.jsonl", AT_ONCE)
    bench.simulator = Simulator(bench.ledger, lambda: NOW, profile=AT_ONCE, deliver=deliver)
    bench.call("CreateLogGroup", logGroupName="/g")
    bench.call("CreateLogStream", logGroupName="/g", logStreamName="s")
    wanted = {"logGroupName": "/g", "filterName": "f", "filterPattern": "ERROR", "destinationArn": FIREHOSE}
    bench.call("PutSubscriptionFilter", **wanted)
    bench.put((NOW, "INFO fine"), (NOW, "ERROR broken"))
    control, data = (payload for _, payload in delivered)
    assert control["messageType"] == "CONTROL_MESSAGE"
    assert (data["messageType"], data["owner"], data["logGroup"], data["logStream"]) == (
        "DATA_MESSAGE",
        "000000000000",
        "/g",
        "s",
    )
    [read] = bench.call("FilterLogEvents", logGroupName="/g", filterPattern="ERROR")["events"]
    assert data["logEvents"] == [{"id": read["eventId"], "timestamp": NOW, "message": "ERROR broken"}]
    assert {destination for destination, _ in delivered} == {FIREHOSE}
    [described] = bench.call("DescribeSubscriptionFilters", logGroupName="/g")["subscriptionFilters"]
    assert described["filterPattern"] == "ERROR"
    bench.call("DeleteSubscriptionFilter", logGroupName="/g", filterName="f")
    bench.put((NOW, "ERROR again"))
    assert len(delivered) == 2


def test_a_group_has_two_subscriptions_at_most(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl", AT_ONCE)
    bench.simulator = Simulator(bench.ledger, lambda: NOW, profile=AT_ONCE, deliver=lambda *_: None)
    bench.call("CreateLogGroup", logGroupName="/g")
    filters = [
        {"logGroupName": "/g", "filterName": f"f{n}", "filterPattern": "", "destinationArn": FIREHOSE} for n in range(3)
    ]
    for wanted in (*filters[:2], filters[0]):
        bench.call("PutSubscriptionFilter", **wanted)
    with pytest.raises(ServiceFault) as caught:
        bench.call("PutSubscriptionFilter", **filters[2])
    assert caught.value.code == "LimitExceededException"
