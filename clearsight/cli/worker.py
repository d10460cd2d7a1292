"""`clearsight worker`"""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command()(worker)


def worker() -> None:
    """Join changes and log lines and land them in the reporting database, until stopped.

    Start more of them to share the work: partitions are divided among all that run.

    Example: clearsight worker
    """
    import faust

    from clearsight.errors import ClearSightError
    from clearsight.settings import load_settings
    from stream_processors.app import create_app

    settings = load_settings()
    audit = create_app(settings)
    try:
        faust.Worker(audit, loglevel=settings.log_level, redirect_stdouts=False).execute_from_commandline()
    except SystemExit as stop:
        if isinstance(audit.failure, ClearSightError):
            raise audit.failure from None
        if stop.code:
            raise
