"""How unusual a change of one value is, against the values that healthy runs had. Knows no application."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

Kind = Literal[
    "healthy_value", "healthy_range", "peer_range", "usual_step", "small_step",
    "zero", "negative", "type", "missing", "not_finite", "magnitude", "size", "beyond",
]  # fmt: skip
HARMLESS: frozenset[Kind] = frozenset({"healthy_value", "healthy_range", "peer_range", "usual_step", "small_step"})
"""These speak for a value, the others against it."""

SMALL_STEP = 0.5
"""A relative change below this is small."""
LEAST_DECADES = 0.5
"""A jump below this many powers of ten is no jump."""
ENOUGH = 3
"""So many different healthy values make a range that means something."""
LONGEST_LIST = 200
"""Entries of a list beyond these are not looked at one by one."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that speaks for or against a value."""

    kind: Kind
    text: str
    decades: float = 0.0
    """The power of ten of a jump, negative downwards."""
    among: int = 0
    """Of `beyond`: how many different healthy values it lies beyond."""


@dataclass(frozen=True, slots=True)
class History:
    """Values of one input in healthy runs, oldest first; those of other scenarios apart, for their scale may differ."""

    own: Sequence[Any] = ()
    peers: Sequence[Any] = ()
    in_time: bool = True
    """One value a run. False: entries of lists, which follow each other within a run."""


def signs(old: Any, new: Any, history: History) -> list[Sign]:
    """What can be said of `old` → `new`, each kind once.

    Values are as the source's rows show them: numbers as text or numbers, JSON as text. None is an absent value.
    """
    if new is not None and any(same(new, value) for value in history.own):
        return [Sign("healthy_value", f"a healthy run of this scenario had the same value, {shown(new)}")]
    if _empty(new):
        return [] if _empty(old) else [Sign("missing", f"it was {shown(old)} and is now empty")]
    was, now = number(old), number(new)
    if now is not None:
        return _numeric(old, was, now, history)
    document = _document(new)
    if document is not None:
        return _nested(old, document, history)
    if was is not None:
        return [Sign("type", f"it was a number ({shown(old)}) and is now {shown(new)}")]
    if any(same(new, value) for value in history.peers):
        return [Sign("peer_range", f"healthy runs of other scenarios had {shown(new)} too")]
    return [] if old is None else _longer(len(str(old)), len(str(new)), "characters")


def _numeric(old: Any, was: float | None, now: float, history: History) -> list[Sign]:
    own, peers = _numbers(history.own), _numbers(history.peers)
    if not math.isfinite(now):
        return [Sign("not_finite", f"{shown(now)} is not a finite number")]
    found: list[Sign] = []
    if was is None and not _empty(old):
        found.append(Sign("type", f"it was {shown(old)} and is now a number ({shown(now)})"))
    place = _place(now, own, peers)
    extreme = _extreme(was, now, own + peers)
    if extreme:
        return [*found, extreme, *(sign for sign in place if sign.kind == "beyond")]
    kinds = {sign.kind for sign in place}
    usual = "healthy_range" in kinds or (not history.in_time and "peer_range" in kinds)
    found += [*place, *([] if usual else _jump(was, now))]
    return found if "beyond" in kinds or was is None else found + _step(was, now, own if history.in_time else [])


def _extreme(was: float | None, now: float, healthy: list[float]) -> Sign | None:
    if now == 0 and was != 0 and 0.0 not in healthy:
        return Sign("zero", "it is now zero; no healthy run had that")
    if now < 0 and (was is None or was >= 0) and not any(each < 0 for each in healthy):
        return Sign("negative", f"it is now negative ({shown(now)}); no healthy run had that")
    return None


def _place(now: float, own: list[float], peers: list[float]) -> list[Sign]:
    """Where the value stands among those that healthy runs had."""
    if own and min(own) <= now <= max(own):
        spread = f"{shown(min(own))} to {shown(max(own))}"
        return [Sign("healthy_range", f"it is within what healthy runs of this scenario had ({spread})")]
    healthy = own + peers
    different = len(set(healthy))
    if different < ENOUGH:
        return []
    low, high = min(healthy), max(healthy)
    if low <= now <= high:
        return [
            Sign("peer_range", f"it is within what healthy runs of all scenarios had ({shown(low)} to {shown(high)})")
        ]
    side = f"above {shown(high)}" if now > high else f"below {shown(low)}"
    return [Sign("beyond", f"none of {different} values in healthy runs was {side}", among=different)]


def _jump(was: float | None, now: float) -> list[Sign]:
    if not was or not now or not math.isfinite(was):
        return []
    decades = math.log10(abs(now)) - math.log10(abs(was))
    if abs(decades) < LEAST_DECADES:
        return []
    factor = float(f"{10 ** min(abs(decades), 300):.3g}")
    return [Sign("magnitude", f"it became {shown(factor)} times {'larger' if decades > 0 else 'smaller'}", decades)]


