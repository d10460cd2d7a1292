"""Two runs' inputs side by side: what was added, removed and changed between the values pinned at their starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
