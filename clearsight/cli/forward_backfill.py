"""`clearsight forward backfill`: the history of log groups."""

from __future__ import annotations

from typing import Annotated

import typer

from clearsight.cli.forward_past import Days, Groups, Json, Share, Since, Until


def register(forward: typer.Typer) -> None:
    forward.command(name="backfill")(backfill)


def backfill(
    days: Days = None,
    since: Since = None,
    until: Until = None,
    group: Groups = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Instead of the newest first.")] = False,
    rate_share: Share = 0.5,
    as_json: Json = False,
) -> None:
    """Read the history of the log groups, each line once, beside the forwarder that runs.

    The same command goes on where it was stopped. What the forwarder has yet to read itself is left to it.

    Example: clearsight forward backfill --cloudwatch-days 30
    """
    import msgspec

    from clearsight.cli.forward_past import past_work, progress
    from connectors.cloudwatch.past import Wanted

    with past_work(since, until, days) as (work, (start_ms, end_ms, spec)):
        wanted = Wanted(start_ms, end_ms, tuple(group or ()), not oldest_first, rate_share, spec)
        with progress() as tell:
            job = work.backfill(wanted, tell)
    if as_json:
        typer.echo(msgspec.json.encode(job).decode())
    else:
        end = "done" if job.finished else "stopped; the same command goes on"
        typer.echo(f"{job.delivered:,} lines were new, {end}")
    if not job.finished:
        raise typer.Exit(130)
