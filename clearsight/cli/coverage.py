"""`clearsight coverage`: what has landed, what may be missing, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from api.queries.ledger import Ledger
    from clearsight.coverage import Coverage
    from clearsight.settings import Settings


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="What has landed, what may be missing, and why.")
    group.callback(invoke_without_command=True)(coverage)
    group.command()(acknowledge)
    app.add_typer(group, name="coverage")


def coverage(
    context: typer.Context,
    fail_on_gap: Annotated[
        bool,
        typer.Option("--fail-on-gap", help="End with 8 where a gap is unexplained or a dead letter open; for cron."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """What an answer covers now: changes, log groups, gaps, dead letters and what still waits for its context.

    Example: clearsight coverage --fail-on-gap
    """
    if context.invoked_subcommand is not None:
        return
    import asyncio

    import msgspec

    from clearsight.cli.coverage_view import text
    from clearsight.settings import load_settings

    covered, ledger = asyncio.run(_ask(load_settings()))
    if as_json:
        typer.echo(msgspec.json.encode({"coverage": covered, "ledger": ledger}).decode())
    else:
        typer.echo(text(covered, ledger))
    if fail_on_gap:
        _check(ledger)


def acknowledge(
    gap_ids: Annotated[list[int], typer.Argument(metavar="GAP_ID…", help="As `clearsight coverage` prints them.")],
    because: Annotated[str, typer.Option(help="Why they are there; kept with your name.")],
    by: Annotated[str | None, typer.Option(help="Who says so; your user name where not given.")] = None,
) -> None:
    """Say why gaps are there. They are shown with every answer that they touch all the same, but no check fails for them.

    Example: clearsight coverage acknowledge 3 --because "Kafka's disk was lost on 2026-11-20; restored from backup"
    """
    from clearsight.cli.writer import caller, writer
    from clearsight.errors import NotFound
    from clearsight.settings import load_settings
    from stream_processors.gaps import acknowledge as write

    if not because.strip():
        raise typer.BadParameter("say why", param_hint="--because")
    with writer(load_settings()) as connection:
        known = write(connection, gap_ids, by or caller(), because.strip())
    unknown = sorted(set(gap_ids) - known)
    if known:
        typer.echo(f"acknowledged: gap {', '.join(map(str, sorted(known)))}")
    if unknown:
        raise NotFound(f"there is no gap {', '.join(map(str, unknown))}", "see `clearsight coverage`")


async def _ask(settings: Settings) -> tuple[Coverage, Ledger]:
    from api.database import question, single_engine
    from api.queries.coverage import coverage as ask
    from api.queries.ledger import ledger

    async with question(single_engine(settings)) as connection:
        return await ask(connection, settings.cloudwatch.expected_groups), await ledger(connection)


def _check(ledger: Any) -> None:
    from clearsight.errors import Incomplete

    found = [
        *(
            [f"{ledger.unexplained_gaps:,} unexplained gap{'' if ledger.unexplained_gaps == 1 else 's'}"]
            if ledger.unexplained_gaps
            else []
        ),
        *(
            [f"{ledger.open_dead_letters:,} open dead letter{'' if ledger.open_dead_letters == 1 else 's'}"]
            if ledger.open_dead_letters
            else []
        ),
    ]
    if found:
        raise Incomplete(
            " and ".join(found),
            "`clearsight dead-letters list` and `redrive`; `clearsight coverage acknowledge GAP_ID --because …`",
        )
