"""`clearsight forward`: CloudWatch's log lines to Kafka. Each subcommand has its own file."""

from __future__ import annotations

import typer

from clearsight.cli import forward_backfill, forward_doctor, forward_explain, forward_run, forward_verify


def register(app: typer.Typer) -> None:
    forward = typer.Typer(help="Forward CloudWatch's log lines to Kafka.")
    app.add_typer(forward, name="forward")

    @forward.callback(invoke_without_command=True)
    def alone(context: typer.Context) -> None:
        """Forward CloudWatch's log lines to Kafka; without a subcommand: `run`."""
        if context.invoked_subcommand is None:
            forward_run.run()

    for command in (
        forward_run,
        forward_backfill,
        forward_verify,
        forward_doctor,
        forward_explain,
    ):
        command.register(forward)
