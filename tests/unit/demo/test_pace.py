"""The schedule of commits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.demo.pace import Pace

pytestmark = pytest.mark.unit


def test_places_are_evenly_spaced() -> None:
    pace = Pace(rate_per_s=10, started_s=0.0)
    assert [pace.reserve(0.0) for _ in range(3)] == pytest.approx([0.0, 0.1, 0.2])


def test_several_commits_take_several_places() -> None:
    pace = Pace(rate_per_s=10, started_s=0.0)
    pace.reserve(0.0, commits=3)
    assert pace.reserve(0.0) == pytest.approx(0.3)


def test_who_is_a_little_late_catches_up() -> None:
    pace = Pace(rate_per_s=10, started_s=0.0, burst_s=1.0)
    assert [pace.reserve(0.5) for _ in range(7)] == pytest.approx([0, 0, 0, 0, 0, 0, 0.1], abs=1e-9)


def test_a_long_pause_does_not_end_in_a_flood() -> None:
    pace = Pace(rate_per_s=10, started_s=0.0, burst_s=1.0)
    delays = [pace.reserve(100.0) for _ in range(12)]
    assert delays[10] == pytest.approx(0.0)
    assert delays[11] == pytest.approx(0.1)


@given(st.lists(st.floats(0, 0.05), min_size=50, max_size=200), st.floats(50, 500))
def test_never_faster_than_the_rate_and_the_burst(gaps_s: list[float], rate_per_s: float) -> None:
    pace, now_s = Pace(rate_per_s, started_s=0.0, burst_s=0.5), 0.0
    for done, gap_s in enumerate(gaps_s, start=1):
        now_s += gap_s + pace.reserve(now_s + gap_s)
        assert done <= rate_per_s * (now_s + 0.5) + 1.001
