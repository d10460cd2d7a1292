"""Answers of `clearsight ask` for people: tables, and what the answer covers."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import msgspec
from rich.console import Console

from api.queries.comparison import RunComparison
from api.queries.correlation import CorrelationStory
from api.queries.inputs import InputChanges
from api.queries.journey import Journey
from api.queries.logs import LogPage
from api.queries.out_of_band import OutOfBandPage
from api.queries.reliability import Reliability, ScenarioErrors
from api.queries.run import Diagnostics, InputDifferences
from api.queries.runs import RunPage, RunView
from api.queries.scenarios import ScenarioPage
from api.queries.state import ScenarioState
from api.queries.states import StateChanges
from api.queries.timeline import TrailEvent
from api.queries.trail import TrailPage
from clearsight.anomaly import shown
from clearsight.cli.ask_tables import COLOURS, joined, share, span, table, who
from clearsight.coverage import Coverage
from clearsight.readable import clock, printable

NARROWEST = 140
"""A terminal's width is taken from here on; what is piped gets this."""
LINES = 30
"""Log lines shown of a run, the last ones."""


def show(name: str, found: Any, covered: Coverage) -> None:
    """Print the answer of this question."""
    console = Console(
        markup=False,
        highlight=False,
        emoji=False,
        width=max(shutil.get_terminal_size((NARROWEST, 24)).columns, NARROWEST),
    )
    _VIEWS[name](console, found)
    if getattr(found, "next_key", None) is not None:
        console.print("… there are more: raise --limit, or narrow the range", style="dim")
    console.print(_coverage(covered), style="dim")


def _trail(console: Console, found: TrailPage) -> None:
    rows = [
        (each.occurred_at, each.event_type, each.user_name or each.user_id, each.node, each.level or "", _told(each))
        for each in found.items
    ]
    table(console, "timeline", ("at", "event", "who", "node", "level", "what"), rows)


def _told(event: TrailEvent) -> str:
    error = msgspec.json.decode(event.details).get("error_message") if event.level in ("ERROR", "FATAL") else None
    return f"{event.summary}: {error}" if error and error not in event.summary else event.summary


def _states(console: Console, found: StateChanges) -> None:
    rows = [
        (each.occurred_at, each.from_state or "(new)", each.to_state, span(each.ms_in_state_before),
         each.user_name or each.user_id, each.how_known)
        for each in found.items
    ]  # fmt: skip
    table(console, "transitions", ("at", "from", "to", "time before", "who", "known by"), rows)
    if found.current:
        console.print(f"now {found.current.state}, for {span(found.current.ms)}")
    spent = [(each.state, span(each.ms), each.times) for each in found.time_in_state]
    table(console, "time in each state", ("state", "time", "times"), spent)


def _inputs(console: Console, found: InputChanges) -> None:
    by_node = sorted(found.items, key=lambda each: (each.node or "", each.occurred_at))
    for node, changes in groupby(by_node, key=lambda each: each.node):
        rows = [
            (each.occurred_at, each.kind, each.name or each.row_key, shown(each.old), shown(each.new),
             who(each.user_name or each.user_id, each.link), each.correlation_id)
            for each in changes
        ]  # fmt: skip
        title = f"node {node}" if node else "of no node"
        table(console, title, ("at", "", "input", "old", "new", "who", "correlation"), rows)
    if not found.items:
        console.print("no input was changed")


def _state(console: Console, found: ScenarioState) -> None:
    moment = clock(found.at) if found.at else found.position or "now"
    since = f" since {clock(found.state_since)}" if found.state_since else ""
    console.print(f"scenario {printable(found.scenario_id)} as of {moment}: {found.state or 'state not known'}{since}")
    if not found.inputs.available:
        console.print(f"inputs not available: {found.inputs.reason}")
    rows = [(each.node, each.name or each.row_key, shown(each.value)) for each in found.inputs.items]
    table(console, "inputs", ("node", "input", "value"), rows)
    _run_table(console, "running", found.running)


def _run(console: Console, found: Diagnostics) -> None:
    _facts(console, found.run)
    rows = [(each.node, each.source, each.error) for each in found.failing_nodes]
    table(console, "failing nodes", ("node", "told by", "error"), rows)
    if found.stack:
        console.print(printable(found.stack), style="red")
    last = [(each.occurred_at, each.level, each.node, each.message) for each in found.logs[-LINES:]]
    table(console, f"log lines, the last {len(last)} of {found.run.log_lines}", ("at", "level", "node", "line"), last)
    _differences(console, found.input_differences)


