"""Questions of `clearsight ask` about what happened in a period: log lines, changes out of band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clearsight.cli.ask_options import (
    Categories,
    Correlation,
    Json,
    Levels,
    Limit,
    Nodes,
    OfScenario,
    Since,
    Text,
    Until,
    answer,
    covered,
    in_order,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from clearsight.cli.ask_options import Answer
    from clearsight.settings import Settings


def register(group: typer.Typer) -> None:
    group.command()(logs)
    group.command("out-of-band")(out_of_band)


def logs(
    scenario: OfScenario = None,
    run_id: Annotated[str | None, typer.Option("--run", help="A run's id.")] = None,
    correlation: Correlation = None,
    levels: Levels = None,
    categories: Categories = None,
    nodes: Nodes = None,
    text: Text = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    live: Annotated[
        bool, typer.Option("--live", help="Ask CloudWatch itself, of the last hour unless --from says otherwise.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Log lines, the newest first: of a scenario, a run, a correlation id, of levels ERROR and FATAL, or of a period.

    With --live they come from CloudWatch Logs Insights instead of the facts, read and categorised in the same way; AWS
    charges what such a query reads.

    Example: clearsight ask logs --run 3f0c… --level ERROR
    """
    wanted = tuple(levels or ())
    if live:
        from clearsight.cli import ask_live
        from connectors.cloudwatch.live.question import LiveQuestion

        begin, end = ask_live.period(since, until)
        conditions = (wanted, tuple(categories or ()), tuple(nodes or ()))
        ask_live.answer(LiveQuestion(begin, end, correlation, scenario, run_id, *conditions, text), limit, as_json)
        return
    serious = wanted and set(wanted) <= {"ERROR", "FATAL"}
    if not (scenario or run_id or correlation or serious or since):
        raise typer.BadParameter("name one of --scenario, --run, --correlation, --from, or only levels ERROR and FATAL")

    in_order(since, until)

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.logs import LogFilter
        from api.queries.logs import logs as ask

        filters = LogFilter(
            since=since,
            until=until,
            scenario=scenario,
            run=run_id,
            correlation_id=correlation,
            levels=wanted,
            categories=tuple(categories or ()),
            nodes=tuple(nodes or ()),
            q=text,
        )
        return await ask(connection, filters, limit), await covered(connection, settings, until, since)

    answer("logs", asked, as_json)


def out_of_band(
    scenario: OfScenario = None, since: Since = None, until: Until = None, limit: Limit = 30, as_json: Json = False
) -> None:
    """Row changes that came without context, the newest first: nobody said who made them and why.

    Example: clearsight ask out-of-band --from 2026-11-22T00:00:00Z
    """

    in_order(since, until)

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.out_of_band import OutOfBandFilter
        from api.queries.out_of_band import out_of_band as ask

        found = await ask(connection, OutOfBandFilter(since, until, scenario), limit)
        return found, await covered(connection, settings, until, since)

    answer("out-of-band", asked, as_json)
