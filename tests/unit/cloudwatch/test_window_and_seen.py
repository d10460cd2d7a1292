"""Windows and seen ids together: whatever comes, with a lag within the overlap, is delivered exactly once."""

from __future__ import annotations

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cloudwatch import event_ids
from connectors.cloudwatch.seen import BUCKET_MS, MOST_STRAYS, SeenIds
from connectors.cloudwatch.window import SLICE_MS, Progress, Tier, Window

pytestmark = pytest.mark.unit

HOT = Tier(back_ms=2_000, every_ms=200)
WARM = Tier(back_ms=30_000, every_ms=10_000)
COLD = Tier(back_ms=180_000, every_ms=90_000)
TIERS = (HOT, WARM, COLD)
WIDER = (Tier(9_000, 1_000), Tier(60_000, 30_000), Tier(400_000, 90_000))
USUAL_MS = 20_000
START = 1_795_000_000_000

Arrival = tuple[str, int, int]
"""Id, event time, time from which it can be read."""

lines = st.lists(st.tuples(st.integers(0, 400_000), st.integers(0, COLD.back_ms)), max_size=60)
outcomes = st.sampled_from(
    ["read", "read", "read", "read", "fails", "crashes", "fails half way", "retunes", "waits longer"]
)
steps = st.lists(st.tuples(st.integers(50, 40_000), outcomes), max_size=60)


def arrivals(shape: list[tuple[int, int]]) -> list[Arrival]:
    return [
        (event_ids.text(event_ids.compose(START + at, START + at + lag, n, 0)), START + at, START + at + lag)
        for n, (at, lag) in enumerate(shape)
    ]


