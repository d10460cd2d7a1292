"""`clearsight ask`: every question of the API, answered in the terminal by the same query functions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from clearsight.cli import why
from clearsight.cli.ask_options import (
    Categories,
    Correlation,
    Json,
    Levels,
    Limit,
    Nodes,
    OfScenario,
    Scenario,
    Since,
    Text,
    Top,
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


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Ask what happened: timelines, runs, journeys, errors, log lines.")
    for command in (trail, states, inputs, run, compare, journey, errors, correlation, logs, runs, scenarios):
        group.command()(command)
    group.command("state")(state_as_of)
    group.command("out-of-band")(out_of_band)
    why.register(group)
    app.add_typer(group, name="ask")


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

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.journey import JourneyFilter
        from api.queries.journey import journey as ask

        filters = JourneyFilter(since, until, tuple(types or ()), scenarios=tuple(scenarios or ()))
        found = await ask(connection, user, filters, timedelta(minutes=idle_minutes), limit)
        return found, await covered(connection, settings, until, found.since)

    answer("journey", asked, as_json)


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
    wanted = tuple(level.upper() for level in levels or ())
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


def runs(
    scenario: OfScenario = None,
    outcomes: Annotated[list[str] | None, typer.Option("--outcome", help="succeeded, failed or running.")] = None,
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


def out_of_band(
    scenario: OfScenario = None, since: Since = None, until: Until = None, limit: Limit = 30, as_json: Json = False
) -> None:
    """Row changes that came without context, the newest first: nobody said who made them and why.

    Example: clearsight ask out-of-band --from 2026-11-22T00:00:00Z
    """

    async def asked(connection: AsyncConnection, settings: Settings) -> Answer:
        from api.queries.out_of_band import OutOfBandFilter
        from api.queries.out_of_band import out_of_band as ask

        found = await ask(connection, OutOfBandFilter(since, until, scenario), limit)
        return found, await covered(connection, settings, until, since)

    answer("out-of-band", asked, as_json)
