"""Pages, delivery, restart and failure, with the simulated service and a broker in memory; no process, no socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event as Flag
from typing import Any

import msgspec
import orjson
import pytest

from clearsight.errors import Unavailable
from clearsight.logline import ForwarderState, LogLine
from clearsight.settings import ForwarderSettings
from clearsight.topics import TopicNames
from connectors.cloudwatch import pages
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.clock import ServerClock
from connectors.cloudwatch.forwarder import Forwarder
from connectors.cloudwatch.health import Health
from connectors.cloudwatch.inbox import Inbox
from connectors.cloudwatch.lease import Granted, Leadership
from connectors.cloudwatch.lines import MAX_VALUE_BYTES, Origin
from connectors.cloudwatch.memory import MemoryBroker, MemoryOutbox, MemoryTopicReader
from connectors.cloudwatch.metrics import Unmetered
from connectors.cloudwatch.pace import Pace
from connectors.cloudwatch.pull import GroupPull
from connectors.cloudwatch.recovery import Recovery
from connectors.cloudwatch.simulator.faults import ServiceFault
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM
from connectors.cloudwatch.simulator.service import TARGET_PREFIX, Simulator
from connectors.cloudwatch.state import encode_state, read_states, rebuild_seen
from connectors.cloudwatch.tiers import limits
from connectors.cloudwatch.transcript import Transcript
from connectors.cloudwatch.window import Window
from connectors.cloudwatch.writer import GroupWriter

pytestmark = pytest.mark.unit

NOW = 1_795_000_000_000
TOPICS = TopicNames()
REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"
SETTINGS = ForwarderSettings(start_back_s=60.0, state_interval_ms=0, poll_interval_ms=10)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Service:
    """The simulator as LogsApi; `failures` are raised by the coming calls, `calls` counts them."""

    def __init__(self, path: Path, clock: Clock) -> None:
        profile = replace(CALM, reads_per_s=1e6, writes_per_s=1e6)
        self.simulator = Simulator(Ledger(path), clock, profile=profile, seed=3)
        self.failures: list[Exception] = []
        self.calls = 0
        for operation, params in (
            ("CreateLogGroup", {"logGroupName": "/g"}),
            ("CreateLogStream", {"logGroupName": "/g", "logStreamName": "s"}),
        ):
            self.call(operation, **params)

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(self.simulator.call(TARGET_PREFIX + operation, orjson.dumps(params)))
        return answer

    def put(self, *events: tuple[int, str]) -> None:
        listed = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
        self.call("PutLogEvents", logGroupName="/g", logStreamName="s", logEvents=listed)

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        try:
            return self.call("FilterLogEvents", **parameters)
        except ServiceFault as fault:
            raise CloudWatchFailure("missing", fault.code) from None


class Bench:
    """A forwarder that the test drives cycle by cycle; `restart` forgets everything but the broker."""

    def __init__(self, path: Path, group: str = "/g") -> None:
        self.clock = Clock()
        self.service = Service(path, self.clock)
        self.broker = MemoryBroker({TOPICS.logs: 3, TOPICS.forwarder_state: 1}, self.clock)
        self.group = group
        self.is_ready = False
        self.restart()

    def restart(self) -> None:
        self.stopping = Flag()
        leadership = Leadership(Granted(), self.stopping)
        assert leadership.begin()
        outbox = MemoryOutbox(self.broker)
        origin = Origin("1", "eu-west-1", self.group)
        tiers = limits(SETTINGS, 1, 1e6)
        self.inbox = Inbox()
        self.health = Health(self.clock, 900_000, lambda: True)
        self.pull = GroupPull(
            self.group,
            self.group,
            GroupWriter(origin, Transcript(origin), outbox, topic=TOPICS.logs, clock=self.clock, meter=Unmetered()),
            self.service,
            outbox,
            Pace(tiers),
            topic=TOPICS.logs,
            page_limit=50,
            clock=self.clock,
            stopping=leadership.over,
            meter=Unmetered(),
        )
        self.forwarder = Forwarder(
            [self.pull],
            outbox,
            Recovery(MemoryTopicReader(self.broker), TOPICS, SETTINGS, tiers),
            topics=TOPICS,
            settings=SETTINGS,
            clock=self.clock,
            real_wait_s=lambda wait_ms: wait_ms / 1000,
            leadership=leadership,
            inbox=self.inbox,
            health=self.health,
            ready=self.ready,
        )
        self.forwarder.recover()

    def ready(self) -> None:
        self.is_ready = True
        self.stopping.set()

    def polls(self, count: int = 30, every_ms: int = 500) -> None:
        for _ in range(count):
            while self.pull.poll() is not None:
                pass
            self.clock.now += every_ms

    def lines(self) -> list[LogLine]:
        stored = self.broker.stored(TOPICS.logs)
        return [msgspec.json.decode(item.record.value or b"", type=LogLine) for item in stored]

    def messages(self) -> list[str]:
        return sorted(line.message for line in self.lines())

    def state(self) -> ForwarderState:
        return read_states(MemoryTopicReader(self.broker), TOPICS.forwarder_state, {self.group})[self.group]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "ledger.jsonl")


def numbered(count: int, at: int = NOW) -> list[tuple[int, str]]:
    return [(at + n, f"line {n:04}") for n in range(count)]


def test_each_line_is_delivered_once(bench: Bench) -> None:
    bench.service.put(*numbered(500))
    bench.polls()
    assert bench.messages() == [message for _, message in numbered(500)]
    identifiers = {stored.event_id for stored in bench.broker.stored(TOPICS.logs)}
    assert identifiers == {line.event_id for line in bench.lines()}


def test_a_restart_neither_loses_nor_doubles(bench: Bench) -> None:
    bench.service.put(*numbered(300))
    bench.clock.now += 250
    bench.pull.poll()
    assert 0 < len(bench.lines()) < 300
    bench.restart()
    bench.polls()
    bench.restart()
    bench.polls(3)
    assert bench.messages() == [message for _, message in numbered(300)]


def test_a_failed_delivery_is_repaired_from_what_the_broker_has(bench: Bench) -> None:
    bench.service.put(*numbered(300))
    bench.clock.now += 1000
    bench.broker.refuse = 40
    with pytest.raises(Unavailable):
        bench.pull.poll()
    assert len(bench.lines()) == 260
    through = bench.pull.progress.through
    assert through == NOW - 60_000
    bench.restart()
    bench.polls()
    assert bench.messages() == [message for _, message in numbered(300)]


def test_a_window_counts_only_when_all_its_pages_were_read(bench: Bench) -> None:
    bench.service.put(*numbered(300))
    bench.clock.now += 1000
    through = bench.pull.progress.through
    for _ in range(20):
        bench.service.failures = [CloudWatchFailure("throttled", "Rate exceeded")]
        with pytest.raises(CloudWatchFailure):
            bench.pull.poll()
        bench.clock.now += 1000
    assert bench.pull.progress.through == through
    bench.polls()
    assert len(bench.lines()) == 300


def test_late_lines_within_the_overlap_come_with_the_next_sweep(bench: Bench) -> None:
    bench.polls(40)
    bench.service.put((bench.clock.now - 25_000, "late"))
    bench.polls(25)
    assert bench.messages() == ["late"]


def test_the_checkpoint_says_what_is_settled_and_where_it_ends(bench: Bench) -> None:
    bench.service.put(*numbered(90))
    bench.stopping.clear()
    bench.forwarder.run()
    bench.clock.now += 10_000
    bench.restart()
    bench.forwarder.run()
    state = bench.state()
    assert state.through == bench.clock.now - SETTINGS.settle_ms
    assert sum(state.offsets.values()) == 90
    assert state.offsets.keys() == {"0", "1", "2"}


def test_ready_after_the_first_cycle_even_where_the_group_is_not_there_yet(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "ledger.jsonl", group="/not/yet")
    bench.forwarder.run()
    assert bench.is_ready


def test_a_start_without_request_line_inherits_the_correlation_id(bench: Bench) -> None:
    bench.service.put(
        (NOW, f"START RequestId: {REQUEST} Version: 1\n"),
        (NOW + 1, f"[INFO]\t2026-11-22T12:00:00.1Z\t{REQUEST}\tcorrelation_id=abc-123\n"),
        (NOW + 2, "a print without request id"),
        (NOW + 3, f"END RequestId: {REQUEST}\n"),
    )
    bench.polls()
    lines = sorted(bench.lines(), key=lambda line: line.event_time)
    assert [line.correlation_id for line in lines[1:]] == ["abc-123"] * 3
    assert [line.correlation_source for line in lines[1:]] == ["pattern", "inherited", "inherited"]


def test_an_oversized_line_is_cut_and_says_so(bench: Bench) -> None:
    raw = "\x01" * 1_000_000
    bench.service.put((NOW, raw))
    bench.polls(5)
    [stored] = bench.broker.stored(TOPICS.logs)
    assert len(stored.record.value or b"") <= MAX_VALUE_BYTES
    [line] = bench.lines()
    assert line.attributes == {"truncated": True, "original_bytes": 1_000_000}
    assert raw.startswith(line.message)


def test_no_key_is_empty(bench: Bench) -> None:
    bench.service.put((NOW, "correlation_id=abc-123"), (NOW, "nothing"), (NOW, f"END RequestId: {REQUEST}"))
    bench.polls()
    keys = {stored.record.key for stored in bench.broker.stored(TOPICS.logs)}
    assert keys == {b"abc-123", b"/g/s", REQUEST.encode()}


class Scripted:
    """Answers from a list."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self._answers = answers
        self.asked: list[dict[str, Any]] = []

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(dict(parameters))
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


