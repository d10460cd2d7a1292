"""`clearsight down`: stop the local stack."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def down(
        purge: Annotated[bool, typer.Option("--purge", help="Remove all data of the stack as well.")] = False,
    ) -> None:
        """Stop every part; no process and no port remains.

        Example: clearsight down --purge
        """
        from clearsight.settings import home
        from clearsight.stack.progress import shown
        from clearsight.stack.supervisor import Stack

        with shown("stopping") as report:
            Stack(home()).down(purge, report)
