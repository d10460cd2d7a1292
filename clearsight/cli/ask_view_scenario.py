"""Answers about a scenario, for people."""

from __future__ import annotations

from itertools import groupby

import msgspec
from rich.console import Console

from api.queries.inputs import InputChanges
from api.queries.scenarios import ScenarioPage
from api.queries.state import ScenarioState
from api.queries.states import StateChanges
from api.queries.timeline import TrailEvent
from api.queries.trail import TrailPage
from clearsight.anomaly import shown
from clearsight.cli.ask_tables import span, table, who
from clearsight.cli.ask_view_run import run_table
from clearsight.readable import clock, printable


def trail(console: Console, found: TrailPage) -> None:
    rows = [
        (each.occurred_at, each.event_type, each.user_name or each.user_id, each.node, each.level or "", _told(each))
        for each in found.items
    ]
    table(console, "timeline", ("at", "event", "who", "node", "level", "what"), rows)


def _told(event: TrailEvent) -> str:
    error = msgspec.json.decode(event.details).get("error_message") if event.level in ("ERROR", "FATAL") else None
    return f"{event.summary}: {error}" if error and error not in event.summary else event.summary


def states(console: Console, found: StateChanges) -> None:
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


def inputs(console: Console, found: InputChanges) -> None:
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


def state(console: Console, found: ScenarioState) -> None:
    moment = clock(found.at) if found.at else found.position or "now"
    since = f" since {clock(found.state_since)}" if found.state_since else ""
    console.print(f"scenario {printable(found.scenario_id)} as of {moment}: {found.state or 'state not known'}{since}")
    if not found.inputs.available:
        console.print(f"inputs not available: {found.inputs.reason}")
    rows = [(each.node, each.name or each.row_key, shown(each.value)) for each in found.inputs.items]
    table(console, "inputs", ("node", "input", "value"), rows)
    run_table(console, "running", found.running)


def scenarios(console: Console, found: ScenarioPage) -> None:
    rows = [
        (each.scenario_id, each.name, each.owner, each.status, each.last_run_outcome, each.last_run_started_at)
        for each in found.items
    ]
    table(console, "scenarios", ("scenario", "name", "owner", "status", "last run", "at"), rows)
