"""`clearsight forward run`: the forwarder itself."""

from __future__ import annotations

import typer


def register(forward: typer.Typer) -> None:
    forward.command(name="run")(run)


def run() -> None:
    """Poll the log groups and publish each line once, until SIGTERM.

    Example: CLEARSIGHT_CLOUDWATCH__GROUPS='["/my/app"]' clearsight forward run
    """
    import logging
    import time

    from clearsight.settings import load_settings
    from connectors.cloudwatch.start import run as run_forwarder

    settings = load_settings()
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=settings.log_level,
        format="%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    for noisy in ("botocore", "boto3", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    run_forwarder(settings)
