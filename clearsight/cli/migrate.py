"""`clearsight migrate`"""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(migrate)


def migrate(as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False) -> None:
    """Bring the reporting database to the newest schema. Safe to run again.

    Example: clearsight migrate
    """
    from clearsight.settings import load_settings, required
    from sql.migrate import migrate as run

    revision = run(required(load_settings().report.owner_dsn, "report.owner_dsn"))
    typer.echo(json.dumps({"revision": revision}) if as_json else f"the reporting database is at revision {revision}")
