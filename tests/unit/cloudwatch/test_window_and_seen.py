"""Windows and seen ids together: whatever comes, with a lag within the overlap, is delivered exactly once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cloudwatch import event_ids
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.window import SLICE_MS, Progress, Tier, Window

pytestmark = pytest.mark.unit

HOT = Tier(back_ms=2_000, every_ms=200)
SWEEP = Tier(back_ms=30_000, every_ms=10_000)
START = 1_795_000_000_000

Arrival = tuple[str, int, int]
"""Id, event time, time from which it can be read."""

lines = st.lists(st.tuples(st.integers(0, 120_000), st.integers(0, SWEEP.back_ms)), max_size=60)
steps = st.lists(
    st.tuples(st.integers(50, 15_000), st.sampled_from(["read", "read", "read", "fails", "crashes", "fails half way"])),
    max_size=40,
)


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
        self.resume(START)

    def resume(self, through: int) -> None:
        self.progress = Progress((HOT, SWEEP), through, settle_ms=2_000)
        self.seen = SeenIds()
        delivered = set(self.out)
        for identifier, timestamp, _ in self.arrivals:
            if identifier in delivered and timestamp >= self.progress.horizon:
                self.seen.add(identifier, timestamp)

    def step(self, now: int, outcome: str) -> None:
        window = self.progress.next(now)
        if window is None or outcome == "fails":
            return
        fresh = self.fresh(window)
        if outcome != "read":
            self.deliver(fresh[: len(fresh) // 2])
            if outcome == "crashes":
                self.resume(self.throughs[-1])
            return
        self.deliver(fresh)
        self.progress.complete(window, len(fresh))
        self.seen.forget_before(self.progress.horizon)
        self.throughs.append(self.progress.through)

    def fresh(self, window: Window) -> list[Arrival]:
        return [
            arrival
            for arrival in sorted(self.arrivals)
            if window.start <= arrival[1] <= window.end
            and arrival[2] <= window.read_at
            and not self.seen.has(arrival[0], arrival[1])
        ]

    def deliver(self, arrivals: list[Arrival]) -> None:
        for identifier, timestamp, _ in arrivals:
            self.out.append(identifier)
            self.seen.add(identifier, timestamp)


@given(lines, steps)
def test_every_line_once_and_the_watermark_never_goes_back(
    shape: list[tuple[int, int]], plan: list[tuple[int, str]]
) -> None:
    run = Run(arrivals(shape))
    now = START
    for wait_ms, outcome in plan:
        now += wait_ms
        run.step(now, outcome)
    now = max(now, START + 200_000)
    for _ in range(20):
        run.step(now, "read")
        now += SWEEP.every_ms
    assert sorted(run.out) == sorted(identifier for identifier, _, _ in run.arrivals)
    assert run.throughs == sorted(run.throughs)


@given(lines, st.lists(st.integers(50, 15_000), max_size=40))
def test_what_is_settled_was_delivered(shape: list[tuple[int, int]], waits: list[int]) -> None:
    run = Run(arrivals([(at, lag % 2_000) for at, lag in shape]))
    now = START
    for wait_ms in waits:
        now += wait_ms
        run.step(now, "read")
        through = run.progress.through
        settled = {identifier for identifier, timestamp, _ in run.arrivals if START < timestamp <= through}
        assert settled <= set(run.out)


def test_a_narrow_window_between_two_sweeps() -> None:
    progress = Progress((HOT, SWEEP), START, settle_ms=2_000)
    first = progress.next(START)
    assert first == Window(1, START - 40_000, START, START)
    progress.complete(first, 1)
    assert progress.next(START + 100) is None
    assert progress.next(START + 200) == Window(0, START - 2_000, START + 200, START + 200)


def test_a_long_stretch_comes_in_slices_that_grow_while_they_are_empty() -> None:
    progress = Progress((HOT, SWEEP), START, settle_ms=2_000)
    now = START + 86_400_000
    lengths = []
    for lines_read in (0, 0, 7, 0):
        window = progress.next(now)
        assert window is not None
        lengths.append(window.end - window.start - SWEEP.back_ms)
        progress.complete(window, lines_read)
    assert lengths == [SLICE_MS, 4 * SLICE_MS, 16 * SLICE_MS, SLICE_MS]
    assert progress.behind(now)


def test_a_clock_that_was_set_back_does_not_stop_reading() -> None:
    progress = Progress((HOT, SWEEP), START, settle_ms=2_000)
    window = progress.next(START - 3_600_000)
    assert window is not None
    assert window.end == START - 3_600_000
    progress.complete(window, 0)
    assert progress.next(START - 3_600_000 + 200) is not None
    assert progress.through == START


def test_ids_are_forgotten_behind_the_horizon_only() -> None:
    seen = SeenIds()
    for second in range(100):
        seen.add(event_ids.text(event_ids.compose(START + second * 1000, START, second, 0)), START + second * 1000)
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
