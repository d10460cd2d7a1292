"""The polling algorithms of other forwarders, and ours, on one stream of lines: what each loses, how late, at what cost.

They are re-implemented from their code and documents, without their programs: what is compared is which stretch of time each
asks for, when, and what it takes for read. Pure: no clock, no CloudWatch. Times in milliseconds.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

from clearsight.settings import ForwarderSettings
from connectors.cloudwatch.pace import Pace
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.tiers import AWS_TPS, limits
from connectors.cloudwatch.window import Progress

ARRIVAL = ((0.9, 200, 3_000), (0.09, 3_000, 20_000), (0.009, 20_000, 120_000), (0.001, 120_000, 900_000))
"""Shares of lines that CloudWatch accepts so long after they happened."""
VISIBLE = ((0.97, 100, 8_000), (0.03, 8_000, 90_000))
"""…and that can be read so long after that."""

DRAIN_MS = 3_600_000
PAGE_LINES = 2_000
"""Of 500 bytes, in a page of 1 MB."""


@dataclass(frozen=True)
class Lines:
    """In order of their own time."""

    time: list[int]
    accepted: list[int]
    visible: list[int]

    @property
    def end(self) -> int:
        return self.time[-1]


def stream(count: int, per_s: int, seed: int) -> Lines:
    chance = random.Random(seed)
    time = sorted(chance.randrange(count * 1000 // per_s) for _ in range(count))
    accepted = [at + _drawn(chance, ARRIVAL) for at in time]
    return Lines(time, accepted, [at + _drawn(chance, VISIBLE) for at in accepted])


def _drawn(chance: random.Random, model: tuple[tuple[float, int, int], ...]) -> int:
    place = chance.random()
    for share, least, most in model:
        if place < share:
            return chance.randint(least, most)
        place -= share
    return model[-1][2]


@dataclass
class Reading:
    """What an algorithm has: `taken_at` by line, -1 where it never came."""

    lines: Lines
    taken_at: list[int] = field(default_factory=list)
    calls: int = 0
    read: int = 0
    until: int = 0

    def __post_init__(self) -> None:
        self.taken_at = [-1] * len(self.lines.time)

    def window(self, start: int, end: int, now: int) -> Iterator[int]:
        """The lines that can be read now, start <= time <= end; the calls for them are counted."""
        first, last = bisect_left(self.lines.time, start), bisect_right(self.lines.time, end)
        visible, count = self.lines.visible, 0
        for number in range(first, last):
            if visible[number] <= now:
                count += 1
                yield number
        self.until = now
        self.read += count
        self.calls += 1 + count // PAGE_LINES

    def take(self, numbers: Iterator[int], now: int) -> list[int]:
        """Those that are new; a second coming is not counted."""
        new = [number for number in numbers if self.taken_at[number] < 0]
        for number in new:
            self.taken_at[number] = now
        return new


Algorithm = Callable[[Reading], None]


def to_now(reading: Reading, every_ms: int) -> None:
    """Each poll asks from the end of the last one to now."""
    last = 0
    for now in _polls(reading, every_ms):
        reading.take(reading.window(last, now - 1, now), now)
        last = now


def after_last(reading: Reading, every_ms: int) -> None:
    """Each poll asks from the newest line of all so far, plus one."""
    newest = -1
    for now in _polls(reading, every_ms):
        for number in reading.take(reading.window(newest + 1, now, now), now):
            newest = max(newest, reading.lines.time[number])


def after_ingestion(reading: Reading, every_ms: int) -> None:
    """The newest ingestion time, plus one, is used as the event time to start from."""
    newest = -1
    for now in _polls(reading, every_ms):
        for number in reading.take(reading.window(newest + 1, now, now), now):
            newest = max(newest, reading.lines.accepted[number])


def delayed(reading: Reading, every_ms: int, delay_ms: int) -> None:
    """As `to_now`, but so much later."""
    last = 0
    for now in _polls(reading, every_ms):
        reading.take(reading.window(last, now - delay_ms - 1, now), now)
        last = max(last, now - delay_ms)


def overlapping(reading: Reading, every_ms: int, back_ms: int) -> None:
    """One window, so far back, and what was seen is dropped."""
    for now in _polls(reading, every_ms):
        reading.take(reading.window(now - back_ms, now, now), now)


def ours(
    reading: Reading, settings: ForwarderSettings, told: Callable[[int, int], None] = lambda now, through: None
) -> None:
    """The code that runs in the forwarder: tiers that tune themselves, and ids seen. `told` hears after each window up to
    when the lines are said to be there."""
    pace = Pace(limits(settings, 1, AWS_TPS), idle_ms=5_000)
    progress, seen = Progress(pace.least, 0, settings.settle_ms, (0,)), SeenIds()
    now = 0
    while progress.horizon <= reading.lines.end or now < reading.lines.end + DRAIN_MS // 2:
        window = progress.next(now)
        if window is None:
            now += max(1, progress.wait_ms(now))
            continue
        live_from = pace.live_from(now, progress.read_at)
        found = list(reading.window(window.start, window.end, now))
        new = [n for n in found if not seen.has(str(n), reading.lines.time[n])]
        for number in new:
            assert reading.taken_at[number] < 0, "doubled"
            reading.taken_at[number] = now
            seen.add(str(number), reading.lines.time[number])
            if live_from is not None:
                pace.observe(now - reading.lines.time[number])
        progress.complete(window, len(found))
        seen.forget_before(progress.horizon)
        pace.completed(window, now, now, len(new))
        progress.retune(pace.tiers(now), pace.usual_ms(now))
        told(now, progress.through)


def _polls(reading: Reading, every_ms: int) -> range:
    return range(every_ms, reading.lines.end + DRAIN_MS, every_ms)


PEERS: dict[str, Algorithm] = {
    "OpenTelemetry before 0.147: window to now, 60 s": partial(to_now, every_ms=60_000),
    "OpenTelemetry from 0.147: last + 1, 60 s": partial(after_last, every_ms=60_000),
    "OpenTelemetry from 0.147: last + 1, 5 s": partial(after_last, every_ms=5_000),
    "Redpanda Connect: ingestion + 1, 5 s": partial(after_ingestion, every_ms=5_000),
    "Filebeat: latency 30 s": partial(delayed, every_ms=5_000, delay_ms=30_000),
    "Filebeat: latency 5 min": partial(delayed, every_ms=60_000, delay_ms=300_000),
    "Splunk: fixed delay 30 min": partial(delayed, every_ms=60_000, delay_ms=1_800_000),
    "one overlap of 2 min, 5 s": partial(overlapping, every_ms=5_000, back_ms=120_000),
    "ClearSight: tiers": partial(ours, settings=ForwarderSettings()),
}


@dataclass(frozen=True)
class Row:
    algorithm: str
    lost_percent: float
    p50_s: float
    p95_s: float
    p99_s: float
    calls_a_minute: float
    read_times: float
    """How often a line is transferred."""


def compared(count: int, per_s: int, seed: int, said: Callable[[str], None]) -> list[Row]:
    lines = stream(count, per_s, seed)
    rows = []
    for name, algorithm in PEERS.items():
        said(name)
        reading = Reading(lines)
        algorithm(reading)
        rows.append(_row(name, reading))
    return rows


def _row(name: str, reading: Reading) -> Row:
    lags = sorted(taken - at for taken, at in zip(reading.taken_at, reading.lines.time, strict=True) if taken >= 0)
    count = len(reading.lines.time)
    p50, p95, p99 = (lags[min(len(lags) - 1, int(share * len(lags)))] / 1000 for share in (0.5, 0.95, 0.99))
    return Row(
        name,
        round(100 * (count - len(lags)) / count, 3),
        round(p50, 1),
        round(p95, 1),
        round(p99, 1),
        round(reading.calls / (reading.until / 60_000), 1),
        round(reading.read / count, 1),
    )
