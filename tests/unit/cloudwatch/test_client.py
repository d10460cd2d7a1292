"""Pages as they come from boto3: decoded by us, and left to boto3 where we cannot."""

from __future__ import annotations

import json
from threading import Event as Flag
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.parsers import ResponseParserError

from clearsight.errors import Unavailable
from connectors.cloudwatch import pages
from connectors.cloudwatch.client import CloudWatch, CloudWatchFailure
from connectors.cloudwatch.clock import ScaledClock
from connectors.cloudwatch.groups import GroupFinder
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.metrics import Unmetered
from connectors.cloudwatch.quota import Quota
from connectors.cloudwatch.window import Window

pytestmark = pytest.mark.unit

EVENT = {"eventId": "7", "timestamp": 5, "ingestionTime": 6, "logStreamName": "s", "message": "m"}


class Body:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self) -> list[bytes]:
        return [self._data]


def cloudwatch(*bodies: bytes, status: int = 200) -> CloudWatch:
    """Unmodified boto3, whose answers are these bytes instead of the network's."""
    answers = iter(bodies)

    def connect() -> Any:
        client = boto3.client(
            "logs", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.meta.events.register(
            "before-send.cloudwatch-logs",
            lambda request, **_: AWSResponse(request.url, status, {}, Body(next(answers))),
        )
        return client

    return CloudWatch(connect, Quota(1e6, 0.0), ScaledClock(), Unmetered(), Flag())


def read(*bodies: bytes, status: int = 200) -> list[list[pages.Event]]:
    return list(pages.read(cloudwatch(*bodies, status=status), "/g", Window(0, 0, 10, 10), 100))


def encoded(events: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"events": events, "searchedLogStreams": [], **more}).encode()


def test_every_page_is_read_with_its_token() -> None:
    [first, second] = read(encoded([EVENT], nextToken="t"), encoded([EVENT | {"eventId": "8", "message": "n"}]))
    assert first == [pages.Event("7", 5, 6, "s", "m")]
    assert second == [pages.Event("8", 5, 6, "s", "n")]


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"eventId": "7", "timestamp": 5}, pages.Event("7", 5, None, "", "")),
        (EVENT | {"message": "\ud800 alone"}, pages.Event("7", 5, 6, "s", "\ud800 alone")),
        (EVENT | {"message": "nul \0, ünï, 😀"}, pages.Event("7", 5, 6, "s", "nul \0, ünï, 😀")),
        (EVENT | {"more": [1]}, pages.Event("7", 5, 6, "s", "m")),
    ],
)
def test_what_is_odd_is_read_all_the_same(event: dict[str, Any], found: pages.Event) -> None:
    assert read(encoded([event])) == [[found]]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    [[event]] = read(encoded([EVENT | {"message": "a?b"}]).replace(b"?", b"\xff"))
    assert event.message == "a\ufffdb"


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("body", [b"<html>sign in here</html>", b"{}", b"", b'{"events": 5}', b"[1]", b'{"events": ['])
def test_an_answer_that_is_no_page_is_a_failure_and_not_the_end_of_a_window(body: bytes, status: int) -> None:
    with pytest.raises(Unavailable):
        read(body, status=status)


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize(
    "body", [b"<html>\xff</html>", b"[1]", b"null", b'{"logGroups": 5}', b'{"logGroups": [{}]}', b"{}"]
)
def test_what_is_no_answer_of_cloudwatchs_is_a_failure(body: bytes, status: int) -> None:
    home = Origin("1", "eu-west-1", "")
    with pytest.raises(Unavailable):
        read(*[body] * 4, status=status)
    with pytest.raises(CloudWatchFailure):
        GroupFinder(cloudwatch(*[body] * 4, status=status), ("/g*",), "1", "eu-west-1", home).discover()


def test_tokens_of_log_groups_that_go_round_in_a_circle_are_a_failure() -> None:
    pages_of_groups = [json.dumps({"logGroups": [], "nextToken": token}).encode() for token in "aba"]
    home = Origin("1", "eu-west-1", "")
    with pytest.raises(CloudWatchFailure, match="repeats its page tokens"):
        GroupFinder(cloudwatch(*pages_of_groups), ("/g*",), "1", "eu-west-1", home).discover()


@pytest.mark.parametrize("error", [ResponseParserError("not XML"), KeyError("Credentials")])
def test_what_is_no_answer_of_sts_is_a_failure_of_the_call(error: Exception) -> None:
    def connect() -> Any:
        raise error

    api = CloudWatch(connect, Quota(1e6, 0.0), ScaledClock(), Unmetered(), Flag())
    for call in (api.open, api.filter_log_events):
        with pytest.raises(CloudWatchFailure, match="is not CloudWatch") as caught:
            call()
        assert caught.value.kind == "away"


def test_our_page_says_what_boto3s_says() -> None:
    body = encoded([EVENT | {"eventId": str(n), "message": f"line {n}"} for n in range(50)], nextToken="t")
    plain = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    plain.meta.events.register(
        "before-send.cloudwatch-logs", lambda request, **_: AWSResponse(request.url, 200, {}, Body(body))
    )
    theirs = plain.filter_log_events(logGroupName="/g")["events"]
    [ours, _] = read(body, encoded([EVENT]))
    assert [(e["eventId"], e["timestamp"], e["ingestionTime"], e["logStreamName"], e["message"]) for e in theirs] == [
        tuple(event) for event in ours
    ]
