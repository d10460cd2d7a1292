"""What speaks for and against one change being the cause of a failed run, weighed.

A weight is a log-odds: positive speaks for the change, negative against it. docs/decisions/0006 says how they were chosen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from clearsight.anomaly import History, Kind, Sign, number, signs
from clearsight.case import Case, ErrorText, HealthyRun, ValueChange

FAILING_NODE = 2.0
NAMED_NODE = 1.0
NODE_FINE = -0.5
NODE_NOT_REACHED = -2.0
QUALIFIED_NAME = 4.0
NAME = 2.5
NAME_IN_STACK = 1.0
VALUE = 2.0
COMMON_VALUE = 0.5
OUT_OF_BAND = 0.75
ONLY_DIFFERENCE = 1.5
DURING_RUN = -1.5
LOCK_CONFLICT = -3.0
LATEST = 0.3

_SIGN_WEIGHTS: dict[Kind, dict[str, float]] = {
    "healthy_value": {"": -4.0},
    "healthy_range": {"": -2.5},
    "peer_range": {"": -1.5},
    "usual_step": {"": -1.5},
    "small_step": {"": -1.0},
    "zero": {"": 1.0, "calculation": 2.5, "timeout": 0.5},
    "negative": {"": 1.0, "validation": 2.5, "calculation": 1.5},
    "type": {"": 1.5, "validation": 3.0, "calculation": 2.0},
    "missing": {"": 1.5, "validation": 2.5, "calculation": 2.0},
    "not_finite": {"": 3.0},
}
_PER_DECADE: dict[Kind, dict[str, float]] = {
    "magnitude": {"": 0.5, "timeout": 1.25},
    "size": {"": 0.5, "timeout": 1.25},
}
_DOWNWARDS = 0.6
"""Of a jump downwards: a finer step costs time too, but a smaller count is commoner."""
_MOST_DECADES = 5.0
_SURPRISE = 0.7
"""Of what lies beyond n values of its kind: one more of them would do so with probability 2 / (n + 1)."""


@dataclass(frozen=True, slots=True)
class Evidence:
    weight: float
    text: str


def evidence_of(change: ValueChange, old: Any, case: Case, *, lock_conflict: bool, only: bool) -> list[Evidence]:
    """Of a change whose input had the value `old` in the last good run; the most telling first."""
    found = [
        *_node(change, case),
        *_text(change, case.errors),
        *_value(change, old, case),
        *_circumstances(change, lock_conflict=lock_conflict, only=only),
    ]
    return sorted(found, key=lambda each: -abs(each.weight))


def _node(change: ValueChange, case: Case) -> Iterator[Evidence]:
    node, failing = change.node, case.run.failing_node
    if node is None or failing is None:
        return
    if node == failing:
        yield Evidence(FAILING_NODE, f"{node} is the node that failed")
        return
    if any(text.prominent and mentions(text.text, node) for text in case.errors):
        yield Evidence(NAMED_NODE, f"the error names node {node}")
    order, reached = list(case.healthy_activity.order), case.activity
    if reached.order and node not in reached.order:
        later = node in order and failing in order and order.index(node) > order.index(failing)
        when = f"; in the last good run it came after {failing}" if later else ""
        yield Evidence(NODE_NOT_REACHED, f"node {node} was not reached in this run{when}")
    elif node in reached.succeeded:
        yield Evidence(NODE_FINE, f"node {node} finished without an error in this run")


def _text(change: ValueChange, errors: Sequence[ErrorText]) -> Iterator[Evidence]:
    """The strongest mention of the input and the strongest of its value."""
    mentioned = [each for text in errors if (each := _mention(change, text))]
    if mentioned:
        yield max(mentioned, key=lambda each: each.weight)
    valued = [each for text in errors if text.prominent and (each := _quotes(change, text))]
    if valued:
        yield max(valued, key=lambda each: each.weight)


def _mention(change: ValueChange, error: ErrorText) -> Evidence | None:
    if not change.name or not mentions(error.text, change.name):
        return None
    if not error.prominent:
        return Evidence(NAME_IN_STACK, f"the stack or a warning names {change.name}")
    if change.node and mentions(error.text, f"{change.node}.{change.name}"):
        return Evidence(QUALIFIED_NAME, f"the error names {change.node}.{change.name}")
    return Evidence(NAME, f"the error names {change.name}")


def _quotes(change: ValueChange, error: ErrorText) -> Evidence | None:
    value = number(change.new)
    if value is not None:
        if not any(_equal(value, each) for each in _numbers(error.text)):
            return None
        common = value >= 0 and value == int(value) and value < 100
        return Evidence(COMMON_VALUE if common else VALUE, f"the error quotes the value {value:g}")
    if isinstance(change.new, str) and len(change.new.strip()) >= 3 and change.new.strip() in error.text:
        return Evidence(VALUE, "the error quotes the value")
    return None


def _value(change: ValueChange, old: Any, case: Case) -> Iterator[Evidence]:
    history = History(
        own=[run.values[change.slot] for run in case.healthy if run.same_scenario and change.slot in run.values],
        peers=[run.values[change.slot] for run in case.healthy if not run.same_scenario and change.slot in run.values],
    )
    for sign in signs(old, change.new, history):
        origin = _healthy_change(change, case.healthy) if sign.kind in ("healthy_range", "usual_step") else None
        text = f"{sign.text}; {origin}" if origin else sign.text
        yield Evidence(weight_of(sign, case.run.category), text)


def weight_of(sign: Sign, category: str | None) -> float:
    """A jump counts by its powers of ten, a value beyond all others by their number, a sign by the category of error."""
    if sign.kind == "beyond":
        return _SURPRISE * math.log((sign.among + 1) / 2)
    if sign.kind in _PER_DECADE:
        weights = _PER_DECADE[sign.kind]
        decades = min(abs(sign.decades), _MOST_DECADES) * (1.0 if sign.decades > 0 else _DOWNWARDS)
        return decades * weights.get(category or "", weights[""])
    weights = _SIGN_WEIGHTS[sign.kind]
    return weights.get(category or "", weights[""])


def _healthy_change(change: ValueChange, healthy: Sequence[HealthyRun]) -> str | None:
    """The newest healthy run of the scenario before which the same input was changed too."""
    own = [run for run in healthy if run.same_scenario and change.slot in run.values]
    for before, after in reversed(list(pairwise(own))):
        if before.values[change.slot] != after.values[change.slot]:
            by = f" by {after.origins[change.slot]}" if change.slot in after.origins else ""
            return f"the same input was changed{by} before healthy run {after.run_id}"
    return None


def _circumstances(change: ValueChange, *, lock_conflict: bool, only: bool) -> Iterator[Evidence]:
    if change.out_of_band:
        yield Evidence(OUT_OF_BAND, "it was changed out of band: no context came with its transaction")
    if only:
        yield Evidence(ONLY_DIFFERENCE, "it is the only value that differs from the last good run")
    if change.during_run:
        yield Evidence(DURING_RUN, "it was committed after the run had started; the run may not have read it")
    if lock_conflict:
        yield Evidence(LOCK_CONFLICT, "the error is a lock conflict between sessions, which no input value makes")


def mentions(text: str, name: str) -> bool:
    """Whether a text has this name as a word of its own; case and the separators _ - and space are alike."""
    return bool(name) and _word(name).search(text) is not None


@lru_cache(maxsize=4096)
def _word(name: str) -> re.Pattern[str]:
    words = r"[_\-\s]+".join(re.escape(part) for part in re.split(r"[_\-\s]+", name.strip()) if part)
    return re.compile(rf"(?<![A-Za-z0-9]){words}(?![A-Za-z0-9])", re.I)


@lru_cache(maxsize=256)
def _numbers(text: str) -> tuple[float, ...]:
    found = re.findall(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])", text)
    return tuple(each for each in map(number, found) if each is not None)


def _equal(one: float, other: float) -> bool:
    return abs(one - other) <= 1e-5 * max(abs(one), abs(other))
