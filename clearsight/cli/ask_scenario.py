"""Questions of `clearsight ask` about a scenario."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from clearsight.cli.ask_options import (
    Categories,
    Correlation,
    Json,
    Levels,
    Limit,
    Nodes,
    Scenario,
    Since,
    Text,
    Types,
    Until,
    Users,
    answer,
    covered,
    events,
    instant,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from clearsight.cli.ask_options import Answer
    from clearsight.settings import Settings


def register(group: typer.Typer) -> None:
    for command in (trail, states, inputs, compare, scenarios):
        group.command()(command)
    group.command("state")(state_as_of)


def trail(
    scenario: Scenario,
    since: Since = None,
    until: Until = None,
    types: Types = None,
    levels: Levels = None,
    categories: Categories = None,
    users: Users = None,
    correlation: Correlation = None,
    text: Text = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """The timeline of a scenario: everything that was done to it and logged about it, oldest first.

    Example: clearsight ask trail 6f1c… --level ERROR --from 2026-11-22T08:00:00Z
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.trail import trail as ask

        filters = events(since, until, types, levels, categories, users, correlation, text)
        return await ask(connection, scenario, filters, limit), await covered(connection, settings, until, since)

    answer("trail", asked, as_json)


def states(
    scenario: Scenario, since: Since = None, until: Until = None, limit: Limit = 100, as_json: Json = False
) -> None:
    """The transitions of a scenario, and how long it was in which state.

    Example: clearsight ask states 6f1c…
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.states import state_changes

        found = await state_changes(connection, scenario, events(since, until), limit)
        return found, await covered(connection, settings, until, since)

    answer("states", asked, as_json)


def inputs(
    scenario: Scenario,
    since: Since = None,
    until: Until = None,
    nodes: Nodes = None,
    names: Annotated[list[str] | None, typer.Option("--name", help="An input's name.")] = None,
    users: Users = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """How the inputs of a scenario were changed, node by node: old, new, who, when and why.

    Example: clearsight ask inputs 6f1c… --node demand
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.inputs import InputFilter, input_changes

        wanted = InputFilter(tuple(nodes or ()), tuple(names or ()))
        filters = events(since, until, users=users)
        found = await input_changes(connection, scenario, settings.mapping, filters, wanted, limit)
        return found, await covered(connection, settings, until, since)

    answer("inputs", asked, as_json)


def state_as_of(
    scenario: Scenario,
    at: Annotated[
        datetime | None, typer.Option("--at", parser=instant, metavar="TIME", help="As of this instant; default: now.")
    ] = None,
    position: Annotated[str | None, typer.Option(help="As of this commit position, 16/B374D848.")] = None,
    as_json: Json = False,
) -> None:
    """A scenario as it was: its state, its inputs, the runs that were going.

    Example: clearsight ask state 6f1c… --at 2026-11-22T08:00:00Z
    """
    import re

    if position is not None and (at is not None or not re.fullmatch(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}", position)):
        raise typer.BadParameter("write it as 16/B374D848, and without --at", param_hint="--position")

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.state import Moment, scenario_state

        found = await scenario_state(connection, scenario, settings.mapping, Moment(at, position))
        return found, await covered(connection, settings, at)

    answer("state", asked, as_json)


def compare(
    scenario: Scenario,
    before: Annotated[
        str | None, typer.Option(help="The run compared with; default: the last success before a failure.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(help="The run that is compared; default: the first failure after it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Two runs of a scenario side by side: inputs, time between, duration, error.

    Example: clearsight ask compare 6f1c…
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.comparison import run_comparison

        found = await run_comparison(connection, scenario, settings.mapping, before, after)
        return found, await covered(connection, settings, found.after.finished_at if found.after else None)

    answer("compare", asked, as_json)


def scenarios(
    owners: Annotated[list[str] | None, typer.Option("--owner", help="A user's id.")] = None,
    text: Text = None,
    limit: Limit = 30,
    as_json: Json = False,
) -> None:
    """Scenarios, the newest first, each with its newest run.

    Example: clearsight ask scenarios --text winter
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.scenarios import ScenarioFilter
        from api.queries.scenarios import scenarios as ask

        found = await ask(connection, ScenarioFilter(tuple(owners or ()), q=text), limit)
        return found, await covered(connection, settings)

    answer("scenarios", asked, as_json)
