"""Commit order and the states of the join."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.links import Touched, link_of_change, place_log
from clearsight.order import CommitPosition

pytestmark = pytest.mark.unit


def test_commit_lsn_decides_before_lsn() -> None:
    # the WAL interleaves transactions: the one that commits later may have the lower LSN
    assert CommitPosition(1, 100, 900, 1) < CommitPosition(1, 200, 150, 1)


def test_a_null_commit_lsn_is_first_and_a_new_epoch_last() -> None:
    assert CommitPosition(1, 0, 10**9, 9) < CommitPosition(1, 1, 1, 1) < CommitPosition(2, 0, 0, 0)


@pytest.mark.parametrize(
    ("row", "context", "in_transaction", "link"),
    [
        ("r", None, True, "direct"),
        ("r", "c", True, "direct"),
        (None, "c", True, "correlated"),
        (None, None, True, "pending"),
        (None, None, False, "unlinked"),
    ],
)
def test_link_of_a_change(row: str | None, context: str | None, in_transaction: bool, link: str) -> None:
    assert link_of_change(row, context, in_transaction) == link


@pytest.mark.parametrize(
    ("scenario", "run", "run_scenario", "correlation", "touched", "expected"),
    [
        (None, 7, 3, None, Touched(), ("direct", 3, 7)),
        (None, 7, None, "c", Touched(), ("direct", None, 7)),
        (3, None, None, None, Touched(), ("direct", 3, None)),
        (3, None, None, "c", Touched(frozenset({3}), frozenset({7})), ("direct", 3, 7)),
        (3, None, None, "c", Touched(frozenset({4}), frozenset({7})), ("direct", 3, None)),
        (None, None, None, None, Touched(), ("unlinked", None, None)),
        (None, None, None, "c", Touched(), ("pending", None, None)),
        (None, None, None, "c", Touched(others=frozenset({1})), ("correlated", None, None)),
        (None, None, None, "c", Touched(frozenset({3}), frozenset({7})), ("correlated", 3, 7)),
        (None, None, None, "c", Touched(frozenset({3}), frozenset({7, 8})), ("correlated", 3, None)),
        (None, None, None, "c", Touched(frozenset({3, 4}), frozenset()), ("shared", None, None)),
    ],
)
def test_place_of_a_log_line(
    scenario: int | None,
    run: int | None,
    run_scenario: int | None,
    correlation: str | None,
    touched: Touched,
    expected: tuple[str, int | None, int | None],
) -> None:
    assert place_log(scenario, run, run_scenario, correlation, touched) == expected


keys = st.one_of(st.none(), st.integers(1, 5))
sets = st.frozensets(st.integers(1, 5), max_size=3)


@given(keys, keys, keys, st.one_of(st.none(), st.just("c")), sets, sets)
def test_more_touched_never_unplaces_a_line(
    scenario: int | None,
    run: int | None,
    run_scenario: int | None,
    correlation: str | None,
    some: frozenset[int],
    more: frozenset[int],
) -> None:
    before = place_log(scenario, run, run_scenario, correlation, Touched(some, frozenset()))
    after = place_log(scenario, run, run_scenario, correlation, Touched(some | more, frozenset()))
    assert not (before.link in ("correlated", "shared") and after.link in ("pending", "unlinked"))
    assert not (before.link == "direct" and after.link != "direct")
