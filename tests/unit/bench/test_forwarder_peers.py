"""The comparison of polling algorithms: what each is known to lose, and that ours loses nothing."""

from __future__ import annotations

import pytest
from bench.forwarder_peers import PEERS, Reading, Row, compared, stream

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    return {row.algorithm: row for row in compared(30_000, 100, 3, lambda _: None)}


def test_ours_loses_nothing_within_seconds(rows: dict[str, Row]) -> None:
    row = rows["ClearSight: tiers"]
    assert row.lost_percent == 0
    assert row.p50_s < 12
    assert row.p95_s < 40


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
