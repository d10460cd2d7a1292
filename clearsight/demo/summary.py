"""The end of `make demo` for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clearsight.demo.demonstration import WARM_UP_S, Demonstration, Explained


def show(demonstration: Demonstration, api_url: str, console: Console, local: bool) -> None:
    """Why each run failed, with its link; what was written against what landed; how fresh it was; where to look.

    `local`: the system is the stack that `clearsight up` starts, so its commands are named.
    """
    for explained in demonstration.incidents:
        _show_answer(explained, api_url, console)
    console.print(_counts(demonstration))
    console.print(_rates(demonstration), soft_wrap=True)
    console.print(_fresh(demonstration), soft_wrap=True)
    console.print(f"\nLook around:  {api_url}/docs", highlight=False, soft_wrap=True)
    if local:
        console.print(
            f"Ask again:    clearsight why {demonstration.incidents[0].incident.run_id}\n"
            "Break more:   clearsight demo break timeout\n"
            "Stop it:      clearsight down   (--purge removes its data too)",
            highlight=False,
            soft_wrap=True,
        )


def _show_answer(explained: Explained, api_url: str, console: Console) -> None:
    incident = explained.incident
    verdict = "[green]the seeded cause was found[/]" if explained.correct else "[red]not the seeded cause[/]"
    console.rule(f"{incident.name}: {verdict}, {explained.explanation.seconds:.1f} s", align="left")
    console.print(Text(explained.explanation.text), soft_wrap=True)
    link = f"{api_url}/run/{incident.run_id}"
    if link not in explained.explanation.text:
        console.print(Text(link), soft_wrap=True)
    console.print()


def _counts(demonstration: Demonstration) -> Table:
    landed = demonstration.landed
    table = Table(title="Written against landed")
    for column in ("", "written", "landed", "lost", "doubled"):
        table.add_column(column, justify="right" if column else "left")
    for name, side in (("row changes", landed.changes), ("log lines", landed.lines)):
        figures = (side.expected.total(), side.landed, side.lost.total(), side.surplus.total())
        table.add_row(name, *(f"{figure:,}" for figure in figures))
    return table


def _rates(demonstration: Demonstration) -> str:
    return (
        f"Rate:  {demonstration.commits:,} commits, {demonstration.commits / demonstration.traffic_s:.0f} a second; "
        f"{demonstration.landed.correlated_share:.1%} of what landed has a correlation id"
    )


def _fresh(demonstration: Demonstration) -> str:
    freshness = demonstration.freshness
    p50, p99 = freshness.percentile_ms(0.5), freshness.percentile_ms(0.99)
    if p50 is None:
        return "Fresh: no followed commit showed in the API"
    unseen = f", {freshness.unseen} never seen" if freshness.unseen else ""
    return (
        f"Fresh: a commit shows in the API after {p50:.0f} ms (p50), {p99:.0f} ms (p99); "
        f"{len(freshness.samples_ms)} followed after {WARM_UP_S:g} s of warm-up{unseen}"
    )
