"""`clearsight up`: start the local stack."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def up(
        only: Annotated[
            str, typer.Option(help="Parts to start, with all that they need: postgres,connect", metavar="PART,…")
        ] = "",
        as_json: Annotated[bool, typer.Option("--json", help="Print the status as JSON when it is up.")] = False,
    ) -> None:
        """Start PostgreSQL, Kafka, Connect and the product's programs; a second call starts only what is missing.

        Example: clearsight up --only postgres,kafka
        """
        from clearsight.cli.status import print_status
        from clearsight.settings import home
        from clearsight.stack.progress import shown
        from clearsight.stack.supervisor import Stack

        stack = Stack(home())
        parts = [name.strip() for name in only.split(",") if name.strip()] or None
        with shown("starting") as report:
            stack.up(parts, report)
        print_status(stack, as_json)
