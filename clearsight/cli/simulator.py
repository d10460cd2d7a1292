"""`clearsight simulator`: CloudWatch Logs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    @app.command()
    def simulator(
        port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)],
        ledger: Annotated[
            Path | None,
            typer.Option(help="File of accepted lines, read again after a restart.", show_default="in .clearsight"),
        ] = None,
        profile: Annotated[str, typer.Option(help="How the service behaves.")] = "calm",
        seed: Annotated[int, typer.Option(help="Lags and empty pages follow from it.")] = 1,
        host: Annotated[str, typer.Option(help="Address to listen on; in a container 0.0.0.0.")] = "127.0.0.1",
    ) -> None:
        """Serve CloudWatch Logs' protocol to unmodified boto3.

        Example: clearsight simulator --port 4581 --ledger .clearsight/cloudwatch.jsonl
        """
        from clearsight.settings import home, load_settings
        from connectors.cloudwatch.simulator.profile import profile_named
        from connectors.cloudwatch.simulator.server import serve

        cloudwatch = load_settings().cloudwatch
        serve(
            host,
            port,
            ledger or home() / "cloudwatch" / "ledger.jsonl",
            profile_named(profile),
            seed=seed,
            account_id=cloudwatch.account_id,
            region=cloudwatch.region,
            groups=cloudwatch.groups,
        )
