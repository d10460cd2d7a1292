"""Lost and doubled, as sets with how often."""

from __future__ import annotations

from collections import Counter

import pytest

from clearsight.demo.landed import Comparison, Landed
from clearsight.demo.truth import Change

pytestmark = pytest.mark.unit

FIRST = Change(7, "forecast.inputs", "u", "a")
SECOND = Change(7, "forecast.inputs", "u", "b")


def landed(expected: Counter[Change], found: Counter[Change], correlated: int = 0) -> Landed:
    nothing: Comparison[str] = Comparison(Counter(), Counter())
    return Landed(Comparison(expected, found), nothing, correlated)


def test_all_there() -> None:
    look = landed(Counter({FIRST: 2, SECOND: 1}), Counter({FIRST: 2, SECOND: 1}), correlated=2)
    assert (look.changes.landed, look.lost, look.duplicated, look.correlated_share) == (3, 0, 0, 0.6667)


def test_one_lost_and_another_doubled_do_not_cancel_out() -> None:
    look = landed(Counter([FIRST, SECOND]), Counter([FIRST, FIRST]))
    assert (look.changes.landed, look.lost, look.duplicated) == (1, 1, 1)


def test_a_row_changed_twice_in_a_transaction_must_land_twice() -> None:
    assert landed(Counter({FIRST: 2}), Counter({FIRST: 1})).lost == 1


def test_what_never_happened_counts_as_too_much() -> None:
    assert landed(Counter(), Counter([FIRST])).duplicated == 1


def test_what_is_missing_is_named() -> None:
    assert landed(Counter([SECOND]), Counter()).missing() == (
        "1 row changes and 0 log lines have not landed: forecast.inputs u b in transaction 7"
    )
