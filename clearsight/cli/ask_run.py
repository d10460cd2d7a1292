"""Questions of `clearsight ask` about runs, and about what goes wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clearsight.cli.ask_options import (
    Categories,
    Json,
    Limit,
    Nodes,
    OfScenario,
    Outcomes,
    Since,
    Top,
    Until,
    Users,
    answer,
    covered,
    in_order,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from clearsight.cli.ask_options import Answer
    from clearsight.settings import Settings


def register(group: typer.Typer) -> None:
    for command in (run, runs, errors):
        group.command()(command)


def run(
    run_id: Annotated[str, typer.Argument(help="The run's id, as the application knows it.")], as_json: Json = False
) -> None:
    """A run: how it ended, its failing nodes and stack, its log lines, its inputs and what differs from the last good run.

    Example: clearsight ask run 3f0c…
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.run import diagnostics

        found = await diagnostics(connection, run_id, settings.mapping)
        return found, await covered(connection, settings, found.run.finished_at)

    answer("run", asked, as_json)


def runs(
    scenario: OfScenario = None,
    outcomes: Outcomes = None,
    categories: Categories = None,
    nodes: Nodes = None,
    users: Users = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 30,
    as_json: Json = False,
) -> None:
    """Runs, the newest first.

    Example: clearsight ask runs --outcome failed
    """

    in_order(since, until)

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.runs import RunFilter
        from api.queries.runs import runs as ask

        filters = RunFilter(
            since=since,
            until=until,
            scenario=scenario,
            outcomes=tuple(outcomes or ()),
            categories=tuple(categories or ()),
            nodes=tuple(nodes or ()),
            users=tuple(users or ()),
        )
        return await ask(connection, filters, limit), await covered(connection, settings, until, since)

    answer("runs", asked, as_json)


def errors(
    scenario: Annotated[str | None, typer.Argument(help="A scenario's id; without it, of everything.")] = None,
    since: Since = None,
    until: Until = None,
    categories: Categories = None,
    nodes: Nodes = None,
    top: Top = 10,
    as_json: Json = False,
) -> None:
    """What fails most: categories, nodes, services, success rate a day, recurring patterns; of 30 days unless asked.

    Example: clearsight ask errors --from 2026-11-01T00:00:00Z
    """

    in_order(since, until)

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.reliability import ErrorFilter, scenario_errors, top_errors

        filters = ErrorFilter(since, until, categories=tuple(categories or ()), nodes=tuple(nodes or ()))
        found = (
            await top_errors(connection, filters, top)
            if scenario is None
            else await scenario_errors(connection, scenario, filters, top)
        )
        return found, await covered(connection, settings, until, found.since)

    answer("errors", asked, as_json)
