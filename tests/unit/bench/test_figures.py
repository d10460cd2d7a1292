"""How the benchmarks sum up, and how they tell their own commits."""

from __future__ import annotations

import pytest
from bench import figures
from bench.freshness_commits import Schedule, number_of, token

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([7.0], 0.99, 7.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.99, 99.0),
    ],
)
def test_percentile_is_the_nearest_rank(values: list[float], share: float, expected: float | None) -> None:
    assert figures.percentile(values, share) == expected


def test_spread_is_a_share_of_the_best() -> None:
    assert figures.spread([90.0, 100.0, 75.0]) == 0.25


def test_nested_figures_are_named_by_their_way() -> None:
    assert figures.flattened({"rate": 500, "api_ms": {"p50": 1.5}}) == {"rate": 500, "api_ms p50": 1.5}


def test_a_row_of_figures_in_markdown() -> None:
    shown = figures.in_markdown({"rate": 1500, "ratio": None}, "2026-11-23")
    assert shown == "| when | rate | ratio |\n|---|---|---|\n| 2026-11-23 | 1,500 | – |"


def test_many_figures_stand_below_each_other() -> None:
    many = {f"f{number}": number for number in range(figures.WIDEST + 1)}
    lines = figures.in_markdown(many, "2026-11-23").splitlines()
    assert lines[0] == "| figure | 2026-11-23 |"
    assert lines[-1] == f"| f{figures.WIDEST} | {figures.WIDEST} |"


@pytest.mark.parametrize("value", [None, "demand", "12"])
def test_other_values_are_no_commits(value: str | None) -> None:
    assert number_of(value) is None


def test_a_commit_is_known_by_its_token() -> None:
    assert number_of(token(1234)) == 1234


def test_the_warm_up_is_not_measured() -> None:
    schedule = Schedule(rate=500, warm_up_s=2, measured_s=3, start_s=100.0, start_wall_s=5000.0)
    assert (schedule.commits, schedule.first_measured) == (2500, 1000)
    assert schedule.due_s(schedule.first_measured) == 102.0
    assert schedule.due_wall_s(500) == 5001.0
