"""`clearsight dead-letters`: records that could not be landed; look at them, land them after all, or dismiss them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from stream_processors.letters import ReasonGroup, Selection, Summary
    from stream_processors.redrive import Outcome

SHOWN_CHARACTERS = 4_000

Ids = Annotated[list[int] | None, typer.Option("--id", help="This letter; may be given several times.")]
Reason = Annotated[str | None, typer.Option(help="Letters whose reason contains this text.")]
Topic = Annotated[str | None, typer.Option(help="Letters of this topic.")]
Since = Annotated[str | None, typer.Option(help="Appended at or after this time, ISO 8601; without offset: UTC.")]
Until = Annotated[str | None, typer.Option(help="Appended before this time.")]
All = Annotated[bool, typer.Option("--all", help="Every open letter that the other options allow.")]
By = Annotated[str | None, typer.Option(help="Who does it; your user name where not given.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Records that could not be landed, with their bytes and the reason.")
    group.command("list")(list_)
    group.command()(show)
    group.command()(redrive)
    group.command()(dismiss)
    app.add_typer(group, name="dead-letters")


def list_(
    reason: Reason = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    state: Annotated[str, typer.Option(help="open, resolved, dismissed or all.")] = "open",
    each: Annotated[bool, typer.Option("--each", help="Each letter, instead of how many have which reason.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most this many groups or letters.")] = 50,
    as_json: Json = False,
) -> None:
    """How many dead letters there are, by reason.

    Example: clearsight dead-letters list --topic clearsight.logs --each
    """
    import msgspec

    from clearsight.cli.letter_view import line
    from clearsight.cli.writer import writer
    from clearsight.settings import load_settings
    from stream_processors import letters

    selection = _selection(None, reason, topic, since, until, _states(state))
    with writer(load_settings()) as connection:
        query: Any = letters.listed if each else letters.groups
        found: list[Summary | ReasonGroup] = query(connection, selection, limit)
        total = letters.count(connection, selection)
    if as_json:
        name = "letters" if each else "groups"
        typer.echo(msgspec.json.encode({"total": total, name: found}).decode())
        return
    for item in found:
        typer.echo(line(item))
    if total == 0:
        typer.echo(f"no {'' if state == 'all' else state + ' '}dead letter")


def show(
    letter_id: Annotated[int, typer.Argument(metavar="ID", help="As `list` prints it.")],
    full: Annotated[bool, typer.Option("--full", help="The whole value, however long.")] = False,
    as_json: Json = False,
) -> None:
    """One letter with its record: headers, key and value. The value may hold what the application holds, secrets too.

    Example: clearsight dead-letters show 17
    """
    import msgspec

    from clearsight.cli.letter_view import document, letter_text
    from clearsight.cli.writer import writer
    from clearsight.settings import load_settings
    from stream_processors import letters

    with writer(load_settings()) as connection:
        found = letters.stored(connection, [letter_id])
    if not found:
        raise _unknown([letter_id])
    if as_json:
        typer.echo(msgspec.json.encode(document(found[0])).decode())
    else:
        typer.echo(letter_text(found[0], None if full else SHOWN_CHARACTERS))


def redrive(
    ids: Ids = None,
    reason: Reason = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try each, and keep nothing.")] = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Land dead letters after all, once what was wrong is mended: the mapping file, the schema or this program.

    Runs beside workers and moves no position; twice is once. What lands is published by the next worker that runs.
    A letter named with --id is tried although it was dismissed. Ends with 8 where a letter fails again.

    Example: clearsight dead-letters redrive --reason "does not name the table" --dry-run
    """
    import msgspec

    from clearsight.cli.letter_view import outcome_text
    from clearsight.cli.writer import caller, writer
    from clearsight.errors import Incomplete
    from clearsight.settings import load_settings
    from clearsight.topics import TopicNames
    from stream_processors import letters
    from stream_processors.redrive import Redrive
    from stream_processors.worker import connector

    settings = load_settings()
    selection = _chosen(ids, reason, topic, since, until, everything)
    with writer(settings) as connection:
        _require_known(connection, ids)
        total = letters.count(connection, selection)
        names = TopicNames(settings.kafka.topic_prefix)
        run = Redrive(connector(settings), settings.mapping, names, by or caller(), dry_run=dry_run)
        outcome = _with_progress(run, selection, total)
    if as_json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(outcome), "dry_run": dry_run}).decode())
    else:
        typer.echo(outcome_text(outcome, dry_run))
    if outcome.failed:
        raise Incomplete(
            f"{outcome.failed:,} of {outcome.tried:,} letters {'would fail' if dry_run else 'failed'} again",
            "correct what their reasons say, then redrive them, or dismiss them with a reason of yours",
        )


