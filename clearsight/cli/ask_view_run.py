"""Answers about runs, for people: one, two side by side, many, and what goes wrong in them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from api.queries.comparison import RunComparison
from api.queries.reliability import Reliability, ScenarioErrors
from api.queries.run import Diagnostics, InputDifferences
from api.queries.runs import RunPage, RunView
from clearsight.anomaly import shown
from clearsight.cli.ask_tables import COLOURS, share, span, table, who
from clearsight.readable import clock, printable

LINES = 30
"""Log lines shown of a run, the last ones."""


def run(console: Console, found: Diagnostics) -> None:
    _facts(console, found.run)
    rows = [(each.node, each.source, each.error) for each in found.failing_nodes]
    table(console, "failing nodes", ("node", "told by", "error"), rows)
    if found.stack:
        console.print(printable(found.stack), style="red")
    last = [(each.occurred_at, each.level, each.node, each.message) for each in found.logs[-LINES:]]
    table(console, f"log lines, the last {len(last)} of {found.run.log_lines}", ("at", "level", "node", "line"), last)
    _differences(console, found.input_differences)


def _facts(console: Console, run: RunView) -> None:
    who = run.user_name or run.user_id or "somebody"
    console.print(
        f"run {printable(run.run_id)} {run.outcome or 'of unknown outcome'}, started by {printable(who)} at"
        f" {clock(run.started_at) if run.started_at else 'an unknown time'}, took {span(run.duration_ms)}",
        style=COLOURS.get(run.outcome or "", ""),
    )
    if run.error_message:
        console.print(f"{run.category or 'unknown'} in node {run.failing_node or '?'}: {printable(run.error_message)}")


def compare(console: Console, found: RunComparison) -> None:
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


def errors(console: Console, found: Reliability) -> None:
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
        run_table(console, "last failures", found.last_failures)


def runs(console: Console, found: RunPage) -> None:
    run_table(console, "runs", found.items)


def run_table(console: Console, title: str, runs: Sequence[RunView]) -> None:
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
