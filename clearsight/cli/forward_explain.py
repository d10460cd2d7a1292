"""`clearsight forward explain`: what would be extracted from these lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(forward: typer.Typer) -> None:
    forward.command()(explain)


def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Log lines, one event each; - reads from stdin.")],
    group: Annotated[str, typer.Option(help="The log group that they are from.")] = "/example",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line: the record, its category.")
    ] = False,
) -> None:
    """Show what the forwarder would extract from log lines, what it would redact, and which category they would have.

    Nothing is sent. FILE may also be an answer of `aws logs filter-log-events`, or what a subscription delivers.

    Example: aws logs filter-log-events --log-group-name /my/app --limit 20 | clearsight forward explain -
    """
    import time

    import msgspec

    from clearsight.cli.explain_view import show, summary
    from clearsight.settings import load_settings
    from connectors.cloudwatch.explain import events_of
    from connectors.cloudwatch.explain import explain as explained
    from connectors.cloudwatch.lines import Origin
    from connectors.cloudwatch.parse.configured import names_of
    from connectors.cloudwatch.redact.configured import redactor_of
    from connectors.cloudwatch.transcript import Transcript

    settings = load_settings()
    events = events_of(_read(file), time.time_ns() // 1_000_000)
    origin = Origin(settings.cloudwatch.account_id, settings.cloudwatch.region, group)
    transcript = Transcript(origin, redactor_of(settings.redaction), names_of(settings.mapping.logs))
    found = list(explained(events, transcript, settings.mapping.errors))
    if as_json:
        for each in found:
            typer.echo(msgspec.json.encode(each).decode())
        return
    for each in found:
        show(each)
    summary(found)


def _read(file: Path) -> bytes:
    import sys

    from clearsight.errors import NotFound

    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror}", "name a file with log lines, or - for stdin") from None
