"""What a user did, told from a row change."""

from __future__ import annotations

from typing import Any, NamedTuple

from clearsight.events import RowChange
from clearsight.instants import parse_us
from clearsight.mapping import InputTable, RunTable, ScenarioTable
from clearsight.unavailable import is_unavailable, known

_INPUT_TEXTS = {
    "c": ("input.added", "{place} = {new}"),
    "u": ("input.changed", "{place}: {old} → {new}"),
    "d": ("input.removed", "{place} (was {old})"),
}
_WITHOUT_OLD = _INPUT_TEXTS | {"u": ("input.changed", "{place} → {new}"), "d": ("input.removed", "{place}")}
"""Where the source does not tell what a row held before."""


class Action(NamedTuple):
    name: str
    details: dict[str, Any]


def action_of(change: RowChange) -> Action | None:
    """The action behind a change; None where the service made it, not a user (a run that ends, results of nodes)."""
    match change.mapped:
        case ScenarioTable() as table:
            return _scenario_action(change, table)
        case InputTable() as table:
            return _input_action(change, table)
        case RunTable() if change.op == "c":
            return Action("run.started", {"label": f"run {change.row_key}"})
        case _:
            return None


def changed_columns(before: dict[str, Any] | None, after: dict[str, Any] | None) -> tuple[str, ...]:
    """Columns whose value differs between both images, sorted; () where one is missing: nothing to compare."""
    if before is None or after is None:
        return ()
    differing = [column for column, value in after.items() if before.get(column) != value]
    if before.keys() != after.keys():
        differing += [column for column in before.keys() - after.keys() if before[column] is not None]
    return tuple(sorted([column for column in differing if _is_told(after, column) and _is_told(before, column)]))


def _is_told(image: dict[str, Any], column: str) -> bool:
    return not is_unavailable(image.get(column))


def input_value(image: dict[str, Any] | None, table: InputTable) -> Any:
    """An input's value: the first of its value columns that is not null."""
    if image is None:
        return None
    for column in table.value:
        value = image.get(column)
        if value is not None and not is_unavailable(value):
            return value
    return None


def _scenario_action(change: RowChange, table: ScenarioTable) -> Action | None:
    image = known(change.after or change.before or {})
    name = image.get(table.name) if table.name else None
    label = f"“{name}”" if name is not None else change.row_key
    if change.op in ("c", "d"):
        return Action("scenario.created" if change.op == "c" else "scenario.deleted", {"label": label})
    if change.op != "u":
        return None
    entered = _newest_state(change, table)
    columns = {column: [(change.before or {}).get(column), image.get(column)] for column in change.changed}
    verb = entered if entered else "updated"
    label = f"{label}: {', '.join(change.changed)}" if change.changed else label
    return Action(f"scenario.{verb}", {"label": label, "columns": columns})


def _newest_state(change: RowChange, table: ScenarioTable) -> str | None:
    """The lifecycle state that this update entered, the latest where it entered several."""
    entered = [
        (time_us, state)
        for state, column in table.lifecycle.items()
        if column in change.changed and (time_us := parse_us((change.after or {}).get(column))) is not None
    ]
    return max(entered)[1] if entered else None


def _input_action(change: RowChange, table: InputTable) -> Action | None:
    if change.op not in _INPUT_TEXTS:
        return None
    image = change.after or change.before or {}
    name = image.get(table.name) if table.name else None
    if is_unavailable(name):
        name = None
    old, new = input_value(change.before, table), input_value(change.after, table)
    if change.op == "u" and not all(_is_told(image, column) for column in table.value):
        return None
    if change.op == "u" and change.before is not None and old == new:
        return None
    place = ".".join([str(part) for part in (change.node, name) if part is not None]) or change.row_key
    told = change.op == "c" or (table.replica_identity == "full" and change.before is not None)
    verb, label = (_INPUT_TEXTS if told else _WITHOUT_OLD)[change.op]
    details = {"label": label.format(place=place, old=old, new=new), "name": name, "old": old, "new": new}
    return Action(verb, details)