def event(identifier: str) -> dict[str, Any]:
    return {"eventId": identifier, "timestamp": NOW, "ingestionTime": NOW, "logStreamName": "s", "message": "m"}


def test_empty_pages_and_repeated_tokens_are_no_end() -> None:
    api = Scripted(
        [
            {"events": [], "nextToken": "a"},
            {"events": [event("1")], "nextToken": "a"},
            {"events": [], "nextToken": "a"},
            {"events": [event("2")], "nextToken": "b"},
            {"events": []},
        ]
    )
    read = list(pages.read(api, "/g", Window(0, NOW, NOW, NOW), 100))
    assert [[item.id for item in page] for page in read] == [["1"], ["2"]]
    assert [asked.get("nextToken") for asked in api.asked] == [None, "a", "a", "a", "b"]


def test_a_token_that_never_changes_is_an_error() -> None:
    api = Scripted([{"events": [], "nextToken": "a"}])
    with pytest.raises(Unavailable, match="same page token"):
        list(pages.read(api, "/g", Window(0, NOW, NOW, NOW), 100))
    assert len(api.asked) < 100


def test_the_newest_checkpoint_is_found_at_the_end_of_a_long_topic() -> None:
    broker = MemoryBroker({TOPICS.forwarder_state: 1}, Clock())
    outbox = MemoryOutbox(broker)
    for n in range(10_000):
        group = "/rare" if n == 3 else "/often"
        state = ForwarderState(group=group, through=n, offsets={"0": n}, written=n)
        outbox.send(TOPICS.forwarder_state, group.encode(), encode_state(state), None, None)
    outbox.settle()
    states = read_states(MemoryTopicReader(broker), TOPICS.forwarder_state, {"/often", "/rare", "/never"})
    assert {group: state.through for group, state in states.items()} == {"/often": 9999, "/rare": 3}


