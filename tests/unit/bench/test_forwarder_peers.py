"""The comparison of polling algorithms: what each is known to lose, and that ours loses nothing."""

from __future__ import annotations

from bisect import bisect_right
from statistics import quantiles

import pytest
from bench.forwarder_peers import PEERS, Reading, Row, compared, ours, stream

from clearsight.settings import ForwarderSettings

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return {row.algorithm: row for row in compared(30_000, 100, 3, lambda _: None)}


def test_ours_loses_nothing_within_seconds(rows: dict[str, Row]) -> None:
    row = rows["ClearSight: tiers"]
    assert row.lost_percent == 0
    assert row.p50_s < 12
    assert row.p95_s < 40


def test_what_is_called_whole_is_nearly_whole_where_lines_are_late() -> None:
    reading = Reading(stream(40_000, 40, 3))
    time, shares, behind_ms = reading.lines.time, list[float](), list[int]()

    def told(now: int, through: int) -> None:
        last = range(bisect_right(time, through - 30_000), bisect_right(time, through))
        if 5 * 60_000 < now < reading.lines.end:
            shares.append(sum(reading.taken_at[number] >= 0 for number in last) / len(last))
            behind_ms.append(now - through)

    ours(reading, ForwarderSettings(), told)
    assert quantiles(shares, n=20)[0] > 0.97
    assert quantiles(behind_ms, n=20)[-1] < 3 * 60_000


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("OpenTelemetry before 0.147: window to now, 60 s", 8, 20),
        ("OpenTelemetry from 0.147: last + 1, 5 s", 60, 90),
        ("Redpanda Connect: ingestion + 1, 5 s", 70, 95),
        ("Filebeat: latency 30 s", 1, 6),
        ("Splunk: fixed delay 30 min", 0, 0),
    ],
)
def test_others_lose_what_their_users_see(rows: dict[str, Row], name: str, least: float, most: float) -> None:
    assert least <= rows[name].lost_percent <= most


def test_every_algorithm_reads_the_same_lines() -> None:
    lines = stream(1_000, 100, 1)
    assert lines.time == sorted(lines.time)
    assert all(at <= there <= seen for at, there, seen in zip(lines.time, lines.accepted, lines.visible, strict=True))
    for algorithm in PEERS.values():
        reading = Reading(lines)
        algorithm(reading)
        assert all(taken < 0 or taken >= seen for taken, seen in zip(reading.taken_at, lines.visible, strict=True))
