"""Planted losses, doubles, misorders, gaps and silences are found, and nothing else is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from chaos.verdict import Facts, Ledger, judge, misordered

from clearsight.demo.truth import Change

pytestmark = pytest.mark.unit

FIRST, SECOND, THIRD, FOURTH = (Change(txid, "forecast.inputs", "u", "i1") for txid in (7, 9, 8, 10))
LEDGER = Ledger([FIRST, SECOND, THIRD, FOURTH], Counter("abc"))
TRUE = Facts(
    changes=LEDGER.committed,
    timelines={"s1": [FIRST, THIRD], "s2": [SECOND, FOURTH]},
    lines=Counter("abc"),
    gaps=[],
    revisions={"e1": 1, "e2": 2},
    published={"e1": 1, "e2": 2},
)
ZEROS = {"lost": 0, "duplicated": 0, "misordered": 0, "unexplained_gaps": 0, "unpublished": 0}


def test_the_truth_is_exact() -> None:
    verdict = judge(LEDGER, TRUE)
    assert verdict.figures() == {"events": 7, **ZEROS}
    assert verdict.exact
    assert verdict.complaints() == []


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        (replace(TRUE, changes=[FIRST, SECOND, FOURTH]), {"lost": 1}),
        (replace(TRUE, lines=Counter("ac")), {"lost": 1}),
        (replace(TRUE, changes=[FIRST, SECOND, SECOND, THIRD, FOURTH]), {"duplicated": 1}),
        (replace(TRUE, lines=Counter("aabc")), {"duplicated": 1}),
        (replace(TRUE, lines=Counter("abcd")), {"duplicated": 1}),
        (replace(TRUE, changes=[FIRST, THIRD, SECOND, FOURTH]), {"misordered": 1}),
        (replace(TRUE, timelines={"s1": [THIRD, FIRST]}), {"misordered": 1}),
        (replace(TRUE, changes=[FIRST, FOURTH, THIRD]), {"lost": 1, "misordered": 1}),
        (replace(TRUE, gaps=["retention"]), {"unexplained_gaps": 1}),
        (replace(TRUE, published={"e1": 1, "e2": 1}), {"unpublished": 1}),
        (replace(TRUE, published={"e2": 2}), {"unpublished": 1}),
    ],
)
def test_what_was_planted_is_found(facts: Facts, found: dict[str, int]) -> None:
    verdict = judge(LEDGER, facts)
    assert verdict.figures() == {"events": 7, **ZEROS, **found}
    assert not verdict.exact
    assert len(verdict.complaints()) == sum(found.values())


def test_a_row_changed_twice_in_a_transaction_is_in_order() -> None:
    assert misordered([FIRST, FIRST, SECOND], [FIRST, FIRST, SECOND]) == []


def test_the_one_that_moved_is_named() -> None:
    (place,) = misordered(LEDGER.committed, [FOURTH, FIRST, SECOND, THIRD])
    assert place.change == FOURTH


def test_what_was_never_committed_is_no_question_of_order() -> None:
    never = Change(99, "forecast.inputs", "u", "i1")
    assert misordered(LEDGER.committed, [never, *LEDGER.committed, never]) == []