def test_what_cannot_be_decoded_is_passed_over_with_a_word(caplog: pytest.LogCaptureFixture) -> None:
    broker = MemoryBroker({TOPICS.forwarder_state: 1, TOPICS.logs: 1}, Clock())
    state = ForwarderState(group="/g", through=7, offsets={"0": 0}, written=7)
    for value in (encode_state(state), b"not JSON", b"{}"):
        broker.append(TOPICS.forwarder_state, b"/g", value, None)
    broker.append(TOPICS.logs, b"k", b"neither", None)
    reader = MemoryTopicReader(broker)
    origin = Origin("1", "eu-west-1", "/g")
    assert read_states(reader, TOPICS.forwarder_state, {"/g"})["/g"].through == 7
    assert len(rebuild_seen(reader, TOPICS.logs, {origin: 0}, [{0: 0}], lambda _: None)[origin]) == 0
    states, lines = caplog.messages
    assert states.startswith(
        f"2 records of {TOPICS.forwarder_state} cannot be decoded, the first at partition 0, offset 1:"
    )
    assert lines.startswith(f"1 records of {TOPICS.logs} cannot be decoded, the first at partition 0, offset 0:")


def test_a_dead_forwarders_last_request_is_waited_for(bench: Bench) -> None:
    bench.service.put(*numbered(20))
    bench.polls(3)
    [*_, last] = bench.broker.stored(TOPICS.logs)
    value = msgspec.json.encode(msgspec.structs.replace(bench.lines()[-1], event_id="landed late"))
    arriving = [value]

    def pause(_: float) -> None:
        if arriving:
            bench.broker.append(TOPICS.logs, last.record.key or b"", arriving.pop(), "landed late")

    origin = bench.pull.origin
    seen = rebuild_seen(MemoryTopicReader(bench.broker), TOPICS.logs, {origin: NOW}, [], pause)[origin]
    assert seen.has("landed late", bench.lines()[-1].event_time)
    assert len(seen) == 21


@pytest.mark.parametrize(
    ("ahead_ms", "trusted"), [(0, True), (1500, True), (-1500, True), (600_000, False), (-600_000, False)]
)
def test_a_wrong_clock_of_ours_gives_way_to_cloudwatchs(ahead_ms: int, trusted: bool) -> None:
    """Of the Date header only whole seconds are known."""
    now: Callable[[], int] = lambda: 1_795_000_000_500 + ahead_ms  # noqa: E731
    clock = ServerClock(now)
    clock.observe("Wed, 18 Nov 2026 11:06:40 GMT")
    assert (clock() == now()) is trusted
    assert abs(clock() - 1_795_000_000_500) <= 2000
    clock.observe("not a date")
    assert abs(clock() - 1_795_000_000_500) <= 2000
