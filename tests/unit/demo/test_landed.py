"""Lost and doubled, as sets with how often."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from clearsight.demo.landed import Comparison, Landed, wait_until_landed
from clearsight.demo.truth import Change, Mark

pytestmark = pytest.mark.unit

FIRST = Change(7, "forecast.inputs", "u", "a")
SECOND = Change(7, "forecast.inputs", "u", "b")


def landed(expected: Counter[Change], found: Counter[Change], correlated: int = 0, pending: int = 0) -> Landed:
    nothing: Comparison[str] = Comparison(Counter(), Counter())
    return Landed(Comparison(expected, found), nothing, correlated, pending)


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


EVERYTHING = Counter([FIRST, SECOND])


class Facts:
    """Truth and reporting database in one; each look takes a second and finds what has landed by then. The context of
    a change lands in second `context_s`."""

    def __init__(self, *looks: Counter[Change], context_s: int = 0) -> None:
        self._looks = list(looks)
        self._context_s = context_s
        self.now_s = 0.0

    def changes(self, since: Mark) -> Counter[Change]:
        return EVERYTHING

    def log_lines(self, since: Mark) -> Counter[str]:
        return Counter()

    def look(self, *_: Any) -> Landed:
        self.now_s += 1
        found = self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]
        return landed(EVERYTHING, found, pending=int(self.now_s < self._context_s))


def waited(facts: Any, timeout_s: float) -> Landed:
    return wait_until_landed(
        facts, facts, Mark(0, 0, 0), timeout_s, lambda landed: None, poll_s=0, clock_s=lambda: facts.now_s
    )


def test_it_waits_as_long_as_more_lands() -> None:
    slow = [Counter[Change]()] * 3 + [Counter([FIRST])] * 3 + [EVERYTHING]
    assert waited(Facts(*slow), timeout_s=5).lost == 0


def test_it_gives_up_when_nothing_more_lands() -> None:
    assert waited(Facts(Counter([FIRST])), timeout_s=5).lost == 1


def test_it_waits_while_a_change_waits_for_its_context() -> None:
    assert waited(Facts(EVERYTHING, context_s=4), timeout_s=60).pending == 0


def test_it_gives_up_on_a_context_that_does_not_come() -> None:
    assert waited(Facts(EVERYTHING, context_s=1_000), timeout_s=5).lost == 0
