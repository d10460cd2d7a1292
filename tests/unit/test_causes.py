"""The verdict, on generated stories of an application that the rules do not know."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.case import (
    Case,
    CommittedTransaction,
    ErrorText,
    HealthyRun,
    NodeActivity,
    RunFacts,
    ValueChange,
)
from clearsight.causes import explain

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
NODES = ("intake", "mix", "kiln", "pack")
SLOTS = {
    ("intake", "tons"): lambda dice: f"{dice.uniform(40, 400):.1f}",
    ("intake", "supplier"): lambda dice: dice.choice(["north", "south", "east"]),
    ("mix", "ratio"): lambda dice: f"{dice.uniform(0.1, 0.9):.3f}",
    ("mix", "steps"): lambda dice: str(dice.randint(5, 60)),
    ("kiln", "degrees"): lambda dice: str(dice.randint(700, 1400)),
    ("kiln", "passes"): lambda dice: str(dice.randint(1, 8)),
    ("kiln", "curve"): lambda dice: json.dumps([dice.randint(100, 900) for _ in range(6)]),
    ("pack", "per_box"): lambda dice: str(dice.randint(6, 48)),
    ("pack", "label"): lambda dice: dice.choice(["plain", "gift"]),
}


@dataclass(frozen=True)
class Fault:
    category: str
    slot: tuple[str, str]
    value: str
    error_type: str
    message: str
    out_of_band: bool = False


def faults(dice: random.Random) -> dict[str, Fault]:
    tons = str(-dice.randint(5, 300))
    return {
        "timeout": Fault(
            "timeout", ("mix", "steps"), str(dice.randint(2, 90) * 100_000), "DeadlineExceeded", "no answer after 30 s"
        ),
        "validation, negative": Fault(
            "validation", ("intake", "tons"), tons, "BadValue", f"tons must not be below 0 but is {tons}"
        ),
        "validation, type": Fault("validation", ("kiln", "degrees"), "hot", "BadValue", "cannot read a number"),
        "calculation": Fault("calculation", ("pack", "per_box"), "0", "ArithmeticException", "/ by zero"),
        "out of band": Fault(
            "validation", ("kiln", "passes"), "-3", "BadValue", "passes out of range", out_of_band=True
        ),
    }


def change(number: int, slot: tuple[str, str], old: str | None, new: str | None, *, out_of_band=False) -> ValueChange:
    return ValueChange(
        event_id=str(number),
        table="plant.settings",
        row_key="/".join(slot),
        tx_id=900 + number,
        node=slot[0],
        name=slot[1],
        old=old,
        new=new,
        user=None if out_of_band else f"user {number}",
        occurred_at=START + timedelta(minutes=number),
        correlation_id=None if out_of_band else f"c{number}",
        link="unlinked" if out_of_band else "correlated",
        order=(1, number, number, 1),
    )


def healthy_values(dice: random.Random) -> dict[tuple[str, str], str]:
    return {slot: make(dice) for slot, make in SLOTS.items()}


def story(seed: int, kind: str, order: list[int]) -> tuple[Case, str]:
    """A good run, a fault among harmless changes in this order, a failed run; returns it with the fault's change_key."""
    dice = random.Random(seed)
    fault = faults(dice)[kind]
    healthy = [HealthyRun(f"other {n}", False, healthy_values(dice)) for n in range(8)]
    good = healthy_values(dice)
    healthy.append(HealthyRun("good", True, good))
    harmless = dice.sample([slot for slot in SLOTS if slot != fault.slot], 4)
    edits = [(slot, SLOTS[slot](dice)) for slot in harmless] + [(fault.slot, fault.value)]
    changes = []
    for number, place in enumerate(order, start=1):
        slot, value = edits[place]
        changes.append(change(number, slot, good[slot], value, out_of_band=fault.out_of_band and slot == fault.slot))
    node = fault.slot[0]
    reached = NODES[: NODES.index(node) + 1]
    seeded = next(each for each in changes if each.slot == fault.slot)
    case = Case(
        run=RunFacts(
            "failed",
            "failed",
            START,
            START,
            fault.category,
            fault.error_type,
            f"{fault.error_type}: {fault.message}",
            node,
        ),
        last_good=RunFacts("good", "succeeded"),
        changes=changes,
        healthy=healthy,
        errors=[ErrorText(fault.message, True), ErrorText(f"{fault.error_type}\n  at {node}.run(line 12)", False)],
        activity=NodeActivity(reached, frozenset(reached[:-1])),
        healthy_activity=NodeActivity(NODES, frozenset(NODES)),
    )
    return case, seeded.change_key


KINDS = ["timeout", "validation, negative", "validation, type", "calculation", "out of band"]


@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.permutations(range(5)), st.permutations(range(5)))
def test_the_seeded_change_is_the_cause_in_whatever_order_the_changes_came(seed, kind, one, other):
    first, seeded = story(seed, kind, one)
    second, seeded_again = story(seed, kind, other)
    found, again = explain(first), explain(second)
    assert found.verdict == again.verdict == "explained"
    assert found.cause
    assert again.cause
    assert found.cause.change_key == seeded
    assert again.cause.change_key == seeded_again
    assert found.cause.kind == ("out_of_band" if kind == "out of band" else "input_change")