def _compare(console: Console, found: RunComparison) -> None:
    if not found.available or found.before is None or found.after is None or found.delta is None:
        console.print(f"not available: {found.reason}")
        return
    columns = [(each.outcome, each.started_at, span(each.duration_ms), each.category, each.failing_node, each.error_message)
               for each in (found.before, found.after)]  # fmt: skip
    names = ("outcome", "started", "took", "category", "node", "error")
    rows = [(name, *values) for name, *values in zip(names, *columns, strict=True)]
    table(console, "runs", ("", found.before.run_id, found.after.run_id), rows)
    delta = found.delta
    longer = (
        ""
        if delta.duration_ms is None
        else f", {abs(delta.duration_ms):,} ms {'longer' if delta.duration_ms >= 0 else 'shorter'}"
    )
    console.print(f"{span(delta.time_gap_ms)} between them{longer}")
    _differences(console, found.input_differences)
    news = [(each.error_type, each.node, each.message) for each in found.new_errors]
    table(console, "errors that only the later run has", ("type", "node", "message"), news)


def _longer(ms: int | None) -> str:
    if ms is None:
        return ""
    return f"; the later took {abs(ms):,} ms {'longer' if ms >= 0 else 'less'}"


def _differences(console: Console, found: InputDifferences) -> None:
    if not found.available:
        console.print(f"input differences not available: {found.reason}")
        return
    rows = [
        (each.kind, each.node, each.name or each.row_key, shown(each.old), shown(each.new),
         who(each.user, each.link), each.occurred_at, each.correlation_id)
        for each in found.items
    ]  # fmt: skip
    if not rows:
        console.print("the inputs are the same")
    columns = ("", "node", "input", "old", "new", "who", "at", "correlation")
    table(console, "inputs that differ from the earlier run", columns, rows)


def _journey(console: Console, found: Journey) -> None:
    velocity = found.velocity
    console.print(
        f"{printable(found.user_name or found.user_id)}: {velocity.actions:,} actions on {velocity.active_days} days,"
        f" {velocity.actions_a_day:g} a day, {velocity.scenarios_touched} scenarios; {velocity.activity or 'nobody to compare'}"
        f" (more active than {share(velocity.quantile)} of {velocity.compared_with} others)"
    )
    common = [(each.action, each.count) for each in velocity.most_common]
    table(console, "most common actions", ("action", "count"), common)
    sessions = [
        (each.number, each.started_at, span(each.duration_ms), each.actions, len(each.scenarios))
        for each in found.sessions
    ]
    table(console, "sessions", ("", "from", "lasted", "actions", "scenarios"), sessions)
    rows = [(each.session, each.occurred_at, each.event_type, each.scenario_id, each.summary) for each in found.items]
    table(console, "story", ("session", "at", "event", "scenario", "what"), rows)


def _errors(console: Console, found: Reliability) -> None:
    runs = found.runs
    console.print(
        f"{clock(found.since)} to {clock(found.until)}: {runs.runs:,} runs, {runs.failed:,} failed, success rate"
        f" {share(runs.success_rate)}; {found.error_lines:,} error lines"
    )
    for title, entries in (("categories", found.categories), ("nodes", found.nodes), ("services", found.services)):
        rows = [
            (each.name, each.failed_runs, each.error_lines, share(each.share), each.last_seen_at) for each in entries
        ]
        table(console, title, ("", "failed runs", "error lines", "share", "last seen"), rows)
    days = [(each.day.isoformat(), each.runs, each.failed, share(each.success_rate)) for each in found.days]
    table(console, "days", ("", "runs", "failed", "success rate"), days)
    patterns = [
        (
            each.count,
            each.runs,
            each.scenarios,
            each.first_seen_at,
            each.last_seen_at,
            each.category,
            each.error_type,
            each.message,
        )
        for each in found.patterns
    ]
    columns = ("count", "runs", "scenarios", "first seen", "last seen", "category", "type", "message")
    table(console, "recurring patterns", columns, patterns)
    if isinstance(found, ScenarioErrors):
        _run_table(console, "last failures", found.last_failures)


