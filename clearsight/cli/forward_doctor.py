"""`clearsight forward doctor`: what is wrong with the forwarder's set-up, and its mend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clearsight.doctor.finding import Report


def register(forward: typer.Typer) -> None:
    forward.command(name="doctor")(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    strict: Annotated[bool, typer.Option(help="Warnings count in the exit code too.")] = False,
) -> None:
    """Look at accounts, log groups, quota, tiers, push and the forwarder that runs; name each mend.

    Exit code: 0 nothing wrong, 5 CloudWatch does not answer, 1 anything else.

    Example: clearsight forward doctor
    """
    from rich.console import Console

    from clearsight.cli.doctor import as_object
    from clearsight.doctor import forwarder
    from clearsight.doctor.finding import exit_code, report
    from clearsight.settings import load_settings
    from connectors.cloudwatch.forwarder_facts import asked_for, observe_forwarder

    settings = load_settings()
    with Console(stderr=True).status("asking CloudWatch …"):
        facts = observe_forwarder(settings)
    found = report([forwarder.judge(facts, asked_for(settings))])
    if as_json:
        typer.echo(as_object(found))
    else:
        _show(found)
    raise typer.Exit(exit_code(found.findings, strict))


def _show(found: Report) -> None:
    for finding in found.findings:
        typer.echo(f"{finding.severity}: {finding.what}  [{finding.code}]\n  mend: {finding.mend}")
    for left in found.not_checked:
        typer.echo(f"not checked, because {left.because}: {left.check}")
    if not found.findings:
        typer.echo(f"nothing wrong in {len(found.checked)} checks")
