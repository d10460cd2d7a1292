"""The ids that a batch names, each with a time that it was seen at (µs). Pure."""

from __future__ import annotations

from typing import NamedTuple

from clearsight.events import TransactionKey
from stream_processors.batch import Batch
from stream_processors.correlate import KnownContext

Seen = dict[str, int]


class Named(NamedTuple):
    """Each with the time of the first event in the batch that names it."""

    users: Seen
    scenarios: Seen
    runs: Seen
    scenario_of: dict[str, str]
    """Of runs whose rows tell it."""


def named(batch: Batch, contexts: dict[TransactionKey, KnownContext]) -> Named:
    """What a batch names, also through the contexts of its transactions."""
    changes, logs, attempts, snapshots = batch.changes[::-1], batch.logs[::-1], batch.attempts, batch.snapshots
    users: dict[str | None, int] = {
        **{log.line.user_id: log.occurred_us for log in logs},
        **{attempt.user_id: attempt.occurred_us for attempt in attempts},
        **{said.user_id: said.transaction.committed_us for said in (*batch.further, *batch.contexts.values())},
        **{context.user_id: key.committed_us for key, context in contexts.items()},
        **{change.row_key: change.occurred_us for change in changes if change.part == "user"},
        **{row.row_key: row.seen_us for row in snapshots if row.part == "user"},
    }
    scenarios: dict[str | None, int] = {
        **{log.line.scenario_id: log.occurred_us for log in logs},
        **{attempt.scenario_id: attempt.occurred_us for attempt in attempts},
        **{change.scenario_id: change.occurred_us for change in changes},
        **{row.scenario_id: row.seen_us for row in snapshots},
    }
    runs: dict[str | None, int] = {
        **{log.line.run_id: log.occurred_us for log in logs},
        **{change.run_id: change.occurred_us for change in changes},
        **{row.run_id: row.seen_us for row in snapshots},
    }
    of_runs = ((row.run_id, row.scenario_id) for row in batch.rows() if row.run_id)
    return Named(_ids(users), _ids(scenarios), _ids(runs), {run: scenario for run, scenario in of_runs if scenario})


def correlations(batch: Batch, contexts: dict[TransactionKey, KnownContext]) -> Seen:
    """Correlation ids, each with the earliest time of an event that has it."""
    seen: Seen = {}
    for attempt in batch.attempts:
        _note(seen, attempt.correlation_id, attempt.occurred_us)
    for key, context in contexts.items():
        for correlation_id in context.ids:
            _note(seen, correlation_id, key.committed_us)
    for change in batch.changes:
        if change.correlation_id:
            _note(seen, change.correlation_id, change.occurred_us)
    for log in batch.logs:
        if log.line.correlation_id:
            _note(seen, log.line.correlation_id, log.occurred_us)
    return seen


def _note(seen: Seen, correlation_id: str, time_us: int) -> None:
    before = seen.get(correlation_id)
    if before is None or time_us < before:
        seen[correlation_id] = time_us


def _ids(seen: dict[str | None, int]) -> Seen:
    return {found: time_us for found, time_us in seen.items() if found}
