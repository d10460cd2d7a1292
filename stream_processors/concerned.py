"""What a batch concerns besides its own facts: scenarios, runs and correlations that its rows and lines tell of. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from clearsight.events import LogEvent
from stream_processors import amend, correlate, runs
from stream_processors.batch import Batch
from stream_processors.correlate import Touch
from stream_processors.join import Keys
from stream_processors.rows import Joined, Located


def changed_runs(batch: Batch, joined: list[Joined]) -> set[int]:
    """Runs whose own rows changed."""
    found = (known.run for change, known in zip(batch.changes, joined, strict=True) if change.part == "run")
    return {run for run in found if run is not None}


def named_runs(joined: Iterable[Joined], batch: Batch, keys: Keys) -> set[int]:
    """Runs that a change or a line names."""
    by_changes = {change.run for change in joined if change.run is not None}
    return by_changes | {keys.runs[log.line.run_id].run for log in batch.logs if log.line.run_id}


def scenario_changes(batch: Batch, keys: Keys) -> dict[int, runs.ScenarioChange]:
    """The first change of inputs or runs of each scenario; what a snapshot shows was so before every change."""
    first = {
        keys.scenarios[row.scenario_id]: runs.ScenarioChange(keys.scenarios[row.scenario_id], 0, 0)
        for row in batch.snapshots
        if row.part in ("input", "run") and row.scenario_id
    }
    for change in batch.changes:
        if change.scenario_id and change.part in ("input", "run"):
            key = keys.scenarios[change.scenario_id]
            before = first.get(key)
            if before is None or (change.commit_lsn, change.lsn) < before[1:]:
                first[key] = runs.ScenarioChange(key, change.commit_lsn, change.lsn)
    return first


def described_scenarios(batch: Batch, keys: Keys) -> set[int]:
    """Scenarios whose own rows came."""
    described = (row for row in batch.rows() if row.part == "scenario" and row.scenario_id)
    return {keys.scenarios[row.scenario_id] for row in described if row.scenario_id}


def touches(joined: Iterable[Joined], amended: list[amend.Amended], late: list[tuple[int, int]]) -> list[Touch]:
    """What correlations turn out to have touched: by changes, by amended ones, and by those whose run told its scenario
    late, as (correlation, scenario)."""
    touched = [Touch(correlation, "scenario", scenario) for correlation, scenario in late]
    for change in joined:
        if change.correlation is not None:
            touched += correlate.touches_of(change.correlation, change.scenario, change.run, change.changed_user)
    for found in amended:
        touched += correlate.touches_of(*found)
    return touched


def of_further_contexts(batch: Batch, joined: list[Joined], keys: Keys) -> Iterator[Touch]:
    """What changes of transactions with several contexts touched: every correlation id of these has, not only the first."""
    others = {key: context.others for key, context in keys.contexts.items() if context.others}
    if not others:
        return
    pairs = zip(batch.changes, joined, strict=True)
    places = {(change.transaction, known) for change, known in pairs if change.transaction in others}
    for transaction, known in places:
        if transaction is not None and known.link == "correlated":
            for correlation_id in others[transaction]:
                correlation = keys.correlations[correlation_id]
                yield from correlate.touches_of(correlation, known.scenario, known.run, known.changed_user)


def attempted(batch: Batch, keys: Keys) -> Iterator[Touch]:
    """What an attempt says of itself stands for the rows that may never come: its scenario and who made it."""
    for attempt in batch.attempts:
        scenario = keys.scenarios[attempt.scenario_id] if attempt.scenario_id else None
        user = keys.users[attempt.user_id] if attempt.user_id else None
        yield from correlate.touches_of(keys.correlations[attempt.correlation_id], scenario, None, user)


def lines_of_runs(landed: list[tuple[LogEvent, Located]]) -> dict[int, tuple[int, int, int]]:
    """Lines, warnings and errors of each run among these lines."""
    levels = Counter((place.run, event.line.level) for event, place in landed if place.run is not None)
    found: dict[int, tuple[int, int, int]] = {}
    for (run, level), count in levels.items():
        lines, warnings, errors = found.get(run, (0, 0, 0))
        warnings += count if level == "WARN" else 0
        errors += count if level in ("ERROR", "FATAL") else 0
        found[run] = (lines + count, warnings, errors)
    return found
