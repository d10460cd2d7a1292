from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.anomaly import History, same, shown, signs

pytestmark = pytest.mark.unit


def kinds(old, new, own=(), peers=()):
    return {sign.kind for sign in signs(old, new, History(own, peers))}


@pytest.mark.parametrize(
    ("old", "new", "own", "kind"),
    [
        ("12", "0", ["12", "24"], "zero"),
        ("12", "-5", ["12", "24"], "negative"),
        ("12", "twelve", ["12"], "type"),
        ("twelve", "12", ["twelve"], "type"),
        ("12", None, ["12"], "missing"),
        ("a", "  ", ["a"], "missing"),
        ("12", "NaN", ["12"], "not_finite"),
        ("12", "Infinity", ["12"], "not_finite"),
        ("12", "50000", ["12"], "magnitude"),
        ("12", "18", ["12", "24"], "healthy_range"),
        ("12", "24", ["24", "12"], "healthy_value"),
        ("12", "24.00", ["24", "12"], "healthy_value"),
        ("100", "104", ["100"], "small_step"),
        ("100", "60", ["50", "80", "100"], "healthy_range"),
        ("80", "130", ["40", "80"], "usual_step"),
        ("9", "100", ["1", "2", "3", "5", "9"], "beyond"),
        ("[1, 2]", json.dumps([1] * 200), ["[1, 2]"], "size"),
        ('{"a": 1}', '{"b": 1}', ['{"a": 1}'], "missing"),
        ('{"a": {"b": 2}}', '{"a": {"b": 0}}', ['{"a": {"b": 2}}'], "zero"),
        ("[1, 2]", '{"a": 1}', [], "type"),
        ("[1, 2, 3]", "[1, 2]", ["[1, 2, 3]"], "beyond"),
    ],
)
def test_a_sign_is_seen(old, new, own, kind):
    assert kind in kinds(old, new, own)


def test_zero_and_negative_are_nothing_special_where_healthy_runs_had_them():
    assert kinds("5", "0", ["-2", "0", "5"]) == {"healthy_value"}
    assert "negative" not in kinds("1", "-1", [], ["-3", "-1.5", "2"])


def test_a_value_that_no_scenario_had_is_beyond_only_where_the_range_means_something():
    assert "beyond" not in kinds("20.5", "20.6", ["20.5"] * 9)
    assert "peer_range" in kinds("3", "20", ["3"], ["2", "7", "11", "19", "25"])


def test_an_entry_of_a_list_is_compared_with_all_entries_of_healthy_lists():
    healthy = json.dumps([3, 5, 8, 13])
    assert kinds(healthy, json.dumps([8, 3, 5, 12]), [healthy]) <= {"healthy_range", "healthy_value", "small_step"}
    assert kinds(healthy, json.dumps([3, -5, 8, 13]), [healthy]) == {"negative", "beyond"}


@given(
    st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.lists(st.integers())),
    st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.lists(st.integers())),
    st.lists(st.one_of(st.text(), st.floats(), st.integers())),
)
def test_any_values_can_be_compared(old, new, healthy):
    for sign in signs(old, new, History(healthy, healthy)):
        assert sign.text


def test_numbers_are_the_same_however_they_are_written():
    assert same("12", "12.000")
    assert not same("12", None)
    assert not same("a", "A")


def test_a_long_value_is_cut_for_people():
    assert len(shown("x" * 1000)) == 60
    assert shown(5000000.0) == "5000000"
    assert shown("") == "“”"