def _step(was: float, now: float, own: list[float]) -> list[Sign]:
    """How the step compares with those that healthy runs of the scenario took."""
    step = _relative(was, now)
    usual = max((_relative(a, b) for a, b in pairwise(own)), default=0.0)
    if usual and step <= usual:
        return [Sign("usual_step", "healthy runs of this scenario followed changes of the same size")]
    if step < SMALL_STEP:
        return [Sign("small_step", f"it is a small change ({shown(was)} → {shown(now)})")]
    return []


def _relative(was: float, now: float) -> float:
    return abs(now - was) / abs(was) if was else math.inf if now else 0.0


def _nested(old: Any, now: Any, history: History) -> list[Sign]:
    """Signs of a JSON value by its leaves, an entry of a list compared with all entries of healthy lists."""
    was = _document(old)
    if was is None or isinstance(was, list) is not isinstance(now, list):
        return [] if _empty(old) else [Sign("type", f"it was {shown(old)} and is now {shown(now)}")]
    own, peers = _documents(history.own), _documents(history.peers)
    before, own_leaves, peer_leaves = dict(_leaves(was)), _pooled(own), _pooled(peers)
    found = _entries(was, now, own + peers)
    for path, after in _leaves(now):
        if path in before and same(before[path], after):
            continue
        place = _general(path)
        seen = History(own_leaves.get(place, ()), peer_leaves.get(place, ()), in_time=place == path)
        for sign in signs(before.get(path), after, seen):
            among = sign.among if seen.in_time else min(sign.among, len(own) + len(peers))
            found.append(replace(sign, text=f"{path}: {sign.text}", among=among))
    return _strongest(found)


def _entries(was: Any, now: Any, healthy: list[Any]) -> list[Sign]:
    """The length of a list and the keys of an object, where all healthy values agreed on them."""
    past = [was, *healthy]
    if isinstance(now, list):
        lengths = {len(each) for each in past if isinstance(each, list)}
        unusual = [
            Sign(
                "beyond",
                f"it has {len(now)} entries; healthy runs had {min(lengths)} to {max(lengths)}",
                among=len(past),
            )
        ]
        return [
            *(unusual if len(now) not in range(min(lengths), max(lengths) + 1) else []),
            *_longer(len(was), len(now), "entries"),
        ]
    lost = [key for key in was if key not in now]
    return [Sign("missing", f"{', '.join(map(str, lost))} is no longer in it")] if lost else []


def _strongest(found: list[Sign]) -> list[Sign]:
    """What speaks against the value, each kind once by its largest jump; only where nothing does, what speaks for it."""
    against = [sign for sign in found if sign.kind not in HARMLESS]
    best: dict[Kind, Sign] = {}
    for sign in against or found:
        if sign.kind not in best or abs(sign.decades) > abs(best[sign.kind].decades):
            best[sign.kind] = sign
    return list(best.values())


def _document(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return value
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _documents(values: Iterable[Any]) -> list[Any]:
    return [each for each in map(_document, values) if each is not None]


def _leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        parts = [(f"{path}.{key}" if path else str(key), each) for key, each in value.items()]
    elif isinstance(value, list):
        parts = [(f"{path}[{index}]", each) for index, each in enumerate(value[:LONGEST_LIST])]
    else:
        return [(path, value)]
    return [leaf for prefix, each in parts for leaf in _leaves(each, prefix)]


def _general(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


def _pooled(documents: list[Any]) -> dict[str, list[Any]]:
    pooled: dict[str, list[Any]] = {}
    for document in documents:
        for path, leaf in _leaves(document):
            pooled.setdefault(_general(path), []).append(leaf)
    return pooled


def _longer(was: int, now: int, what: str) -> list[Sign]:
    if not was or not now or math.log10(now / was) < LEAST_DECADES:
        return []
    return [Sign("size", f"it grew from {was} to {now} {what}", math.log10(now / was))]


def number(value: Any) -> float | None:
    """The value as a number, also where it is written as text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, str) and ("_" in value or not value.strip()):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _numbers(values: Iterable[Any]) -> list[float]:
    return [each for each in map(number, values) if each is not None and math.isfinite(each)]


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, numbers by what they count, not by how they are written."""
    if one is None or other is None:
        return one is other
    if one == other:
        return True
    a, b = number(one), number(other)
    return a is not None and a == b


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def shown(value: Any) -> str:
    """A value as people read it, at most 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, float):
        text = f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split()) or "“”"
    return text if len(text) <= 60 else text[:59] + "…"
