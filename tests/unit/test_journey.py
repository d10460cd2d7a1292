"""Sessions, velocity and activity of a user."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.journey import IDLE, Act, SessionOf, activity_of, sessions, velocity

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 8, tzinfo=UTC)


def acts(*minutes: float, action: str = "input.changed", scenario: str | None = "s1") -> list[Act]:
    return [Act(T0 + timedelta(minutes=minute), action, scenario) for minute in minutes]


@pytest.mark.parametrize(
    ("minutes", "sizes"),
    [((), []), ((0,), [1]), ((0, 29.9), [2]), ((0, 30), [1, 1]), ((0, 10, 45, 50, 200), [2, 2, 1])],
)
def test_thirty_minutes_idle_end_a_session(minutes: tuple[float, ...], sizes: list[int]) -> None:
    assert [session.actions for session in sessions(acts(*minutes))] == sizes


def test_a_session_says_from_when_to_when_and_what_it_touched() -> None:
    (session,) = sessions([*acts(0, 5), *acts(6, scenario="s2"), *acts(7, scenario=None)])
    assert (session.number, session.started_at, session.duration_ms) == (1, T0, 7 * 60_000)
    assert session.scenarios == ["s1", "s2"]


@given(st.lists(st.integers(0, 10_000), max_size=30).map(sorted), st.integers(1, 500))
def test_sessions_part_the_actions(minutes: list[int], idle_minutes: int) -> None:
    done, idle = acts(*minutes), timedelta(minutes=idle_minutes)
    found = sessions(done, idle)
    assert sum(session.actions for session in found) == len(done)
    assert all(later.started_at - earlier.ended_at >= idle for earlier, later in pairwise(found))
    assert [SessionOf(found)(act.occurred_at) for act in done] == [
        session.number for session in found for _ in range(session.actions)
    ]


def test_what_comes_after_an_action_belongs_to_its_session() -> None:
    found = sessions(acts(0, 100))
    assert SessionOf(found)(T0 - timedelta(seconds=1)) is None
    assert SessionOf(found)(T0 + timedelta(minutes=50)) == 1
    assert SessionOf(found)(T0 + timedelta(minutes=500)) == 2


def test_velocity_counts_days_scenarios_and_common_actions() -> None:
    day = 24 * 60
    done = [*acts(0, 1, day), *acts(3 * day, action="run.started", scenario="s2")]
    found = velocity(done, [], 100)
    assert (found.actions, found.active_days, found.scenarios_touched) == (4, 3, 2)
    assert (found.actions_a_day, found.actions_an_active_day) == (1.0, 1.33)
    assert [(each.action, each.count) for each in found.most_common] == [("input.changed", 3), ("run.started", 1)]
    assert (found.activity, found.quantile, found.compared_with) == (None, None, 0)


def test_nothing_done_is_no_error() -> None:
    assert velocity([], [3, 4], 100).actions_a_day == 0.0


@pytest.mark.parametrize(
    ("others", "activity"),
    [([0, 0, 0, 9], "power"), ([9, 9, 9, 0], "occasional"), ([0, 9], "regular"), ([2], "occasional")],
)
def test_activity_by_quantile_among_the_others(others: list[int], activity: str) -> None:
    assert velocity(acts(0, 1), others, 100).activity == activity


def test_of_many_actions_only_the_newest_are_compared() -> None:
    assert velocity(acts(*range(50)), [10, 10, 9, 9], 10).quantile == 0.5


def test_the_middle_is_regular() -> None:
    assert [activity_of(each) for each in (0.0, 0.25, 0.5, 0.75, 1.0)] == [
        "occasional", "occasional", "regular", "power", "power"
    ]  # fmt: skip


def test_half_an_hour_is_the_default() -> None:
    assert timedelta(minutes=30) == IDLE
