"""The end of `make demo` for people."""

from __future__ import annotations

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from clearsight.demo.demonstration import Demonstration, Explained


def show(demonstration: Demonstration, api_url: str, console: Console) -> None:
    """Why each run failed, with its link; what was written against what landed; how fresh it was; where to look."""
    for explained in demonstration.incidents:
        console.print(_answer(explained, api_url))
    console.print(_counts(demonstration))
    console.print(_fresh(demonstration))
    console.print(
        f"\nLook around:  {api_url}/docs\n"
        f"Ask again:    clearsight why {demonstration.incidents[0].incident.run_id}\n"
        "Break more:   clearsight demo break timeout\n"
        "Stop it:      clearsight down   (--purge removes its data too)",
        highlight=False,
        soft_wrap=True,
    )


def _answer(explained: Explained, api_url: str) -> Panel:
    incident = explained.incident
    verdict = "[green]the seeded cause[/]" if explained.correct else "[red]not the seeded cause[/]"
    link = Text(f"{api_url}/run/{incident.run_id}", style="cyan", no_wrap=True)
    body = Group(Text(explained.explanation.text), link)
    return Panel(body, title=f"{incident.name}: {verdict}, {explained.explanation.seconds:.1f} s", title_align="left")


def _counts(demonstration: Demonstration) -> Table:
    landed = demonstration.landed
    table = Table(title="Written against landed")
    for column in ("", "written", "landed", "lost", "doubled"):
        table.add_column(column, justify="right" if column else "left")
    for name, side in (("row changes", landed.changes), ("log lines", landed.lines)):
        figures = (side.expected.total(), side.landed, side.lost.total(), side.surplus.total())
        table.add_row(name, *(f"{figure:,}" for figure in figures))
    table.caption = (
        f"{demonstration.commits:,} commits, {demonstration.commits / demonstration.traffic_s:.0f} a second; "
        f"{landed.correlated_share:.1%} joined by a correlation id"
    )
    return table


def _fresh(demonstration: Demonstration) -> str:
    freshness = demonstration.freshness
    p50, p99 = freshness.percentile_ms(0.5), freshness.percentile_ms(0.99)
    if p50 is None:
        return "Fresh: no followed commit showed in the API"
    unseen = f", {freshness.unseen} never seen" if freshness.unseen else ""
    return (
        f"Fresh: a commit shows in the API after {p50:.0f} ms (p50), {p99:.0f} ms (p99); "
        f"{len(freshness.samples_ms)} followed{unseen}"
    )
