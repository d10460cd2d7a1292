from __future__ import annotations

import pytest

from clearsight.comparison import Difference, differences, pinned

pytestmark = pytest.mark.unit


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


def test_inputs_without_name_are_told_apart_by_their_row():
    before = pinned({"1": {"value": "5"}, "2": {"value": "6"}})
    after = pinned({"1": {"value": "5"}, "2": {"value": "7"}})
    assert [each.row_key for each in differences(before, after)] == ["2"]
