"""Time in each state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clearsight.states import current_state, time_in_states

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 8, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


ENTERED = [(at(0), "created"), (at(5), "submitted"), (at(6), "created"), (at(10), "submitted")]


def test_each_state_adds_up_and_the_last_lasts_to_the_end() -> None:
    found = time_in_states(ENTERED, at(20))
    assert [(each.state, each.ms, each.times) for each in found] == [
        ("submitted", 11 * 60_000, 2),
        ("created", 9 * 60_000, 2),
    ]
    assert sum(each.ms for each in found) == 20 * 60_000


def test_the_current_state() -> None:
    found = current_state(ENTERED, at(20))
    assert found is not None
    assert (found.state, found.since, found.ms) == ("submitted", at(10), 10 * 60_000)
    assert current_state([], at(1)) is None


def test_a_state_that_begins_after_the_end_has_lasted_no_time() -> None:
    assert [each.ms for each in time_in_states([(at(5), "created")], at(0))] == [0]
