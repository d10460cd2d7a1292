"""What CloudWatch pushes: payloads of every shape, over HTTP and through Kinesis, delivered once beside the polling."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import example, given
from hypothesis import strategies as st
from kit.memory_forwarder import ACCOUNT, NOW, SETTINGS, TOPICS, Bench
from kit.waiting import until
from moto import mock_aws
from starlette.applications import Starlette

from clearsight.settings import PushSettings
from connectors.cloudwatch import event_ids
from connectors.cloudwatch.client import CloudWatchFailure, Kind
from connectors.cloudwatch.inbox import Inbox, PushBatch, Refused, Routes, UnknownGroup
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.memory import MemoryOutbox, MemoryTopicReader
from connectors.cloudwatch.metrics import ForwarderMetrics, Meter, Unmetered
from connectors.cloudwatch.published import published
from connectors.cloudwatch.pull import GroupPull
from connectors.cloudwatch.push.http import PushEndpoint
from connectors.cloudwatch.push.kinesis import KinesisReader
from connectors.cloudwatch.push.payload import MAX_BYTES, BadPayload, unpack
from connectors.cloudwatch.push.positions import TopicPositions

pytestmark = pytest.mark.unit

FIREHOSE = "arn:aws:firehose:eu-west-1:000000000000:deliverystream/logs"
KEY = "a secret of our own"
COLD_MS = 900_000
TIMES = (-62_135_596_800_000, 0, 253_402_300_799_000)
"""The beginning of year 1, of the epoch, and the end of year 9999."""


def payload(*events: dict[str, Any], kind: str = "DATA_MESSAGE", group: str = "/g", owner: str = ACCOUNT) -> bytes:
    body = {
        "messageType": kind,
        "owner": owner,
        "logGroup": group,
        "logStream": "s",
        "subscriptionFilters": ["f"],
        "logEvents": list(events),
    }
    return gzip.compress(json.dumps(body).encode())


def line(number: int, ingestion: int = NOW + 5) -> dict[str, Any]:
    identifier = event_ids.text(event_ids.compose(NOW + number, ingestion, 7, number))
    return {"id": identifier, "timestamp": NOW + number, "message": f"line {number}"}


def test_one_payload_in_each_of_its_wrappings() -> None:
    bare = payload(line(1), line(2))
    encoded = base64.b64encode(bare)
    for data in (bare, encoded, json.dumps({"awslogs": {"data": encoded.decode()}}).encode()):
        found = unpack(data)
        assert (found.owner, found.log_group, found.is_control) == (ACCOUNT, "/g", False)
        assert [event.message for event in found.events()] == ["line 1", "line 2"]
        assert [event.ingestion for event in found.events()] == [NOW + 5, NOW + 5]


@pytest.mark.parametrize("identifier", ["7", "not a number", "9" * 56, "", "²" * 56])
def test_an_id_of_another_layout_tells_no_ingestion_time(identifier: str) -> None:
    [event] = unpack(payload({"id": identifier, "timestamp": NOW, "message": "m"})).events()
    assert (event.id, event.ingestion) == (identifier, None)


@pytest.mark.parametrize("timestamp", TIMES)
def test_times_of_year_one_and_year_9999_are_read(timestamp: int) -> None:
    [event] = unpack(payload({"id": "7", "timestamp": timestamp, "message": "m"})).events()
    assert event.timestamp == timestamp


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "ends too early|no subscription|neither"),
        (payload()[:40], "ends too early"),
        (b"\x1f\x8b" + b"0" * 50, "gzip is broken"),
        (b"%%%", "neither gzip nor base64"),
        (base64.b64encode(b"hello"), "gzip is broken"),
        (gzip.compress(b"{}"), "no subscription payload"),
        (gzip.compress(b"\xff\xfe"), "no subscription payload"),
        (gzip.compress(b"[" * 10_000), "no subscription payload"),
        (payload({"id": [], "timestamp": NOW, "message": "secret"}), "no subscription payload"),
        (b'{"awslogs": {"data": 5}}', "not what Lambda gets"),
        (b'{"awslogs": {"data": "\xff"}}', "not what Lambda gets"),
        (gzip.compress(b'{"x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"), "no subscription payload"),
        (payload(kind="secret"), "no subscription payload"),
        (payload({"id": "1", "timestamp": 10**30, "message": "m"}), "no subscription payload"),
        (payload({"id": "1" * 1_000_000, "timestamp": NOW, "message": "m"}), "no subscription payload"),
    ],
)
def test_what_is_no_payload_says_why(data: bytes, why: str) -> None:
    with pytest.raises(BadPayload, match=why) as caught:
        unpack(data)
    assert "secret" not in caught.value.message


def test_a_small_payload_that_unpacks_to_very_much_is_refused() -> None:
    with pytest.raises(BadPayload, match="MB when unpacked"):
        unpack(gzip.compress(b" " * (MAX_BYTES + 1)))


@given(st.binary(max_size=300))
@example(b"\x1f\x8b\x08\x00")
def test_whatever_comes_is_a_payload_or_a_bad_one(data: bytes) -> None:
    for candidate in (data, b"\x1f\x8b" + data, gzip.compress(data), base64.b64encode(gzip.compress(data))):
        with suppress(BadPayload):
            unpack(candidate)


class Pushed:
    """A forwarder in memory behind the HTTP endpoint; its loop runs in a thread."""

    def __init__(self, bench: Bench, access_key: str | None = None) -> None:
        self.bench = bench
        endpoint = PushEndpoint(bench.routes, Unmetered(), access_key)
        self._transport = httpx.ASGITransport(Starlette(routes=[endpoint.route()]))

    def post(self, *data: bytes | str, key: str = "") -> httpx.Response:
        records = [{"data": item if isinstance(item, str) else base64.b64encode(item).decode()} for item in data]
        body = {"requestId": "r-1", "timestamp": NOW, "records": records}
        return self.send(json.dumps(body).encode(), {"X-Amz-Firehose-Access-Key": key})

    def send(self, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
        async def sent() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://forwarder") as client:
                return await client.post("/push", content=body, headers=headers)

        return asyncio.run(sent())


@contextmanager
def running(bench: Bench, every_ms: int = 20) -> Iterator[None]:
    """`every_ms` of its clock pass with each cycle."""
    ended = threading.Event()

    def loop() -> None:
        while not ended.is_set():
            bench.cycles(1, every_ms=every_ms)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "ledger.jsonl")
    bench.cycles(1)
    return bench


def test_pushed_lines_are_in_kafka_when_the_answer_comes(bench: Bench) -> None:
    with running(bench):
        answer = Pushed(bench).post(payload(line(1), line(2)), payload(kind="CONTROL_MESSAGE"))
        assert (answer.status_code, answer.json()["requestId"]) == (200, "r-1")
        assert bench.messages() == ["line 1", "line 2"]
    assert {record.origin for record in bench.lines()} == {"push"}


def test_a_request_that_comes_again_doubles_nothing(bench: Bench) -> None:
    with running(bench):
        for _ in range(3):
            assert Pushed(bench).post(payload(line(1)), payload(line(1), line(2))).status_code == 200
    assert bench.messages() == ["line 1", "line 2"]


def test_push_and_pull_of_the_same_line_are_one_event(tmp_path: Path) -> None:
    deliveries: list[bytes] = []
    later: list[bytes] = []
    bench = Bench(tmp_path / "ledger.jsonl", deliver=lambda _, data: deliveries.append(data))
    bench.cycles(1)
    wanted = {"logGroupName": "/g", "filterName": "f", "filterPattern": "", "destinationArn": FIREHOSE}
    bench.service.call("PutSubscriptionFilter", **wanted)
    for number in range(20):
        bench.service.put((bench.clock.now, f"line {number:02}"))
        if number % 3:
            with running(bench, every_ms=0):
                assert Pushed(bench).post(*deliveries).status_code == 200
        else:
            later += deliveries
        deliveries.clear()
        bench.cycles(1, every_ms=50)
    bench.cycles(40)
    assert {record.origin for record in bench.lines()} == {"pull", "push"}
    assert bench.messages() == [f"line {number:02}" for number in range(20)]
    bench.restart()
    bench.cycles(1)
    with running(bench):
        assert Pushed(bench).post(*later).status_code == 200
    assert len(bench.lines()) == 20


AHEAD_MS = 90 * 60_000


@pytest.fixture
def ahead(tmp_path: Path) -> Bench:
    """A line that was pushed 90 minutes before its own time, which has come since."""
    deliveries: list[bytes] = []
    settings = SETTINGS.model_copy(update={"push": PushSettings(http=True)})
    bench = Bench(tmp_path / "ledger.jsonl", deliver=lambda _, data: deliveries.append(data), settings=settings)
    bench.cycles(1)
    wanted = {"logGroupName": "/g", "filterName": "f", "filterPattern": "", "destinationArn": FIREHOSE}
    bench.service.call("PutSubscriptionFilter", **wanted)
    bench.service.put((NOW + AHEAD_MS, "from the future"))
    with running(bench):
        assert Pushed(bench).post(*deliveries).status_code == 200
    bench.clock.now = NOW + AHEAD_MS - 60_000
    bench.cycles(10)
    return bench


def test_a_line_that_was_pushed_ahead_of_its_time_is_not_polled_after_a_restart(ahead: Bench) -> None:
    ahead.restart()
    ahead.clock.now += 120_000
    ahead.cycles(10)
    assert ahead.messages() == ["from the future"]


def test_a_line_that_was_pushed_ahead_of_its_time_is_not_missing(ahead: Bench) -> None:
    origin, at = ahead.pull.origin, NOW + AHEAD_MS
    found = published(MemoryTopicReader(ahead.broker), TOPICS.logs, {origin: (at - 1, at + 1)}, int)[origin]
    assert found.minutes.total() == 1


@pytest.mark.parametrize(
    ("data", "status", "problem"),
    [
        (("not base64!",), 400, "its base64 is broken"),
        (("é",), 400, "its base64 is broken"),
        ((b"not gzip",), 400, "neither gzip nor base64|base64"),
        ((payload(line(1), group="/other"),), 400, "/other of account .* is none of the log groups"),
        ((payload(line(1), owner="123456789012"),), 400, "CLOUDWATCH__ACCOUNT_ID.* has to be 123456789012 for /g"),
    ],
)
def test_what_is_wrong_is_named_and_the_good_records_are_taken(
    bench: Bench, data: tuple[bytes | str, ...], status: int, problem: str
) -> None:
    with running(bench):
        answer = Pushed(bench).post(*data, payload(line(5)))
    assert answer.status_code == status
    assert re.search(problem, answer.json()["errorMessage"])
    assert bench.messages() == ["line 5"]


def test_lines_of_impossible_times_are_taken_and_move_nothing(bench: Bench) -> None:
    through = bench.pull.progress.through
    strange = [{"id": str(n), "timestamp": at, "message": f"line {n}"} for n, at in enumerate(TIMES)]
    with running(bench):
        for _ in range(2):
            assert Pushed(bench).post(payload(*strange)).status_code == 200
    assert sorted(record.event_time for record in bench.lines()) == list(TIMES)
    assert bench.pull.progress.through - through < 60_000


def test_a_stranger_is_turned_away(bench: Bench) -> None:
    pushed = Pushed(bench, KEY)
    with running(bench):
        assert pushed.post(payload(line(1)), key="guessed").status_code == 401
        assert pushed.post(payload(line(1))).status_code == 401
        assert bench.messages() == []
        assert pushed.post(payload(line(1)), key=KEY).status_code == 200


def test_a_body_that_is_not_firehoses_is_refused(bench: Bench) -> None:
    for body in (b"", b"[]", b'{"requestId": 5}', b"\xff", b'{"requestId": "\xff", "records": []}'):
        assert Pushed(bench).send(body).status_code == 400


def test_a_group_of_one_name_in_several_regions_takes_what_its_region_pushed() -> None:
    inboxes = {region: Inbox() for region in ("eu-west-1", "us-east-1")}
    routes = Routes(2, {ACCOUNT})
    routes.add(Origin(ACCOUNT, "eu-west-1", "/g"), inboxes["eu-west-1"])
    with pytest.raises(Refused):
        routes.put(PushBatch(ACCOUNT, "/g", []))
    routes.add(Origin(ACCOUNT, "us-east-1", "/g"), inboxes["us-east-1"])
    routes.complete()
    routes.complete()
    routes.put(PushBatch(ACCOUNT, "/g", [], "eu-west-1"))
    assert inboxes["us-east-1"].take() is None
    assert inboxes["eu-west-1"].take() is not None
    for region in (None, "eu-north-1"):
        with pytest.raises(UnknownGroup, match="several regions"):
            routes.put(PushBatch(ACCOUNT, "/g", [], region))


def test_the_region_of_a_push_is_that_of_its_delivery_stream(bench: Bench) -> None:
    seen = []

    class Watched(Routes):
        def put(self, batch: PushBatch) -> None:
            seen.append(batch.region)
            raise Refused("seen")

    bench.routes = Watched(1)
    body = {"requestId": "r-1", "records": [{"data": base64.b64encode(payload(line(1))).decode()}]}
    with running(bench):
        Pushed(bench).send(json.dumps(body).encode(), {"X-Amz-Firehose-Source-Arn": FIREHOSE})
    assert seen == ["eu-west-1"]


def test_while_kafka_is_away_the_sender_has_to_come_again(bench: Bench) -> None:
    bench.broker.refuse = 1_000_000
    with running(bench):
        assert Pushed(bench).post(payload(line(1))).status_code == 503
        bench.broker.refuse = 0
        assert Pushed(bench).post(payload(line(1))).status_code == 200
    assert bench.messages() == ["line 1"]


def test_before_the_forwarder_knows_its_groups_the_sender_has_to_come_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl")
    assert Pushed(bench).post(payload(line(1), group="/other")).status_code == 503


@pytest.mark.parametrize(("kind", "answer"), [("denied", 400), ("away", 503)])
def test_what_is_pushed_for_no_group_is_refused_for_good_where_groups_may_not_be_looked_for(
    tmp_path: Path, kind: Kind, answer: int
) -> None:
    def fails() -> Sequence[GroupPull]:
        raise CloudWatchFailure(kind, "CloudWatch answered AccessDeniedException")

    bench = Bench(tmp_path / "ledger.jsonl", discover=fails)
    bench.cycles(1)
    assert Pushed(bench).post(payload(line(1), group="/other")).status_code == answer


@pytest.fixture
def kinesis() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "kinesis", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        client.create_stream(StreamName="logs", ShardCount=2)
        yield client


def reader(kinesis: Any, bench: Bench, meter: Meter | None = None) -> KinesisReader:
    positions = TopicPositions(
        MemoryTopicReader(bench.broker), MemoryOutbox(bench.broker), TOPICS.forwarder_jobs, "logs"
    )
    return KinesisReader(
        kinesis,
        "logs",
        bench.routes,
        positions,
        meter or Unmetered(),
        health=bench.health,
        leading=lambda: bool(bench.lease.term),
        stopping=bench.stopping,
    )


def test_what_lies_in_kinesis_is_delivered_and_goes_on_after_a_restart(kinesis: Any, bench: Bench) -> None:
    for number in range(20):
        kinesis.put_record(StreamName="logs", Data=payload(line(number)), PartitionKey=str(number))
    kinesis.put_record(StreamName="logs", Data=b"broken", PartitionKey="1")
    kinesis.put_record(StreamName="logs", Data=payload(kind="CONTROL_MESSAGE"), PartitionKey="1")
    kinesis.put_record(StreamName="logs", Data=payload(line(99), group="/other"), PartitionKey="2")
    with running(bench):
        reads = reader(kinesis, bench)
        while reads.step():
            pass
        assert len(bench.messages()) == 20
        kinesis.put_record(StreamName="logs", Data=payload(line(20)), PartitionKey="3")
        again = reader(kinesis, bench)
        assert again.step()
        assert not again.step()
    assert len(bench.messages()) == 21


def test_a_shard_whose_lines_are_refused_holds_up_no_other(kinesis: Any, bench: Bench) -> None:
    shards = kinesis.list_shards(StreamName="logs")["Shards"]
    groups = {
        shard["HashKeyRange"]["StartingHashKey"]: group for shard, group in zip(shards, ("/full", "/g"), strict=True)
    }
    for number, (key, group) in enumerate(groups.items()):
        data = payload(line(number), group=group)
        kinesis.put_record(StreamName="logs", Data=data, PartitionKey="k", ExplicitHashKey=key)

    class Full(Inbox):
        def put(self, batch: PushBatch) -> None:
            raise Refused("too many pushed batches wait")

    bench.routes.add(Origin(ACCOUNT, "eu-west-1", "/full"), Full())
    with running(bench):
        reads = reader(kinesis, bench)
        with pytest.raises(Refused):
            reads.step()
        assert bench.messages() == ["line 1"]


def test_motos_own_subscription_reaches_the_topic(kinesis: Any, tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl", account="123456789012")
    logs = boto3.client("logs", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing")
    arn = kinesis.describe_stream(StreamName="logs")["StreamDescription"]["StreamARN"]
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    logs.put_subscription_filter(logGroupName="/g", filterName="f", filterPattern="", destinationArn=arn)
    at = int(time.time() * 1000)
    logs.put_log_events(logGroupName="/g", logStreamName="s", logEvents=[{"timestamp": at, "message": "hello"}])
    with running(bench):
        reads = reader(kinesis, bench)
        while reads.step():
            pass
    assert bench.messages() == ["hello"]


def test_a_position_is_kept_only_when_the_lines_are_in_kafka(kinesis: Any, bench: Bench) -> None:
    kinesis.put_record(StreamName="logs", Data=payload(line(1)), PartitionKey="1")
    bench.broker.refuse = 1
    with reading(reader(kinesis, bench), bench):
        until(bench.messages, "it is delivered")
    assert bench.messages() == ["line 1"]


class Kinesis:
    """Kinesis as moto has it, which fails while `failure` is set and lists its shards one to a page."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.failure: Exception | None = None

    def list_shards(self, **parameters: str) -> Any:
        if self.failure is not None:
            raise self.failure
        assert len(parameters) == 1, "with a token AWS takes no name"
        shards = self._inner.list_shards(StreamName="logs")["Shards"]
        place = int(parameters.get("NextToken", 0))
        more = {"NextToken": str(place + 1)} if place + 1 < len(shards) else {}
        return {"Shards": shards[place : place + 1], **more}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def reading(reads: KinesisReader, bench: Bench) -> Iterator[None]:
    thread = threading.Thread(target=reads.run)
    with running(bench):
        bench.stopping.clear()
        thread.start()
        try:
            yield
        finally:
            until(lambda: bench.stopping.set() or not thread.is_alive(), "the reader ends")


