"""`clearsight simulator`: CloudWatch Logs on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(simulator)


def simulator(
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)],
    ledger: Annotated[
        Path | None,
        typer.Option(help="File of accepted lines, read again after a restart.", show_default="in .clearsight"),
    ] = None,
    profile: Annotated[str, typer.Option(help="How the service behaves: calm, aws or worse.")] = "calm",
    seed: Annotated[int, typer.Option(help="Lags, empty pages and faults follow from it.")] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on; in a container 0.0.0.0.")] = "127.0.0.1",
    deny: Annotated[list[str] | None, typer.Option(help="A log group that may not be read.")] = None,
    kinesis_url: Annotated[str | None, typer.Option(help="Where subscriptions to Kinesis are delivered.")] = None,
    push_url: Annotated[str | None, typer.Option(help="Where subscriptions to Firehose are delivered.")] = None,
) -> None:
    """Serve CloudWatch Logs' protocol to unmodified boto3.

    Time runs as CLEARSIGHT_CLOUDWATCH__CLOCK_SPEED says, for the forwarder alike.

    Example: clearsight simulator --port 4581 --ledger .clearsight/cloudwatch.jsonl
    """
    from clearsight.log_groups import is_prefix
    from clearsight.settings import home, load_settings
    from connectors.cloudwatch.clock import ScaledClock
    from connectors.cloudwatch.simulator.profile import profile_named
    from connectors.cloudwatch.simulator.server import Site, serve

    settings = load_settings()
    cloudwatch, key = settings.cloudwatch, settings.forwarder.push.access_key
    site = Site(
        host=host,
        port=port,
        ledger=ledger or home() / "cloudwatch" / "ledger.jsonl",
        profile=profile_named(profile),
        seed=seed,
        account_id=cloudwatch.account_id,
        region=cloudwatch.region,
        groups=tuple(group for group in cloudwatch.groups if not is_prefix(group) and not group.startswith("arn:")),
        denied=tuple(deny or ()),
        clock=ScaledClock(cloudwatch.clock_speed, cloudwatch.clock_origin_ms),
        kinesis_url=kinesis_url,
        push_url=push_url,
        push_access_key=key.get_secret_value() if key else None,
    )
    serve(site)
