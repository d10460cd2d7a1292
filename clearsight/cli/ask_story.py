"""Questions of `clearsight ask` that follow something through everything: a user, a correlation id."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from clearsight.cli.ask_options import (
    Json,
    Limit,
    Since,
    Types,
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
    for command in (journey, correlation):
        group.command()(command)


def journey(
    user: Annotated[str, typer.Argument(help="The user's id, as the application knows it.")],
    since: Since = None,
    until: Until = None,
    types: Types = None,
    scenarios: Annotated[list[str] | None, typer.Option("--scenario", help="A scenario's id.")] = None,
    idle_minutes: Annotated[float, typer.Option(min=0.1, max=10_080, help="A session ends after so many idle.")] = 30,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """What a user did and what followed from it, in sessions; 30 days up to the last action unless --from says otherwise.

    Example: clearsight ask journey u-17
    """

    in_order(since, until)

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.journey import JourneyFilter
        from api.queries.journey import journey as ask

        filters = JourneyFilter(since, until, tuple(types or ()), scenarios=tuple(scenarios or ()))
        found = await ask(connection, user, filters, timedelta(minutes=idle_minutes), limit)
        return found, await covered(connection, settings, until, found.since)

    answer("journey", asked, as_json)


def correlation(
    correlation_id: Annotated[str, typer.Argument(help="As it stands in rows, messages and log lines.")],
    as_json: Json = False,
) -> None:
    """Everything of one correlation id: transactions, changes, actions, transitions, log lines.

    Example: clearsight ask correlation 0b9e…
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.correlation import correlation as ask

        return await ask(connection, correlation_id), await covered(connection, settings)

    answer("correlation", asked, as_json)
