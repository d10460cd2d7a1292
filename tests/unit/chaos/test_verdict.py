"""Planted losses, doubles, misorders, gaps, wrong joins and silences are found, and nothing else is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from chaos.intents import NOBODYS, Intent
from chaos.verdict import Facts, GapRow, Ledger, Link, Loss, judge, misordered

from clearsight.coverage import EVERY_CHANGE
from clearsight.demo.truth import Change

pytestmark = pytest.mark.unit

FIRST, SECOND, THIRD, FOURTH = (Change(txid, "forecast.inputs", "u", "i1") for txid in (7, 9, 8, 10))
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOPIC = "clearsight.forecast.inputs"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


ANN, BOB = Intent("c-1", "ann"), Intent("c-2", "bob")
LEDGER = Ledger(
    [FIRST, SECOND, THIRD, FOURTH],
    Counter("abc"),
    {7: at(0), 9: at(100), 8: at(200), 10: at(300)},
    {7: ANN, 9: NOBODYS, 8: ANN, 10: BOB},
)
MISSED = GapRow(EVERY_CHANGE, "began anew", at(211), at(190), at(210), of_offsets=False)
DELETED = GapRow(TOPIC, "retention", at(211), at(0.5), at(300), of_offsets=True)
TRUE = Facts(
    changes=LEDGER.committed,
    timelines={"s1": [FIRST, THIRD], "s2": [SECOND, FOURTH]},
    lines=Counter("abc"),
    gaps=[],
    revisions={"e1": 1, "e2": 2},
    published={"e1": 1, "e2": 2},
    links=[Link("e1", 7, ANN), Link("e2", 9, NOBODYS)],
)
ZEROS = dict.fromkeys(
    ("lost", "duplicated", "misordered", "unexplained_gaps", "mislinked", "pending", "unpublished", "covered_by_gaps"),
    0,
)


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
        (replace(TRUE, gaps=[MISSED]), {"unexplained_gaps": 1}),
        (replace(TRUE, published={"e1": 1, "e2": 1}), {"unpublished": 1}),
        (replace(TRUE, published={"e2": 2}), {"unpublished": 1}),
        (replace(TRUE, links=[Link("e1", 7, BOB)]), {"mislinked": 1}),
        (replace(TRUE, links=[Link("e1", 7, ANN._replace(user_id=None))]), {"mislinked": 1}),
        (replace(TRUE, links=[Link("e1", 7, NOBODYS), Link("e2", 9, BOB)]), {"mislinked": 2}),
        (replace(TRUE, links=[Link("e1", 11, ANN)]), {"mislinked": 1}),
        (replace(TRUE, pending=["e1"]), {"pending": 1}),
    ],
)
def test_what_was_planted_is_found(facts: Facts, found: dict[str, int]) -> None:
    verdict = judge(LEDGER, facts)
    assert verdict.figures() == {"events": 7, **ZEROS, **found}
    assert not verdict.exact
    assert len(verdict.complaints()) == sum(found.values())


WITHOUT_THIRD = replace(TRUE, changes=[FIRST, SECOND, FOURTH], timelines={})


@pytest.mark.parametrize(
    ("gap", "loss"),
    [(MISSED, Loss(EVERY_CHANGE, at(195), at(208))), (DELETED, Loss(TOPIC, at(195), at(208)))],
)
def test_what_a_fault_must_lose_is_covered_by_its_gap(gap: GapRow, loss: Loss) -> None:
    verdict = judge(LEDGER, replace(WITHOUT_THIRD, gaps=[gap]), [loss])
    assert verdict.figures() == {"events": 7, **ZEROS, "covered_by_gaps": 1}
    assert verdict.exact


@pytest.mark.parametrize(
    ("gap", "loss", "found"),
    [
        (MISSED, Loss(EVERY_CHANGE, at(20), at(40)), {"lost": 1, "unexplained_gaps": 1}),  # of another time
        (MISSED, Loss(TOPIC, at(195), at(208)), {"lost": 1, "unexplained_gaps": 1}),  # of something else
        (replace(MISSED, after=at(100)), Loss(EVERY_CHANGE, at(195), at(208)), {"lost": 1, "unexplained_gaps": 1}),
        (replace(MISSED, before=None), Loss(EVERY_CHANGE, at(195), at(208)), {"lost": 1, "unexplained_gaps": 1}),
        (replace(MISSED, after=at(201)), Loss(EVERY_CHANGE, at(195), at(208)), {"lost": 1}),  # it does not cover it
        (
            replace(DELETED, topic="clearsight.forecast.runs"),
            Loss("clearsight.forecast.runs", at(195), at(208)),
            {"lost": 1},
        ),
    ],
)
def test_a_gap_of_another_time_or_thing_covers_nothing(gap: GapRow, loss: Loss, found: dict[str, int]) -> None:
    verdict = judge(LEDGER, replace(WITHOUT_THIRD, gaps=[gap]), [loss])
    assert verdict.figures() == {"events": 7, **ZEROS, **found}
    assert not verdict.exact


def test_a_row_changed_twice_in_a_transaction_is_in_order() -> None:
    assert misordered([FIRST, FIRST, SECOND], [FIRST, FIRST, SECOND]) == []


def test_the_one_that_moved_is_named() -> None:
    (place,) = misordered(LEDGER.committed, [FOURTH, FIRST, SECOND, THIRD])
    assert place.change == FOURTH


def test_what_was_never_committed_is_no_question_of_order() -> None:
    never = Change(99, "forecast.inputs", "u", "i1")
    assert misordered(LEDGER.committed, [never, *LEDGER.committed, never]) == []
