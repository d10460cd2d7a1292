"""clearsight why"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clearsight.readable import clock

if TYPE_CHECKING:
    from api.queries.why import Why
    from clearsight.causes import Candidate
    from clearsight.coverage import Coverage
    from clearsight.settings import Settings


def register(app: typer.Typer) -> None:
    @app.command()
    def why(
        run_id: Annotated[str, typer.Argument(help="the run's id, as the application knows it")],
        json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    ) -> None:
        """Why did this run fail? The cause, its evidence, and what was ruled out.

        Example: clearsight why 3f0c… --json
        """
        import asyncio

        from clearsight.settings import load_settings

        answer = asyncio.run(_ask(load_settings(), run_id))
        if json:
            import msgspec

            typer.echo(msgspec.json.encode(answer).decode())
        else:
            _print(answer)


async def _ask(settings: Settings, run_id: str) -> Why:
    from api.addresses import run_page
    from api.database import question, single_engine
    from api.queries.why import why as ask

    async with question(single_engine(settings)) as connection:
        page = settings.api.link_base + run_page(run_id)
        return await ask(connection, run_id, settings.mapping, settings.cloudwatch.expected_groups, page)


def _print(answer: Why) -> None:
    heading = {"explained": "CAUSE", "undecided": "UNDECIDED", "not_failed": "NOT FAILED"}[answer.verdict]
    colour = {"explained": "green", "undecided": "yellow", "not_failed": "blue"}[answer.verdict]
    typer.secho(f"{heading}  {answer.summary}", fg=colour, bold=True)
    for candidate in answer.candidates:
        _print_candidate(candidate)
    if answer.ruled_out:
        typer.secho("\nruled out", bold=True)
        for each in answer.ruled_out:
            typer.echo(f"  - {each.title}{_by(each.change.user)}: {'; '.join(each.reasons)}")
    if answer.schema_changes:
        since = "since the last good run started" if answer.last_good_run_id else "in the day before"
        typer.secho(f"\nschema changed {since}", bold=True)
        for step in answer.schema_changes:
            typer.echo(f"  - {step.table}: {step.text}, first seen at {clock(step.seen_at)}")
    _print_coverage(answer.coverage)
    typer.echo(f"\n{answer.page}")


def _print_candidate(candidate: Candidate) -> None:
    from clearsight.causes import share_text

    typer.secho(f"\n{candidate.title}  ({share_text(candidate.score)})", bold=True)
    if candidate.change is not None:
        change = candidate.change
        out_of_band = candidate.kind == "out_of_band"
        context = (
            "no context: changed out of band"
            if out_of_band
            else f"correlation {change.correlation_id or 'not known yet'}"
        )
        typer.echo(f"  changed{_by(change.user)} at {clock(change.occurred_at)}, {context}")
    elif candidate.transaction is not None:
        party = candidate.transaction
        typer.echo(f"  committed at {clock(party.committed_at)}, correlation {party.correlation_id or 'none'}")
    for sentence in candidate.evidence:
        typer.echo(f"  + {sentence}")
    for sentence in candidate.against:
        typer.echo(f"  - {sentence}")


def _print_coverage(coverage: Coverage) -> None:
    through = clock(coverage.changes.through) if coverage.changes.through else "not known"
    logs = min((group.through for group in coverage.logs if group.through), default=None)
    state = "complete" if coverage.complete else "not complete"
    typer.echo(
        f"\n{state}: changes through {through}, logs through {clock(logs) if logs else 'not known'}, "
        f"{coverage.pending} pending, {len(coverage.gaps)} gaps, {coverage.dead_letters} dead letters"
    )


def _by(user: str | None) -> str:
    return f" by {user}" if user else ""
