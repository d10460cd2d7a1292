"""`clearsight tail`: what a part of the local stack wrote."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def tail(
        part: Annotated[str, typer.Argument(help="A part as `clearsight status` names it.")],
        follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
        lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the last lines.")] = 20,
    ) -> None:
        """Show the last lines of a part's log.

        Example: clearsight tail worker -f
        """
        from clearsight.settings import home
        from clearsight.stack.processes import followed, last_lines
        from clearsight.stack.supervisor import Stack

        log = Stack(home()).log(part)
        for line in last_lines(log, lines):
            typer.echo(line)
        if follow:
            for text in followed(log):
                typer.echo(text, nl=False)
