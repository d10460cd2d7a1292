"""Answers that follow something through everything, or list what happened in a period, for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from api.queries.correlation import CorrelationStory
from api.queries.journey import Journey
from api.queries.logs import LogPage
from api.queries.out_of_band import OutOfBandPage
from clearsight.anomaly import shown
from clearsight.cli.ask_tables import joined, share, span, table
from clearsight.readable import printable


def journey(console: Console, found: Journey) -> None:
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


def correlation(console: Console, found: CorrelationStory) -> None:
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


def logs(console: Console, found: LogPage) -> None:
    rows = [(each.occurred_at, each.level, each.category, each.node, each.message) for each in found.items]
    table(console, "log lines", ("at", "level", "category", "node", "line"), rows)


def out_of_band(console: Console, found: OutOfBandPage) -> None:
    rows = [(each.occurred_at, each.table, each.row_key, each.op, _changed(each)) for each in found.items]
    table(console, "changed out of band", ("at", "table", "row", "op", "what"), rows)


def _changed(change: Any) -> str:
    before, after = change.before or {}, change.after or {}
    return ", ".join(f"{name}: {shown(before.get(name))} → {shown(after.get(name))}" for name in change.changed)
