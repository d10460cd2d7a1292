"""Answers of `clearsight ask` for people: tables, and what the answer covers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

from rich.console import Console

from clearsight.cli import ask_view_run, ask_view_scenario, ask_view_story
from clearsight.coverage import Coverage
from clearsight.readable import clock

NARROWEST = 140
"""A terminal's width is taken from here on; what is piped gets this."""
TELLS_OF_NOTHING = ("inputs",)
"""They say in their own words that there is nothing."""


def show(name: str, found: Any, covered: Coverage) -> None:
    """Print the answer of this question."""
    console = Console(
        markup=False,
        highlight=False,
        emoji=False,
        width=max(shutil.get_terminal_size((NARROWEST, 24)).columns, NARROWEST),
    )
    _VIEWS[name](console, found)
    if getattr(found, "items", None) == [] and name not in TELLS_OF_NOTHING:
        console.print("nothing was found")
    if getattr(found, "next_key", None) is not None:
        console.print("… there are more: raise --limit, or narrow the range", style="dim")
    console.print(_coverage(covered), style="dim")


def _coverage(covered: Coverage) -> str:
    through = clock(covered.changes.through) if covered.changes.through else "not known"
    logs = min((group.through for group in covered.logs if group.through), default=None)
    return (
        f"{'complete' if covered.complete else 'not complete'}: changes through {through}, logs through"
        f" {clock(logs) if logs else 'not known'}, {covered.pending} pending, {len(covered.gaps)} gaps,"
        f" {covered.dead_letters} dead letters"
    )


_VIEWS: dict[str, Callable[[Console, Any], None]] = {
    "trail": ask_view_scenario.trail,
    "states": ask_view_scenario.states,
    "inputs": ask_view_scenario.inputs,
    "state": ask_view_scenario.state,
    "run": ask_view_run.run,
    "compare": ask_view_run.compare,
    "journey": ask_view_story.journey,
    "errors": ask_view_run.errors,
    "correlation": ask_view_story.correlation,
    "logs": ask_view_story.logs,
    "runs": ask_view_run.runs,
    "scenarios": ask_view_scenario.scenarios,
    "out-of-band": ask_view_story.out_of_band,
}
