"""`clearsight doctor`: what is wrong with the set-up, and its mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from clearsight.doctor.finding import Finding, Report
    from clearsight.settings import Settings

MARKS = {"error": ("✗", "red"), "warning": ("!", "yellow")}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    area: Annotated[
        list[str] | None,
        typer.Option(
            help="settings, source, kafka, connect, report, cloudwatch or api; repeat for more; all by default"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    strict: Annotated[bool, typer.Option(help="warnings count in the exit code too")] = False,
    mend: Annotated[
        bool,
        typer.Option(help="first set the settings of existing topics right; nothing is kept for a shorter time by it"),
    ] = False,
) -> None:
    """Look at every part at once and name each wrong setting with its mend. Changes nothing unless --mend is given.

    Exit code: 0 nothing wrong, 2 a setting of ours, 5 a part is away, 3 the source, 1 anything else; the first that fits.

    Example: clearsight doctor --area source --area connect
    """
    from clearsight.cli.examination import examine, unreadable
    from clearsight.doctor.catalogue import AREAS
    from clearsight.doctor.finding import exit_code
    from clearsight.errors import ConfigurationError
    from clearsight.settings import load_settings

    areas = area or list(AREAS)
    for name in areas:
        if name not in AREAS:
            raise ConfigurationError(f"there is no area {name!r}", f"choose from {', '.join(AREAS)}")
    try:
        settings = load_settings()
    except ConfigurationError as error:
        found = unreadable(error)
    else:
        if mend:
            _mend(settings)
        with _progress(areas) as answered:
            found = examine(settings, areas, answered=answered)
    if as_json:
        typer.echo(as_object(found))
    else:
        from rich.console import Console

        show(found, Console(highlight=False, soft_wrap=True, markup=False, emoji=False))
    raise typer.Exit(exit_code(found.findings, strict))


def as_object(found: Report) -> str:
    """{"findings": [{code, area, severity, what, mend}], "consequences": [… and follows], "checked", "not_checked"}"""
    import msgspec

    consequences = [{"follows": each.follows, **msgspec.structs.asdict(each.finding)} for each in found.consequences]
    whole = {**msgspec.structs.asdict(found), "consequences": consequences}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode()


def show(found: Report, console: Console) -> None:
    """By area: what is right on one line, then each finding with its mend, then what was not looked at and why."""
    from clearsight.doctor.catalogue import AREAS

    for area in (*AREAS, "doctor"):
        _show_area(found, area, console)
    errors = sum(finding.severity == "error" for finding in found.findings)
    warnings = len(found.findings) - errors
    if found.findings:
        console.print(f"\n{_count(errors, 'error')}, {_count(warnings, 'warning')}", style="bold")
    else:
        console.print(f"\nnothing wrong in {_count(len(found.checked), 'check')}", style="bold green")


def _show_area(found: Report, area: str, console: Console) -> None:
    from clearsight.doctor.catalogue import check_of

    findings = [finding for finding in found.findings if finding.area == area]
    following = [each for each in found.consequences if each.finding.area == area]
    wrong = {check_of(finding.code) for finding in [*findings, *(each.finding for each in following)]}
    right = [each.check for each in found.checked if each.area == area and each.check not in wrong]
    left: dict[str, list[str]] = {}
    for skipped in found.not_checked:
        if skipped.area == area:
            left.setdefault(skipped.because, []).append(skipped.check)
    if right:
        console.print(f"{area:11}✓ {', '.join(right)}", style="green")
    for finding in findings:
        _show_finding(finding, console, area)
    for each in following:
        console.print(f"{area:11}· {each.finding.what} (follows from {each.follows})", style="bright_black")
    for because, checks in left.items():
        console.print(f"{area:11}– not checked, because {because}: {', '.join(checks)}", style="bright_black")


def _show_finding(finding: Finding, console: Console, area: str) -> None:
    mark, colour = MARKS[finding.severity]
    console.print(f"{area:11}{mark} {finding.what}  [{finding.code}]", style=colour)
    console.print(f"{'':13}mend: {finding.mend}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _mend(settings: Settings) -> None:
    """What cannot be mended is found afterwards."""
    from clearsight.cli.examination import read_mapping
    from clearsight.errors import Unavailable
    from connectors.topics import mend_topics

    mapping, _ = read_mapping(settings)
    if mapping is None:
        typer.echo("not mended: the mapping file cannot be read", err=True)
        return
    try:
        mended = mend_topics(settings.kafka, mapping.tables())
    except Unavailable as error:
        typer.echo(f"not mended: {error.message}", err=True)
        return
    for topic, changed in mended.items():
        words = ", ".join(f"{setting} = {value}" for setting, value in changed.items())
        typer.echo(f"mended {topic}: {words}", err=True)


@contextmanager
def _progress(areas: list[str]) -> Iterator[Callable[[str], None]]:
    """On standard error, which areas have not answered yet."""
    from rich.console import Console

    waiting = [area for area in areas if area != "settings"]
    with Console(stderr=True).status(f"looking at {', '.join(waiting)} …") as status:

        def answered(area: str) -> None:
            if area in waiting:
                waiting.remove(area)
            status.update(f"looking at {', '.join(waiting)} …")

        yield answered