def _correlation(console: Console, found: CorrelationStory) -> None:
    touched = found.touched
    console.print(
        f"touched scenarios {joined(touched.scenarios)}, runs {joined(touched.runs)}, users {joined(touched.users)}"
    )
    transactions = [(str(each.tx_id), each.committed_at, each.user_id, each.use_case) for each in found.transactions]
    table(console, "transactions", ("id", "committed", "who", "use case"), transactions)
    changes = [(each.occurred_at, each.op, each.table, each.row_key, ", ".join(each.changed)) for each in found.changes]
    table(console, "row changes", ("at", "op", "table", "row", "changed"), changes)
    actions = [(each.occurred_at, each.action, each.details.get("label")) for each in found.actions]
    table(console, "actions", ("at", "action", "what"), actions)
    states = [(each.occurred_at, each.scenario_id, each.from_state, each.to_state) for each in found.state_changes]
    table(console, "transitions", ("at", "scenario", "from", "to"), states)
    lines = [(each.occurred_at, each.level, each.node, each.message) for each in found.logs]
    table(console, "log lines", ("at", "level", "node", "line"), lines)
    if found.truncated:
        console.print(f"only the first of {', '.join(found.truncated)}", style="dim")


def _logs(console: Console, found: LogPage) -> None:
    rows = [(each.occurred_at, each.level, each.category, each.node, each.message) for each in found.items]
    table(console, "log lines", ("at", "level", "category", "node", "line"), rows)


def _runs(console: Console, found: RunPage) -> None:
    _run_table(console, "runs", found.items)


def _scenarios(console: Console, found: ScenarioPage) -> None:
    rows = [
        (each.scenario_id, each.name, each.owner, each.status, each.last_run_outcome, each.last_run_started_at)
        for each in found.items
    ]
    table(console, "scenarios", ("scenario", "name", "owner", "status", "last run", "at"), rows)


def _out_of_band(console: Console, found: OutOfBandPage) -> None:
    rows = [(each.occurred_at, each.table, each.row_key, each.op, _changed(each)) for each in found.items]
    table(console, "changed out of band", ("at", "table", "row", "op", "what"), rows)


def _changed(change: Any) -> str:
    before, after = change.before or {}, change.after or {}
    return ", ".join(f"{name}: {shown(before.get(name))} → {shown(after.get(name))}" for name in change.changed)


def _facts(console: Console, run: RunView) -> None:
    who = run.user_name or run.user_id or "somebody"
    console.print(
        f"run {printable(run.run_id)} {run.outcome or 'of unknown outcome'}, started by {printable(who)} at"
        f" {clock(run.started_at) if run.started_at else 'an unknown time'}, took {span(run.duration_ms)}",
        style=COLOURS.get(run.outcome or "", ""),
    )
    if run.error_message:
        console.print(f"{run.category or 'unknown'} in node {run.failing_node or '?'}: {printable(run.error_message)}")


def _run_table(console: Console, title: str, runs: Sequence[RunView]) -> None:
    rows = [
        (
            each.run_id,
            each.started_at,
            each.outcome,
            span(each.duration_ms),
            each.category,
            each.failing_node,
            each.error_message,
        )
        for each in runs
    ]
    table(console, title, ("run", "started", "outcome", "took", "category", "node", "error"), rows)


def _coverage(covered: Coverage) -> str:
    through = clock(covered.changes.through) if covered.changes.through else "not known"
    logs = min((group.through for group in covered.logs if group.through), default=None)
    return (
        f"{'complete' if covered.complete else 'not complete'}: changes through {through}, logs through"
        f" {clock(logs) if logs else 'not known'}, {covered.pending} pending, {len(covered.gaps)} gaps,"
        f" {covered.dead_letters} dead letters"
    )


_VIEWS: dict[str, Callable[[Console, Any], None]] = {
    "trail": _trail,
    "states": _states,
    "inputs": _inputs,
    "state": _state,
    "run": _run,
    "compare": _compare,
    "journey": _journey,
    "errors": _errors,
    "correlation": _correlation,
    "logs": _logs,
    "runs": _runs,
    "scenarios": _scenarios,
    "out-of-band": _out_of_band,
}
