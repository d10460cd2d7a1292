"""`clearsight ask`: every question of the API, answered in the terminal by the same query functions."""

from __future__ import annotations

import typer

from clearsight.cli import ask_period, ask_run, ask_scenario, ask_story, why


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Ask what happened: timelines, runs, journeys, errors, log lines.")
    for questions in (ask_scenario, ask_run, ask_story, ask_period, why):
        questions.register(group)
    app.add_typer(group, name="ask")