def dismiss(
    because: Annotated[str, typer.Option(help="Why nothing is missing without them; kept with your name.")],
    ids: Ids = None,
    reason: Reason = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    everything: All = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say that open letters need not land. They are kept, and answers no longer count them as missing.

    Example: clearsight dead-letters dismiss --id 17 --because "a load test wrote to the wrong topic"
    """
    import json

    from clearsight.cli.writer import caller, writer
    from clearsight.settings import load_settings
    from stream_processors import letters

    if not because.strip():
        raise typer.BadParameter("say why", param_hint="--because")
    selection = _chosen(ids, reason, topic, since, until, everything, states=("open",))
    with writer(load_settings()) as connection:
        _require_known(connection, ids)
        count = letters.dismiss(connection, selection, by or caller(), because.strip())
    typer.echo(json.dumps({"dismissed": count}) if as_json else f"{count:,} letters dismissed")


def _chosen(
    ids: list[int] | None,
    reason: str | None,
    topic: str | None,
    since: str | None,
    until: str | None,
    everything: bool,
    states: tuple[Any, ...] | None = None,
) -> Selection:
    """Of a command that changes letters: nothing is chosen by saying nothing."""
    if not ids and not reason and not everything:
        raise typer.BadParameter("say which letters: --id, --reason or --all")
    named = ("open", "dismissed") if ids else ("open",)
    return _selection(ids, reason, topic, since, until, states or named)


def _selection(
    ids: list[int] | None,
    reason: str | None,
    topic: str | None,
    since: str | None,
    until: str | None,
    states: tuple[Any, ...],
) -> Selection:
    from stream_processors.letters import Selection

    return Selection(
        ids=tuple(ids) if ids else None,
        reason=reason,
        topic=topic,
        since=_time(since, "--since"),
        until=_time(until, "--until"),
        states=states,
    )


def _states(state: str) -> tuple[Any, ...]:
    from stream_processors.letters import STATES

    if state == "all":
        return STATES
    if state not in STATES:
        raise typer.BadParameter(f"use one of {', '.join(STATES)}, all", param_hint="--state")
    return (state,)


def _time(text: str | None, option: str) -> datetime | None:
    from datetime import UTC

    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("write it as 2026-11-22T08:00:00Z", param_hint=option) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _require_known(connection: Any, ids: list[int] | None) -> None:
    from stream_processors import letters

    named = letters.Selection(ids=tuple(ids or ()), states=letters.STATES)
    known = {size.id for size in letters.sizes(connection, named)}
    missing = [letter_id for letter_id in ids or [] if letter_id not in known]
    if missing:
        raise _unknown(missing)


def _unknown(ids: list[int]) -> Exception:
    from clearsight.errors import NotFound

    return NotFound(
        f"there is no dead letter {', '.join(map(str, ids))}", "see `clearsight dead-letters list --each --state all`"
    )


def _with_progress(run: Any, selection: Selection, total: int) -> Outcome:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("redriving", total=total)
        outcome: Outcome = run.run(selection, lambda count: progress.advance(task, count))
    return outcome
