"""Pages, delivery, restart and failure, with the simulated service and a broker in memory; no process, no socket."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kit.memory_forwarder import NOW, SETTINGS, TOPICS, Bench, Clock

from clearsight.errors import Unavailable
from clearsight.logline import ForwarderState
from connectors.cloudwatch import pages
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.clock import ServerClock
from connectors.cloudwatch.lines import MAX_VALUE_BYTES, Origin
from connectors.cloudwatch.memory import MemoryBroker, MemoryOutbox, MemoryTopicReader
from connectors.cloudwatch.state import encode_state, read_states, rebuild_seen
from connectors.cloudwatch.window import Window

pytestmark = pytest.mark.unit

REQUEST = "52fdfc07-2182-154f-163f-5f0f9a621d72"


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


@pytest.mark.parametrize("stream", ["a\ud800b", "a\0b"])
def test_a_stream_name_that_is_no_text_is_replaced(bench: Bench, stream: str) -> None:
    bench.pull.writer.write([pages.Event("7", NOW, NOW, stream, "said")])
    bench.pull.writer.settle()
    [line] = bench.lines()
    assert (line.log_stream, line.message) == ("a\ufffdb", "said")


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


@pytest.mark.parametrize("tokens", ["a", "ab", "abcdefg", "xaab"])
def test_tokens_that_go_round_in_a_circle_are_an_error(tokens: str) -> None:
    circle = [{"events": [], "nextToken": token} for token in tokens]
    api = Scripted(circle * 100)
    with pytest.raises(Unavailable, match="repeats its page tokens"):
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
