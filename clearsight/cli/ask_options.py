"""What the questions of `clearsight ask` have in common: their options, and how they are put and answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.queries.branch import TrailFilter
    from clearsight.coverage import Coverage
    from clearsight.settings import Settings

    Answer = tuple[Any, Coverage]
    Question = Callable[[AsyncConnection, Settings], Awaitable[Answer]]


def instant(text: str | datetime) -> datetime:
    """RFC 3339 with any offset."""
    if isinstance(text, datetime):
        return text
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write it as 2026-11-22T08:00:00Z") from None
    if found.tzinfo is None:
        raise typer.BadParameter("it has no offset; write it as 2026-11-22T08:00:00Z")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise typer.BadParameter("out of range") from None


def in_order(since: datetime | None, until: datetime | None) -> None:
    """Raises typer.BadParameter."""
    if since is not None and until is not None and since >= until:
        raise typer.BadParameter("it must be before --to", param_hint="--from")


def _one_of(names: tuple[str, ...], change: Callable[[str], str]) -> Callable[[list[str] | None], list[str] | None]:
    def check(given: list[str] | None) -> list[str] | None:
        for each in given or ():
            if change(each) not in names:
                raise typer.BadParameter(f"{each!r} is none of {', '.join(names)}")
        return given and [change(each) for each in given]

    return check


LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
OUTCOMES = ("succeeded", "failed", "running")


Scenario = Annotated[str, typer.Argument(help="The scenario's id, as the application knows it.")]
Since = Annotated[
    datetime | None, typer.Option("--from", parser=instant, metavar="TIME", help="From this instant on, RFC 3339.")
]
Until = Annotated[datetime | None, typer.Option("--to", parser=instant, metavar="TIME", help="Before this instant.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Event type or kind; may be given several times.")]
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        "--severity",
        help="Of log lines; may be given several times.",
        callback=_one_of(LEVELS, str.upper),
    ),
]
Categories = Annotated[list[str] | None, typer.Option("--category", help="Of errors: timeout, validation, …")]
Users = Annotated[list[str] | None, typer.Option("--user", help="A user's id; may be given several times.")]
Nodes = Annotated[list[str] | None, typer.Option("--node", help="May be given several times.")]
Correlation = Annotated[str | None, typer.Option("--correlation", "--correlation-id", help="A correlation id.")]
Text = Annotated[str | None, typer.Option("--text", help="Text to look for.")]
Outcomes = Annotated[
    list[str] | None,
    typer.Option("--outcome", help="succeeded, failed or running.", callback=_one_of(OUTCOMES, str.lower)),
]
OfScenario = Annotated[str | None, typer.Option("--scenario", help="A scenario's id.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")]
Top = Annotated[int, typer.Option(min=1, max=100, help="Entries of each list.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, as the API answers.")]


def events(
    since: datetime | None,
    until: datetime | None,
    types: list[str] | None = None,
    levels: list[str] | None = None,
    categories: list[str] | None = None,
    users: list[str] | None = None,
    correlation: str | None = None,
    text: str | None = None,
) -> TrailFilter:
    from api.queries.branch import TrailFilter

    in_order(since, until)
    return TrailFilter(
        since=since,
        until=until,
        types=tuple(types or ()),
        levels=tuple(levels or ()),
        categories=tuple(categories or ()),
        users=tuple(users or ()),
        correlation_id=correlation,
        q=text,
    )


async def covered(
    connection: AsyncConnection, settings: Settings, until: datetime | None = None, since: datetime | None = None
) -> Coverage:
    from api.queries.coverage import coverage

    return await coverage(connection, settings.cloudwatch.expected_groups, until, since=since)


def answer(name: str, asked: Question, as_json: bool) -> None:
    import asyncio

    from clearsight.settings import load_settings

    try:
        found, covered = asyncio.run(_ask(load_settings(), asked))
    except UnicodeEncodeError:
        raise typer.BadParameter("what is asked for must be UTF-8") from None
    if as_json:
        from clearsight.cli.ask_json import text

        typer.echo(text(found, covered))
    else:
        from clearsight.cli.ask_view import show

        show(name, found, covered)


async def _ask(settings: Settings, asked: Question) -> Answer:
    from api.database import question, single_engine

    async with question(single_engine(settings)) as connection:
        return await asked(connection, settings)