def test_every_page_of_the_list_of_shards_is_read(kinesis: Any, bench: Bench) -> None:
    for number in range(20):
        kinesis.put_record(StreamName="logs", Data=payload(line(number)), PartitionKey=str(number))
    with running(bench):
        reads = reader(Kinesis(kinesis), bench)
        while reads.step():
            pass
    assert len(bench.messages()) == 20


@pytest.mark.parametrize(
    ("failure", "after_ms", "result"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "ListShards"), 0, "denied"),
        (ClientError({"Error": {"Code": "ExpiredTokenException"}}, "ListShards"), 0, "denied"),
        (NoCredentialsError(), 0, "denied"),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "ListShards"), COLD_MS, "missing"),
        (EndpointConnectionError(endpoint_url="http://x"), COLD_MS, "away"),
        (KeyError("Shards"), COLD_MS, None),
    ],
)
def test_a_stream_that_cannot_be_read_is_told_and_tried_again(
    kinesis: Any, bench: Bench, failure: Exception, after_ms: int, result: str | None
) -> None:
    kinesis.put_record(StreamName="logs", Data=payload(line(1)), PartitionKey="1")
    client, metrics = Kinesis(kinesis), ForwarderMetrics()
    client.failure = failure

    def well() -> bool:
        return "the Kinesis stream logs" not in bench.health.report()[1]["problems"]

    def calls(result: str) -> float | None:
        labels = {"operation": "kinesis", "result": result}
        return metrics.registry.get_sample_value("clearsight_forwarder_calls_total", labels)

    def advance() -> None:
        bench.clock.now += after_ms

    with reading(reader(client, bench, metrics), bench):
        assert after_ms == 0 or well()
        until(lambda: advance() or not well(), "it is a problem")
        assert result is None or calls(result)
        assert calls("ok") is None
        client.failure = None
        until(lambda: bench.messages() == ["line 1"], "it goes on")
        until(lambda: well() and calls("ok"), "it is well")