class Run:
    """A forwarder without I/O over scheduled arrivals: `out` is what is in Kafka."""

    def __init__(self, arrivals: list[Arrival]) -> None:
        self.arrivals = arrivals
        self.out: list[str] = []
        self.throughs: list[int] = [START]
        self.settled: tuple[int, ...] = (START,)
        self.resume()

    def resume(self) -> None:
        self.progress = Progress(TIERS, self.throughs[-1], 2_000, self.settled)
        self.seen = SeenIds()
        delivered = set(self.out)
        for identifier, timestamp, _ in self.arrivals:
            if identifier in delivered and timestamp >= self.progress.horizon:
                self.seen.add(identifier, timestamp)

    def step(self, now: int, outcome: str) -> None:
        if outcome == "retunes":
            self.progress.retune(WIDER)
        if outcome == "waits longer":
            self.progress.retune(TIERS, USUAL_MS)
        window = self.progress.next(now)
        if window is None:
            return
        if outcome == "fails":
            self.progress.failed(window, now)
            return
        fresh = self.fresh(window, now)
        if outcome in ("crashes", "fails half way"):
            self.deliver(fresh[: len(fresh) // 2])
            if outcome == "crashes":
                self.resume()
            return
        self.deliver(fresh)
        self.progress.complete(window, len(fresh))
        self.seen.forget_before(self.progress.horizon)
        self.throughs.append(self.progress.through)
        self.settled = self.progress.settled

    def fresh(self, window: Window, now: int) -> list[Arrival]:
        return [
            arrival
            for arrival in sorted(self.arrivals)
            if window.start <= arrival[1] <= window.end
            and arrival[2] <= now
            and not self.seen.has(arrival[0], arrival[1])
        ]

    def deliver(self, arrivals: list[Arrival]) -> None:
        for identifier, timestamp, _ in arrivals:
            self.out.append(identifier)
            self.seen.add(identifier, timestamp)

    def catch_up(self, now: int) -> None:
        while self.progress.wait_ms(now) == 0:
            self.step(now, "read")


@given(lines, steps)
def test_every_line_once_and_the_watermark_never_goes_back(
    shape: list[tuple[int, int]], plan: list[tuple[int, str]]
) -> None:
    run = Run(arrivals(shape))
    now = START
    for wait_ms, outcome in plan:
        now += wait_ms
        run.step(now, outcome)
    now = max(now, START + 600_000)
    for _ in range(4):
        run.catch_up(now)
        now += COLD.every_ms
    assert sorted(run.out) == sorted(identifier for identifier, _, _ in run.arrivals)
    assert run.throughs == sorted(run.throughs)


@given(lines, st.lists(st.integers(50, 15_000), max_size=40))
def test_what_is_settled_was_delivered(shape: list[tuple[int, int]], waits: list[int]) -> None:
    run = Run(arrivals(shape))
    now = START
    for wait_ms in waits:
        now += wait_ms
        run.step(now, "read")
        reaches = [(run.progress.through, 2_000), *zip(run.progress.settled, (t.back_ms for t in TIERS), strict=True)]
        for settled, reach_ms in reaches:
            there = {i for i, at, seen_at in run.arrivals if START < at <= settled and seen_at - at <= reach_ms}
            assert there <= set(run.out)


@given(lines, st.lists(st.integers(50, 15_000), max_size=40))
def test_what_is_settled_waits_for_what_is_usually_late(shape: list[tuple[int, int]], waits: list[int]) -> None:
    run = Run(arrivals(shape))
    run.progress.retune(TIERS, USUAL_MS)
    now = START
    for wait_ms in waits:
        now += wait_ms
        run.step(now, "read")
        settled = run.progress.through
        usual = {i for i, at, seen_at in run.arrivals if START < at <= settled and seen_at - at <= USUAL_MS}
        assert usual <= set(run.out)


def test_no_tier_is_late_after_a_restart_because_it_had_reached_further_back() -> None:
    progress, now = fresh_progress(), START
    progress.retune(WIDER)
    for _ in range(50):
        now += COLD.every_ms
        while (window := progress.next(now)) is not None:
            progress.complete(window, 0)
    assert min(progress.swept) == now
    again = Progress(TIERS, progress.through, 2_000, progress.settled)
    assert min(again.swept) >= progress.through
    assert again.settled == progress.settled


def test_what_is_settled_goes_with_the_warm_tier_while_lines_are_usually_later_than_the_hot_one_reaches() -> None:
    progress, now = fresh_progress(), START
    throughs = []
    for usual_ms in (0, USUAL_MS, 0):
        progress.retune(TIERS, usual_ms)
        for _ in range(600):
            while progress.wait_ms(now) == 0:
                read(progress, now)
            now += HOT.every_ms
            throughs.append((now - HOT.every_ms - progress.through, progress.through))
    behind = [ms for ms, _ in throughs]
    assert set(behind[100:600]) == {2_000}
    assert set(behind[750:1_200]) <= set(range(USUAL_MS, USUAL_MS + WARM.every_ms + HOT.every_ms))
    assert set(behind[1_300:]) == {2_000}
    assert [through for _, through in throughs] == sorted(through for _, through in throughs)


def fresh_progress() -> Progress:
    return Progress(TIERS, START, 2_000, (START,))


def read(progress: Progress, now: int, lines: int = 1) -> Window:
    window = progress.next(now)
    assert window is not None
    progress.complete(window, lines)
    return window


def test_tiers_take_turns_and_the_narrow_one_waits_for_no_wide_one() -> None:
    progress = fresh_progress()
    now = START + 3_600_000
    while progress.wait_ms(now) == 0:
        read(progress, now)
    now += COLD.every_ms
    order = [read(progress, now).tier for _ in range(3)]
    assert sorted(order) == [0, 1, 2]
    now += HOT.every_ms
    assert read(progress, now).tier == 0


def test_a_wide_sweep_is_read_in_slices_between_which_the_narrow_tier_is_read() -> None:
    progress = fresh_progress()
    now = START + 600_000
    tiers = []
    for _ in range(40):
        window = progress.next(now)
        if window is None:
            break
        progress.complete(window, 50_000)
        tiers.append(window.tier)
        now += HOT.every_ms
    assert tiers.count(2) > 3
    assert all(a == 0 or b == 0 for a, b in itertools.pairwise(tiers))


def test_what_lies_beyond_every_reach_is_read_once() -> None:
    progress = fresh_progress()
    now = START + 86_400_000
    total_ms = 0
    while progress.wait_ms(now) == 0:
        window = read(progress, now)
        total_ms += window.end - window.start
    assert total_ms < 86_400_000 + 3 * COLD.back_ms
    assert progress.through == now - 2_000


def test_a_long_stretch_comes_in_slices_that_grow_while_they_are_empty() -> None:
    progress = Progress((HOT,), START, 2_000, (START,))
    now = START + 86_400_000
    lengths = []
    for lines_read in (0, 0, 7, 50_000, 7):
        window = read(progress, now, lines_read)
        lengths.append(window.end - window.start)
    assert lengths == [SLICE_MS, 4 * SLICE_MS, 16 * SLICE_MS, 32 * SLICE_MS, 16 * SLICE_MS]


def test_a_window_that_failed_is_tried_again_shorter() -> None:
    progress = fresh_progress()
    now = START + 86_400_000
    first = due(progress, now)
    progress.failed(first, now)
    again = due(progress, now + HOT.every_ms)
    while again.tier != first.tier:
        again = due(progress, now + HOT.every_ms)
    assert (again.start, again.end - again.start) == (first.start, SLICE_MS // 2)


def due(progress: Progress, now: int) -> Window:
    window = progress.next(now)
    assert window is not None
    return window


def test_a_tier_that_fails_waits_longer_each_time_while_the_others_are_read() -> None:
    progress, now, tries, others = fresh_progress(), START + 3_600_000, [], 0
    while len(tries) < 9:
        window = progress.next(now)
        if window is None:
            now += 50
        elif window.tier == 2:
            tries.append(now)
            progress.failed(window, now)
            assert progress.is_failing
        else:
            progress.complete(window, 0)
            others += 1
    waits_s = [round((later - earlier) / 1000) for earlier, later in itertools.pairwise(tries)]
    assert waits_s == [1, 2, 4, 8, 16, 32, 60, 60]
    assert others > sum(waits_s)
    progress.complete(due(progress, now + 60_000), 0)
    while progress.is_failing:
        now += 60_000
        progress.complete(due(progress, now), 0)
    assert progress.swept[2] > START


def test_a_clock_that_was_set_back_does_not_stop_reading() -> None:
    progress = fresh_progress()
    earlier = START - 3_600_000
    ends = {read(progress, earlier).end for _ in range(3)}
    assert ends == {earlier}
    assert progress.next(earlier) is None
    assert progress.next(earlier + HOT.every_ms) is not None
    assert progress.through == START


def test_a_line_of_the_future_moves_nothing() -> None:
    progress = fresh_progress()
    window = read(progress, START + 1_000)
    assert window.end == START + 1_000
    assert progress.through <= START + 1_000


def test_ids_are_forgotten_behind_the_horizon_only() -> None:
    seen = SeenIds()
    for second in range(100):
        seen.add(event_ids.text(event_ids.compose(START + second * 1000, START, second, 0)), START + second * 1000)
    assert len(seen) == 100
    seen.forget_before(START + 50_000)
    assert len(seen) == 50
    assert seen.has(event_ids.text(event_ids.compose(START + 50_000, START, 50, 0)), START + 50_000)


@pytest.mark.parametrize("identifier", ["eventId1", "", "00012", "²", "1" * 60])
def test_ids_of_any_shape_are_kept_apart(identifier: str) -> None:
    seen = SeenIds()
    seen.add(identifier, START)
    assert seen.has(identifier, START)
    assert not seen.has(identifier + "0", START)
    assert not seen.has("0" + identifier, START)


@given(st.lists(st.integers(0, 3_000), max_size=2_000))
def test_many_ids_of_one_bucket(numbers: list[int]) -> None:
    seen = SeenIds()
    for place, number in enumerate(numbers):
        seen.add(str(number), START)
        seen.add("other", START + BUCKET_MS * (1 + place // 100))
    assert len(seen) == len(set(numbers)) + (len(numbers) + 99) // 100
    assert all(seen.has(str(number), START) == (number in set(numbers)) for number in range(0, 3_000, 7))


def test_ids_are_small() -> None:
    seen = SeenIds()
    tracemalloc.start()
    for number in range(100_000):
        at = START + number * 10
        seen.add(event_ids.text(event_ids.compose(at, START, number, 0)), at)
    taken_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(seen) == 100_000
    assert taken_bytes / 100_000 < 25


def test_what_is_older_than_the_horizon_when_it_comes_is_remembered_by_number() -> None:
    seen = SeenIds()
    seen.add("early", START)
    seen.forget_before(START + 60_000)
    assert not seen.has("early", START)
    for number in range(MOST_STRAYS + 1):
        seen.add(str(number), START)
    assert not seen.has("0", START)
    assert seen.has("1", START)
    assert seen.has(str(MOST_STRAYS), START)
    assert len(seen) == MOST_STRAYS
