"""`clearsight forward verify`: is everything that CloudWatch holds on the topic?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clearsight.cli.forward_past import Days, Groups, Json, Share, Since, Until

if TYPE_CHECKING:
    from connectors.cloudwatch.audit import Comparison

SHOWN = 20


def register(forward: typer.Typer) -> None:
    forward.command(name="verify")(verify)


def verify(
    days: Days = None,
    since: Since = None,
    until: Until = None,
    group: Groups = None,
    heal: Annotated[bool, typer.Option("--heal", help="Send the lines that are missing.")] = False,
    rate_share: Share = 0.5,
    as_json: Json = False,
) -> None:
    """Compare CloudWatch with the topic: lines by minute, and which are missing.

    Exit code: 0 nothing is missing, 8 some lines stay missing, 5 a log group could not be compared, or not to the end
    (the forwarder is behind or does not run), 130 stopped before the end.

    Finds what came later than the cold tier reaches, as far back as the log group keeps it.

    Example: clearsight forward verify --from 2026-11-22T00:00:00Z --to 2026-11-23T00:00:00Z --heal
    """
    import msgspec

    from clearsight.cli.forward_past import past_work, progress
    from clearsight.errors import Incomplete, Unavailable
    from connectors.cloudwatch.past import Wanted

    with past_work(since, until, days) as (work, (start_ms, end_ms, spec)):
        wanted = Wanted(start_ms, end_ms, tuple(group or ()), rate_share=rate_share, spec=spec)
        with progress() as tell:
            found = work.verify(wanted, healing=heal, tell=tell)
    if as_json:
        typer.echo(msgspec.json.encode([_told(comparison) for comparison in found]).decode())
    else:
        for comparison in found:
            _show(comparison)
    missing = sum(len(comparison.missing) - comparison.healed for comparison in found)
    if missing:
        raise Incomplete(f"{missing:,} lines are not on the topic", "send them with --heal")
    if unread := [comparison.group for comparison in found if comparison.problem]:
        raise Unavailable(
            f"not compared, or not to the end: {', '.join(unread)}", "`clearsight forward doctor` says what they need"
        )
    if not all(comparison.is_whole for comparison in found):
        raise typer.Exit(130)


def _told(found: Comparison) -> dict[str, Any]:
    return {
        "group": found.group,
        "until": _clock(found.until),
        "whole": found.is_whole,
        "problem": found.problem,
        "at_cloudwatch": found.at_cloudwatch,
        "on_topic": found.on_topic,
        "doubled": found.doubled,
        "healed": found.healed,
        "missing": [{"event_id": line.id, "time": line.timestamp, "stream": line.stream} for line in found.missing],
        "minutes": [
            {"minute": _clock(minute), "at_cloudwatch": held, "on_topic": there}
            for minute, (held, there) in found.minutes.items()
        ],
    }


def _show(found: Comparison) -> None:
    if found.problem:
        typer.echo(f"{found.group}: not compared, or not to the end: {found.problem}")
    if not found.problem or found.at_cloudwatch or found.on_topic:
        _show_counts(found)


def _show_counts(found: Comparison) -> None:
    stopped = "" if found.is_whole or found.problem else " (stopped there)"
    sent = f", {found.healed:,} sent now" if found.healed else ""
    typer.echo(
        f"{found.group} before {_clock(found.until)}{stopped}: {found.at_cloudwatch:,} lines at CloudWatch, "
        f"{found.on_topic:,} on the topic, {len(found.missing):,} missing, {found.doubled:,} doubled{sent}"
    )
    for minute, (held, there) in list(found.minutes.items())[:SHOWN]:
        typer.echo(f"  {_clock(minute)}  {held:,} at CloudWatch, {there:,} on the topic")
    for line in found.missing[:SHOWN]:
        typer.echo(f"  missing {line.id} of {line.stream}")
    if len(found.missing) > SHOWN or len(found.minutes) > SHOWN:
        typer.echo("  … all of them with --json")


def _clock(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
