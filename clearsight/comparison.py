"""Two runs' inputs side by side: what was added, removed and changed between the values pinned at their starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Literal

from clearsight.anomaly import same

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class PinnedInput:
    """An input as a run found it. `row_key` is the key of its row, as text."""

    row_key: str
    node: str | None
    name: str | None
    value: Any
    event_id: str | None = None
    """Of the change that gave it this value; null: it has this value since before the capture began."""

    @property
    def slot(self) -> tuple[str, str]:
        """What identifies the input for people: removed and added again it is still the same one."""
        return (self.node or "", self.name or self.row_key)


@dataclass(frozen=True, slots=True)
class Difference:
    kind: Kind
    node: str | None
    name: str | None
    row_key: str
    old: Any
    new: Any


def pins(inputs_at_start: Mapping[str, Mapping[str, Any]]) -> list[PinnedInput]:
    """Of the stored snapshot {row_key: {"node", "name", "value", "event_id"}}, in no order."""
    return [
        PinnedInput(row_key, entry.get("node"), entry.get("name"), entry.get("value"), entry.get("event_id"))
        for row_key, entry in inputs_at_start.items()
    ]


def pinned(inputs_at_start: Mapping[str, Mapping[str, Any]]) -> list[PinnedInput]:
    """The same, by node and name."""
    return sorted(pins(inputs_at_start), key=lambda each: (*each.slot, each.row_key))


def differences(before: Iterable[PinnedInput], after: Iterable[PinnedInput]) -> list[Difference]:
    """What differs, by node and name. Inputs with equal values are left out."""
    old, new = _by_slot(before), _by_slot(after)
    found = [
        difference
        for slot in old.keys() | new.keys()
        for was, now in _pairs(old.get(slot, []), new.get(slot, []))
        if (difference := _difference(was, now)) is not None
    ]
    return sorted(found, key=lambda each: (each.node or "", each.name or each.row_key, each.row_key))


def _by_slot(inputs: Iterable[PinnedInput]) -> dict[tuple[str, str], list[PinnedInput]]:
    found: dict[tuple[str, str], list[PinnedInput]] = {}
    for each in inputs:
        found.setdefault(each.slot, []).append(each)
    return found


def _pairs(
    before: list[PinnedInput], after: list[PinnedInput]
) -> Iterator[tuple[PinnedInput | None, PinnedInput | None]]:
    """Of one node and name: the same row with itself; what remains, removed and added again, in the order of row keys."""
    if len(before) <= 1 and len(after) <= 1:
        yield (before[0] if before else None, after[0] if after else None)
        return
    old, new = ({each.row_key: each for each in inputs} for inputs in (before, after))
    yield from ((old[key], new[key]) for key in old.keys() & new.keys())
    yield from zip_longest(
        (old[key] for key in sorted(old.keys() - new.keys())), (new[key] for key in sorted(new.keys() - old.keys()))
    )


def _difference(was: PinnedInput | None, now: PinnedInput | None) -> Difference | None:
    if was is not None and now is not None:
        if same(was.value, now.value):
            return None
        return Difference("changed", now.node, now.name, now.row_key, was.value, now.value)
    if now is not None:
        return Difference("added", now.node, now.name, now.row_key, None, now.value)
    return None if was is None else Difference("removed", was.node, was.name, was.row_key, was.value, None)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run, as far as it is compared."""

    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    category: str | None
    error_type: str | None
    error_message: str | None
    failing_node: str | None
    log_warnings: int
    log_errors: int


@dataclass(frozen=True, slots=True)
class ErrorDelta:
    """What the later run's error has that the earlier one's had not; all null or 0 where both ended alike."""

    category: str | None
    error_type: str | None
    error_message: str | None
    failing_node: str | None
    log_warnings: int
    """More warnings than before; negative: fewer."""
    log_errors: int


@dataclass(frozen=True, slots=True)
class RunDelta:
    time_gap_ms: int | None
    """From the end of the earlier run (its start, where the end is not known) to the start of the later one."""
    duration_ms: int | None
    """Longer than before; negative: shorter; null: one is not known."""
    duration_ratio: float | None
    error: ErrorDelta


def run_delta(before: Ran, after: Ran) -> RunDelta:
    ended = before.finished_at or before.started_at
    gap = None if ended is None or after.started_at is None else (after.started_at - ended) // timedelta(milliseconds=1)
    longer, ratio = None, None
    if before.duration_ms is not None and after.duration_ms is not None:
        longer = after.duration_ms - before.duration_ms
        ratio = round(after.duration_ms / before.duration_ms, 3) if before.duration_ms else None
    return RunDelta(gap, longer, ratio, _error_delta(before, after))


def _error_delta(before: Ran, after: Ran) -> ErrorDelta:
    def new(was: str | None, now: str | None) -> str | None:
        return now if now != was else None

    return ErrorDelta(
        category=new(before.category, after.category),
        error_type=new(before.error_type, after.error_type),
        error_message=new(before.error_message, after.error_message),
        failing_node=new(before.failing_node, after.failing_node),
        log_warnings=after.log_warnings - before.log_warnings,
        log_errors=after.log_errors - before.log_errors,
    )
