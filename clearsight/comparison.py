"""Two runs' inputs side by side: what was added, removed and changed between the values pinned at their starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
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


def pinned(inputs_at_start: Mapping[str, Mapping[str, Any]]) -> list[PinnedInput]:
    """The stored snapshot {row_key: {"node", "name", "value", "event_id"}}, by node and name."""
    inputs = [
        PinnedInput(
            row_key=row_key,
            node=entry.get("node"),
            name=entry.get("name"),
            value=entry.get("value"),
            event_id=entry.get("event_id"),
        )
        for row_key, entry in inputs_at_start.items()
    ]
    return sorted(inputs, key=lambda each: (*each.slot, each.row_key))


def differences(before: list[PinnedInput], after: list[PinnedInput]) -> list[Difference]:
    """What differs, by node and name. Inputs with equal values are left out."""
    old = {each.slot: each for each in before}
    new = {each.slot: each for each in after}
    found = []
    for slot in sorted(old.keys() | new.keys()):
        was, now = old.get(slot), new.get(slot)
        if was is None and now is not None:
            found.append(Difference("added", now.node, now.name, now.row_key, None, now.value))
        elif now is None and was is not None:
            found.append(Difference("removed", was.node, was.name, was.row_key, was.value, None))
        elif was is not None and now is not None and not same(was.value, now.value):
            found.append(Difference("changed", now.node, now.name, now.row_key, was.value, now.value))
    return found


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