@given(st.integers(0, 2**32), st.sampled_from(KINDS), st.permutations(range(5)))
def test_no_harmless_change_outranks_the_seeded_one_where_the_error_says_nothing(seed, kind, order):
    case, seeded = story(seed, kind, order)
    silent = replace(case, errors=[], run=replace(case.run, error_message=None))
    found = explain(silent)
    ranked = [each.change_key for each in found.candidates] + [each.change_key for each in found.ruled_out]
    assert ranked[0] == seeded


@given(st.integers(0, 2**32), st.permutations(range(5)))
def test_every_change_is_either_a_candidate_or_ruled_out_with_a_reason(seed, order):
    case, _ = story(seed, "timeout", order)
    found = explain(case)
    keys = [each.change_key for each in (*found.candidates, *found.ruled_out)]
    assert sorted(keys) == sorted(each.change_key for each in case.changes)
    assert all(each.reasons for each in found.ruled_out)
    assert sum(each.score for each in found.candidates) <= 1.0


def test_a_value_that_was_changed_back_is_ruled_out():
    case, seeded = story(1, "timeout", [0, 1, 2, 3, 4])
    slot, old = ("pack", "label"), "plain"
    there, back = change(20, slot, old, "gift"), change(21, slot, "gift", old)
    found = explain(replace(case, changes=[*[each for each in case.changes if each.slot != slot], there, back]))
    assert found.cause
    assert found.cause.change_key == seeded
    assert any("changed back" in reason for each in found.ruled_out for reason in each.reasons)


def test_of_several_changes_of_one_input_the_last_that_gave_its_value_counts_against_the_good_value():
    case, _ = story(1, "calculation", [0, 1, 2, 3, 4])
    seeded = next(each for each in case.changes if each.new == "0")
    before = replace(seeded, old=seeded.old, new="24", order=(1, 0, 0, 1), tx_id=800)
    touched = replace(seeded, old="0", new="0.0", order=(1, 99, 99, 1), tx_id=999)
    found = explain(
        replace(case, changes=[before, *(replace(e, old="24") if e is seeded else e for e in case.changes), touched])
    )
    assert found.cause
    assert found.cause.change_key == seeded.change_key
    top = found.candidates[0].change
    assert top
    assert (top.old, top.new) == (seeded.old, "0")


def deadlock(case: Case, **parties) -> Case:
    detail = "deadlock detected: Process 1 waits for ShareLock on transaction 5; blocked by process 2."
    run = replace(case.run, category="database", error_message="deadlock detected", failing_node="kiln")
    return replace(case, run=run, errors=[ErrorText(detail, True)], **parties)


@given(st.integers(0, 2**32), st.permutations(range(5)))
def test_the_committed_party_of_a_deadlock_outranks_every_input(seed, order):
    case, _ = story(seed, "out of band", order)
    party = CommittedTransaction(5, START, "c", "eve", ["kiln.passes: 1 → 2"])
    found = explain(deadlock(case, named_transactions=[party]))
    assert found.cause
    assert (found.cause.kind, found.cause.change_key, found.cause.node) == ("contention", "transaction/5", "kiln")


def test_a_deadlock_whose_party_is_not_captured_is_undecided_and_says_so():
    case, _ = story(3, "timeout", [0, 1, 2, 3, 4])
    found = explain(replace(deadlock(case), changes=[]))
    assert found.verdict == "undecided"
    assert "other party" in found.summary


def test_one_overlapping_transaction_is_enough_several_are_not():
    case, _ = story(3, "timeout", [0, 1, 2, 3, 4])
    one, two = CommittedTransaction(5, START, "c", "eve"), CommittedTransaction(6, START, "d", "mal")
    assert explain(replace(deadlock(case, overlapping_transactions=[one]), changes=[])).verdict == "explained"
    assert explain(replace(deadlock(case, overlapping_transactions=[one, two]), changes=[])).verdict == "undecided"


def test_out_of_band_alone_proves_nothing():
    case, _ = story(4, "timeout", [0, 1, 2, 3, 4])
    label = change(30, ("pack", "label"), "plain", "gift", out_of_band=True)
    found = explain(replace(case, changes=[label, change(31, ("intake", "supplier"), "north", "south")], errors=[]))
    assert found.verdict == "undecided"


def test_without_changes_it_says_where_not_to_look():
    case, _ = story(5, "timeout", [0, 1, 2, 3, 4])
    found = explain(replace(case, changes=[]))
    assert found.verdict == "undecided"
    assert "no input change" in found.summary


@pytest.mark.parametrize("outcome", ["succeeded", "running", None])
def test_a_run_that_did_not_fail_has_no_cause(outcome):
    found = explain(Case(RunFacts("r", outcome), None))
    assert (found.verdict, found.cause, found.candidates) == ("not_failed", None, [])
