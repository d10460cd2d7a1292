"""`clearsight status`: which parts run, and where they are reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clearsight.stack.supervisor import Stack

COLOURS = {"running": "green", "done": "green", "starting": "yellow", "dead": "red", "stopped": "bright_black"}


def register(app: typer.Typer) -> None:
    @app.command()
    def status(
        as_json: Annotated[bool, typer.Option("--json", help="For programs; holds the connection strings.")] = False,
    ) -> None:
        """Show every part; exit code 4 unless all are running or done.

        Example: clearsight status --json
        """
        from clearsight.errors import StackError
        from clearsight.settings import home
        from clearsight.stack.supervisor import Stack

        stack = Stack(home())
        print_status(stack, as_json)
        if any(part.state not in ("running", "done") for part in stack.status()):
            raise typer.Exit(StackError.exit_code)


def print_status(stack: Stack, as_json: bool) -> None:
    """To standard output."""
    import msgspec

    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(stack.description()), indent=2).decode())
        return
    for part in stack.status():
        where = part.endpoint or ""
        typer.secho(f"{part.state:9}", fg=COLOURS[part.state], nl=False)
        typer.echo(f"{part.name:12} {part.pid or '':>8}  {where}".rstrip())
        for line in part.log:
            typer.secho(f"          | {line[:160]}", dim=True)
