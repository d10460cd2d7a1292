"""What a batch's events belong to, once the keys of all that they name are known. Pure."""

from __future__ import annotations

from typing import NamedTuple

from clearsight.events import LogEvent, RowChange, TransactionKey
from clearsight.links import Touched, link_of_change, place_log
from stream_processors.batch import Batch
from stream_processors.correlate import KnownContext
from stream_processors.dimensions import RunKey
from stream_processors.rows import Joined, Located


class Keys(NamedTuple):
    users: dict[str, int]
    scenarios: dict[str, int]
    runs: dict[str, RunKey]
    contexts: dict[TransactionKey, KnownContext]
    correlations: dict[str, int]


def join(batch: Batch, keys: Keys) -> list[Joined]:
    """What each change of a batch belongs to. Changes of one transaction mostly belong to the same."""
    known: dict[tuple[object, ...], Joined] = {}
    joined = []
    for change in batch.changes:
        whose = change.row_key if change.part == "user" else None
        same = (change.transaction, change.scenario_id, change.run_id, change.correlation_id, whose)
        found = known.get(same)
        if found is None:
            found = known[same] = _join(change, keys)
        joined.append(found)
    return joined


def _join(change: RowChange, keys: Keys) -> Joined:
    context = keys.contexts.get(change.transaction) if change.transaction else None
    run = keys.runs[change.run_id] if change.run_id else None
    scenario = keys.scenarios[change.scenario_id] if change.scenario_id else (run.scenario if run else None)
    correlation_id = change.correlation_id or (context.correlation_id if context else None)
    return Joined(
        scenario=scenario,
        run=run.run if run else None,
        user=keys.users[context.user_id] if context and context.user_id else None,
        changed_user=keys.users.get(change.row_key) if change.part == "user" else None,
        correlation_id=correlation_id,
        correlation=keys.correlations[correlation_id] if correlation_id else None,
        link=link_of_change(
            change.correlation_id, context.correlation_id if context else None, change.transaction is not None
        ),
    )


def locate(batch: Batch, keys: Keys, touched: dict[int, Touched]) -> list[Located]:
    """Where each log line of a batch belongs. Lines of one request mostly belong to the same."""
    known: dict[tuple[object, ...], Located] = {}
    located = []
    for log in batch.logs:
        line = log.line
        same = (line.scenario_id, line.run_id, line.user_id, line.correlation_id)
        found = known.get(same)
        if found is None:
            found = known[same] = _locate(log, keys, touched)
        located.append(found)
    return located


def _locate(log: LogEvent, keys: Keys, touched: dict[int, Touched]) -> Located:
    line = log.line
    run = keys.runs[line.run_id] if line.run_id else None
    correlation = keys.correlations[line.correlation_id] if line.correlation_id else None
    place = place_log(
        scenario=keys.scenarios[line.scenario_id] if line.scenario_id else None,
        run=run.run if run else None,
        run_scenario=run.scenario if run else None,
        correlation_id=line.correlation_id,
        touched=Touched() if correlation is None else touched.get(correlation, Touched()),
    )
    user = keys.users[line.user_id] if line.user_id else None
    return Located(place.scenario, place.run, user, correlation, place.link)
