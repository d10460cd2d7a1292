"""`clearsight ask logs --live`: from CloudWatch itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from connectors.cloudwatch.live.answer import LiveAnswer
    from connectors.cloudwatch.live.question import LiveQuestion

LAST = timedelta(hours=1)
TIMEOUT_S = 60.0


def period(since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
    """The last hour unless said otherwise: CloudWatch is paid by what a query reads."""
    end = until or datetime.now(UTC) + timedelta(seconds=1)
    begin = since or end - LAST
    if begin >= end:
        raise typer.BadParameter("--from must be before --to", param_hint="--from")
    return begin, end


def answer(question: LiveQuestion, limit: int, as_json: bool) -> None:
    from rich.console import Console

    from clearsight.settings import load_settings
    from connectors.cloudwatch.live.answer import ask
    from connectors.cloudwatch.live.configured import live_places

    places = list(live_places(load_settings(), TIMEOUT_S))
    with Console(stderr=True).status("asking CloudWatch Logs Insights …"):
        found = ask(question, places, limit)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(found).decode())
    else:
        _show(found)


def _show(found: LiveAnswer) -> None:
    from rich.console import Console

    from clearsight.cli.ask_tables import table

    console = Console(highlight=False)
    rows = [
        (each.occurred_at, each.line.level, each.category, each.line.node, each.line.correlation_id, each.line.message)
        for each in found.items
    ]
    table(console, "Log lines in CloudWatch", ("time", "level", "category", "node", "correlation", "message"), rows)
    more = "; there are more: ask for a shorter time, or less" if found.more else ""
    console.print(f"{len(rows):,} lines, {found.scanned_bytes:,} bytes read by CloudWatch{more}", style="dim")
