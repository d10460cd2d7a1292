"""The table of commands."""

from __future__ import annotations

import typer

from clearsight.cli import (
    api,
    ask,
    coverage,
    dead_letters,
    demo,
    doctor,
    down,
    forward,
    init,
    keys,
    migrate,
    register,
    simulator,
    status,
    tail,
    up,
    why,
    worker,
)


def build() -> typer.Typer:
    """The command with all its subcommands. Importing a command's file must be cheap."""
    app = typer.Typer(
        name="clearsight",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        help="ClearSight RCA: why did the run fail? Joins row changes and logs by correlation id.\n\n"
        "Example: clearsight up && clearsight demo break timeout\n\n"
        "Every command takes --debug: errors then keep their traceback.",
    )
    simulator.register(app)
    demo.register(app)
    for command in (
        init,
        up,
        down,
        status,
        tail,
        migrate,
        keys,
        register,
        doctor,
        forward,
        worker,
        api,
        why,
        ask,
        coverage,
        dead_letters,
    ):
        command.register(app)
    return app
