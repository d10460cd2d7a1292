from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clearsight.comparison import Difference, Ran, differences, pinned, run_delta

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 22, 8, tzinfo=UTC)


def entry(node, name, value):
    return {"node": node, "name": name, "value": value, "event_id": "e"}


def test_added_removed_and_changed_by_node_and_name():
    before = pinned(
        {"1": entry("demand", "base", "5"), "2": entry("price", "list", "9"), "3": entry("demand", "growth", "1.0")}
    )
    after = pinned(
        {"1": entry("demand", "base", "6"), "3": entry("demand", "growth", "1"), "4": entry("price", "floor", "2")}
    )
    assert differences(before, after) == [
        Difference("changed", "demand", "base", "1", "5", "6"),
        Difference("added", "price", "floor", "4", None, "2"),
        Difference("removed", "price", "list", "2", "9", None),
    ]


def test_an_input_that_was_removed_and_added_again_is_the_same():
    before, after = pinned({"1": entry("demand", "base", "5")}), pinned({"7": entry("demand", "base", "5")})
    assert differences(before, after) == []


def test_several_rows_of_one_name_are_compared_each_with_itself():
    """A table may have more in its key than node and name: a period, a region."""
    before = pinned({"jan": entry("demand", "base", "5"), "feb": entry("demand", "base", "5")})
    after = pinned(
        {"jan": entry("demand", "base", "9"), "feb": entry("demand", "base", "5"), "mar": entry("demand", "base", "5")}
    )
    assert differences(before, after) == [
        Difference("changed", "demand", "base", "jan", "5", "9"),
        Difference("added", "demand", "base", "mar", None, "5"),
    ]


def test_inputs_without_name_are_told_apart_by_their_row():
    before = pinned({"1": {"value": "5"}, "2": {"value": "6"}})
    after = pinned({"1": {"value": "5"}, "2": {"value": "7"}})
    assert [each.row_key for each in differences(before, after)] == ["2"]


def ran(**changes: Any) -> Ran:
    ok = {
        "category": None,
        "error_type": None,
        "error_message": None,
        "failing_node": None,
        "log_warnings": 0,
        "log_errors": 0,
    }
    return Ran(**{"started_at": T0, "finished_at": T0 + timedelta(seconds=2), "duration_ms": 2000, **ok, **changes})


def test_the_later_runs_error_gap_and_duration() -> None:
    bad = ran(
        started_at=T0 + timedelta(seconds=10), duration_ms=5000, category="timeout", error_type="TimeoutError",
        failing_node="demand", log_errors=2,
    )  # fmt: skip
    found = run_delta(ran(log_warnings=1), bad)
    assert (found.time_gap_ms, found.duration_ms, found.duration_ratio) == (8000, 3000, 2.5)
    error = found.error
    assert (error.category, error.error_type, error.failing_node) == ("timeout", "TimeoutError", "demand")
    assert (error.log_warnings, error.log_errors) == (-1, 2)


def test_the_same_error_again_is_no_difference() -> None:
    bad = ran(category="timeout", error_type="TimeoutError")
    assert run_delta(bad, bad).error.category is None


def test_what_is_not_known_is_null_and_the_gap_begins_at_the_start() -> None:
    found = run_delta(ran(finished_at=None, duration_ms=None), ran(started_at=T0 + timedelta(seconds=1)))
    assert (found.time_gap_ms, found.duration_ms, found.duration_ratio) == (1000, None, None)
    assert run_delta(ran(duration_ms=0), ran()).duration_ratio is None
    assert run_delta(ran(), ran(started_at=None)).time_gap_ms is None
