"""The simulator answers unmodified boto3 in moto's shapes; where moto strays from AWS, the service model decides."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import botocore.session
import pytest
import uvicorn
from botocore.exceptions import ClientError
from kit.waiting import until
from moto import mock_aws

from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM
from connectors.cloudwatch.simulator.server import application
from connectors.cloudwatch.simulator.service import Simulator

pytestmark = pytest.mark.contract

Client = Any


def client(endpoint_url: str | None = None) -> Client:
    return boto3.client(
        "logs",
        region_name="eu-west-1",
        endpoint_url=endpoint_url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    ledger = Ledger(tmp_path_factory.mktemp("simulator") / "ledger.jsonl")
    profile = replace(CALM, visibility_lag_ms=(0, 0), empty_page_share=0.0)
    simulator = Simulator(ledger, lambda: time.time_ns() // 1_000_000, profile=profile, account_id="123456789012")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(simulator), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield client(f"http://127.0.0.1:{listener.getsockname()[1]}")
    server.should_exit = True
    thread.join(10)
    ledger.close()


@pytest.fixture
def mocked() -> Iterator[Client]:
    with mock_aws():
        yield client()


@pytest.fixture(params=["simulator", "moto"])
def logs(request: pytest.FixtureRequest) -> Client:
    return request.getfixturevalue("simulated" if request.param == "simulator" else "mocked")


@pytest.fixture
def group(logs: Client, request: pytest.FixtureRequest) -> str:
    name = "/contract/" + str(abs(hash(request.node.name)))
    logs.create_log_group(logGroupName=name)
    for stream in ("s1", "s2"):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
    return name


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def put(logs: Client, group: str, stream: str, events: list[tuple[int, str]]) -> dict[str, Any]:
    listed = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
    answer: dict[str, Any] = logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=listed)
    return answer


def shape(value: Any, without: frozenset[str] = frozenset()) -> Any:
    """The structure of an answer: names and types."""
    if isinstance(value, dict):
        return {name: shape(item, without) for name, item in value.items() if name not in without}
    if isinstance(value, list):
        return [shape(item, without) for item in value[:1]]
    return type(value).__name__


def written(logs: Client, group: str) -> int:
    now = now_ms()
    put(logs, group, "s1", [(now - 2, "red one"), (now, "green two")])
    put(logs, group, "s2", [(now - 1, "red three")])
    return now


CALLS: dict[str, Callable[[Client, str], Any]] = {
    "put": lambda logs, group: put(logs, group, "s1", [(now_ms(), "x")]),
    "put with rejects": lambda logs, group: put(logs, group, "s1", [(now_ms() - 15 * 86_400_000, "old")]),
    "filter": lambda logs, group: logs.filter_log_events(logGroupName=group, interleaved=True),
    "describe groups": lambda logs, group: logs.describe_log_groups(logGroupNamePrefix=group),
    "describe streams": lambda logs, group: logs.describe_log_streams(logGroupName=group),
}
MOTO_LEAVES_OUT = frozenset({"ResponseMetadata", "retentionInDays", "logGroupClass", "uploadSequenceToken"})


@pytest.mark.parametrize("name", CALLS)
def test_same_shape(simulated: Client, mocked: Client, name: str) -> None:
    shapes = []
    for number, logs in enumerate((simulated, mocked)):
        group = f"/shape/{name.replace(' ', '-')}/{number}"
        logs.create_log_group(logGroupName=group)
        for stream in ("s1", "s2"):
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        written(logs, group)
        shapes.append(shape(CALLS[name](logs, group), MOTO_LEAVES_OUT))
    ours, motos = shapes
    if isinstance(motos, dict) and name == "filter":
        motos["searchedLogStreams"] = []  # AWS has sent an empty list since May 2020
    assert ours == motos


def test_time_range_is_inclusive_and_ordered(logs: Client, group: str) -> None:
    now = written(logs, group)
    answer = logs.filter_log_events(logGroupName=group, startTime=now - 1, endTime=now, interleaved=True)
    assert [event["message"] for event in answer["events"]] == ["red three", "green two"]
    assert [event["logStreamName"] for event in answer["events"]] == ["s2", "s1"]


def test_paging_by_token(logs: Client, group: str) -> None:
    now = now_ms()
    put(logs, group, "s1", [(now + n, f"{n}") for n in range(25)])
    found, sizes, token = [], [], {}
    while True:
        answer = logs.filter_log_events(logGroupName=group, limit=10, interleaved=True, **token)
        found += [event["message"] for event in answer["events"]]
        sizes.append(len(answer["events"]))
        if "nextToken" not in answer:
            break
        token = {"nextToken": answer["nextToken"]}
    assert found == [f"{n}" for n in range(25)]
    assert sizes == [10, 10, 5]


def test_words_and_phrases_filter(logs: Client, group: str) -> None:
    written(logs, group)
    for pattern, expected in (("red", 2), ('"green two"', 1), ("red three", 1)):
        answer = logs.filter_log_events(logGroupName=group, filterPattern=pattern, interleaved=True)
        assert len(answer["events"]) == expected


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda logs, group: logs.create_log_group(logGroupName=group), "ResourceAlreadyExistsException"),
        (
            lambda logs, group: logs.create_log_stream(logGroupName=group, logStreamName="s1"),
            "ResourceAlreadyExistsException",
        ),
        (lambda logs, group: logs.filter_log_events(logGroupName="/none"), "ResourceNotFoundException"),
        (lambda logs, group: put(logs, "/none", "s1", [(now_ms(), "x")]), "ResourceNotFoundException"),
        (lambda logs, group: put(logs, group, "none", [(now_ms(), "x")]), "ResourceNotFoundException"),
        (
            lambda logs, group: put(logs, group, "s1", [(now_ms(), "b"), (now_ms() - 1000, "a")]),
            "InvalidParameterException",
        ),
        (lambda logs, group: logs.filter_log_events(logGroupName=group, limit=10_001), "InvalidParameterException"),
    ],
)
def test_same_errors(logs: Client, group: str, call: Callable[[Client, str], Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        call(logs, group)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_every_member_of_our_answers_is_in_the_service_model(simulated: Client) -> None:
    simulated.create_log_group(logGroupName="/model")
    for stream in ("s1", "s2"):
        simulated.create_log_stream(logGroupName="/model", logStreamName=stream)
    written(simulated, "/model")
    model = botocore.session.get_session().get_service_model("logs")
    for operation, answer in (
        ("FilterLogEvents", simulated.filter_log_events(logGroupName="/model")),
        ("GetLogEvents", simulated.get_log_events(logGroupName="/model", logStreamName="s1")),
        ("DescribeLogGroups", simulated.describe_log_groups()),
        ("DescribeLogStreams", simulated.describe_log_streams(logGroupName="/model")),
    ):
        members = model.operation_model(operation).output_shape.members
        assert answer.keys() - {"ResponseMetadata"} <= members.keys()
        for name, value in answer.items():
            if isinstance(value, list) and value:
                assert value[0].keys() <= members[name].member.members.keys()


@pytest.mark.parametrize(
    "params",
    [{"filterPattern": "{ $.level = ERROR }"}, {"logStreamNamePrefix": "s1"}],
    ids=["moto matches everything", "moto ignores the prefix"],
)
def test_where_moto_strays_the_simulator_does_not(simulated: Client, params: dict[str, Any]) -> None:
    group = f"/strays/{next(iter(params))}"
    simulated.create_log_group(logGroupName=group)
    for stream in ("s1", "s2"):
        simulated.create_log_stream(logGroupName=group, logStreamName=stream)
    written(simulated, group)
    if "filterPattern" in params:
        with pytest.raises(simulated.exceptions.InvalidParameterException):
            simulated.filter_log_events(logGroupName=group, **params)
    else:
        assert len(simulated.filter_log_events(logGroupName=group, **params)["events"]) == 2


QUERY = "fields @timestamp, @message | filter @message like /corr-1/ | sort @timestamp desc | limit 10"


def ended(logs: Client, query_id: str) -> dict[str, Any] | None:
    answer = logs.get_query_results(queryId=query_id)
    return None if answer["status"] in ("Scheduled", "Running") else answer


def test_a_query_is_started_answered_and_listed(logs: Client, group: str) -> None:
    now_s = time.time_ns() // 1_000_000_000
    events = [{"timestamp": now_s * 1000 - 10 + place, "message": f"line {place} corr-1"} for place in range(2)]
    logs.put_log_events(logGroupName=group, logStreamName="s1", logEvents=events)
    query_id = logs.start_query(logGroupName=group, startTime=now_s - 60, endTime=now_s + 1, queryString=QUERY)[
        "queryId"
    ]
    answer = until(lambda: ended(logs, query_id), "the query ends")
    assert answer["status"] == "Complete"
    assert {field["field"] for field in answer["results"][0]} >= {"@message", "@ptr"}
    assert len(answer["results"]) == 2
    assert query_id in {query["queryId"] for query in logs.describe_queries(logGroupName=group)["queries"]}


def test_a_query_that_is_wrong_is_refused_by_its_place(simulated: Client) -> None:
    simulated.create_log_group(logGroupName="/contract/wrong-query")
    with pytest.raises(ClientError) as refused:
        simulated.start_query(
            logGroupName="/contract/wrong-query", startTime=1, endTime=2, queryString="fields @message ~"
        )
    assert refused.value.response["Error"]["Code"] == "MalformedQueryException"
    for ask in (simulated.stop_query, simulated.get_query_results):
        with pytest.raises(ClientError) as unknown:
            ask(queryId="none")
        assert unknown.value.response["Error"]["Code"] == "ResourceNotFoundException"
