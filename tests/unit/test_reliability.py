"""Rates, days and what failed most, from groups."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from clearsight.reliability import (
    LineGroup,
    RunGroup,
    days,
    runs,
    top_categories,
    top_nodes,
    top_services,
)

pytestmark = pytest.mark.unit

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
T0 = datetime(2026, 11, 23, tzinfo=UTC)

ENDED = [
    RunGroup(TUESDAY, "succeeded", None, None, 6),
    RunGroup(MONDAY, "failed", "timeout", "demand", 3),
    RunGroup(MONDAY, "failed", "validation", "price", 1),
    RunGroup(MONDAY, "succeeded", None, None, 4),
    RunGroup(TUESDAY, "running", None, None, 2),
    RunGroup(TUESDAY, "failed", None, None, 1),
]
LINES = [
    LineGroup("timeout", "demand", "engine", 5, T0, T0 + timedelta(hours=1)),
    LineGroup("timeout", "price", "engine", 1, T0 + timedelta(hours=2), T0 + timedelta(hours=3)),
    LineGroup(None, None, "api", 7, T0, T0),
]


def test_a_rate_is_of_runs_that_ended() -> None:
    found = runs(ENDED)
    assert (found.runs, found.succeeded, found.failed, found.running) == (17, 10, 5, 2)
    assert found.success_rate == round(10 / 15, 4)
    assert runs([RunGroup(MONDAY, None, None, None, 2)]).success_rate is None


def test_days_in_order() -> None:
    assert [(each.day, each.runs, each.failed, each.success_rate) for each in days(ENDED)] == [
        (MONDAY, 8, 4, 0.5),
        (TUESDAY, 9, 1, round(6 / 7, 4)),
    ]


def test_categories_by_failed_runs_then_by_lines() -> None:
    found = top_categories(ENDED, LINES, 10)
    assert [(each.name, each.failed_runs, each.error_lines) for each in found] == [
        ("timeout", 3, 6),
        ("unknown", 1, 7),
        ("validation", 1, 0),
    ]
    assert found[0].share == 0.6
    assert (found[0].first_seen_at, found[0].last_seen_at) == (T0, T0 + timedelta(hours=3))
    assert [each.name for each in top_categories(ENDED, LINES, 1)] == ["timeout"]


def test_what_names_no_node_counts_for_none() -> None:
    assert [(each.name, each.failed_runs, each.error_lines) for each in top_nodes(ENDED, LINES, 10)] == [
        ("demand", 3, 5),
        ("price", 1, 1),
    ]


def test_services_share_the_lines() -> None:
    assert [(each.name, each.share) for each in top_services(LINES, 10)] == [
        ("api", round(7 / 13, 4)),
        ("engine", round(6 / 13, 4)),
    ]


def test_nothing_is_no_error() -> None:
    assert top_categories([], [], 10) == []
    assert days([]) == []
