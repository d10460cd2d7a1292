"""State changes of a scenario, from its lifecycle columns and its status column."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple
from uuid import UUID

from clearsight.events import RowChange, SnapshotRow
from clearsight.identity import event_id, id_time_ms, transition_id
from clearsight.instants import parse_us
from clearsight.mapping import ScenarioTable

HowKnown = Literal["column", "status", "snapshot"]


class Transition(NamedTuple):
    event_id: UUID
    occurred_us: int
    to_state: str
    from_state: str | None
    how_known: HowKnown


def transitions(change: RowChange, source: str) -> list[Transition]:
    """The states that a scenario's row change entered.

    A lifecycle column that was empty before and holds a time now is a transition at that time. A status that no lifecycle
    column of the same change explains is one at the commit time.
    """
    table = change.mapped
    if not isinstance(table, ScenarioTable) or change.after is None:
        return []
    before = change.before or {}
    entered = [
        transition
        for state, column in table.lifecycle.items()
        if parse_us(before.get(column)) is None
        for transition in _entered(change.after, state, column, change.row_key, table.table, source, "column")
    ]
    status, status_before = _status(change.after, table), _status(before, table)
    explained = {transition.to_state for transition in entered}
    if (
        status
        and status != status_before
        and status not in table.lifecycle
        and status not in explained
        and status_before
    ):
        identity = event_id(id_time_ms(change.occurred_us), change.event_id, "status")
        entered.append(Transition(identity, change.occurred_us, status, status_before, "status"))
    return sorted(entered, key=lambda transition: (transition.occurred_us, transition.event_id))


def snapshot_transitions(row: SnapshotRow, source: str) -> list[Transition]:
    """The states that a snapshot's image shows to have been entered. A status column shows a state, never a transition."""
    table = row.mapped
    if not isinstance(table, ScenarioTable):
        return []
    return [
        transition
        for state, column in table.lifecycle.items()
        for transition in _entered(row.image, state, column, row.row_key, table.table, source, "snapshot")
    ]


def _entered(
    image: dict[str, Any], state: str, column: str, key: str, table: str, source: str, how: HowKnown
) -> list[Transition]:
    time_us = parse_us(image.get(column))
    if time_us is None:
        return []
    identity = transition_id(id_time_ms(time_us), source, table, key, column, str(time_us))
    return [Transition(identity, time_us, state, None, how)]


def _status(image: dict[str, Any], table: ScenarioTable) -> str | None:
    value = image.get(table.status) if table.status else None
    return None if value is None else str(value)
