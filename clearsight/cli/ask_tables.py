"""Tables and words in which `clearsight ask` answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clearsight.readable import clock, printable

LONGEST = 160
LONGEST_ID = 40
COLOURS = {"ERROR": "red", "FATAL": "red", "WARN": "yellow", "failed": "red", "succeeded": "green"}


def table(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Nothing where there are no rows."""
    shown_rows = [[_cell(value) for value in row] for row in rows]
    if not shown_rows:
        return
    made = Table(
        title=Text(title), title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False
    )
    for place, column in enumerate(columns):
        whole = max(row[place].cell_len for row in shown_rows) if _is_whole(shown_rows, place) else None
        made.add_column(Text(column), overflow="fold", min_width=whole)
    for row in shown_rows:
        made.add_row(*row)
    console.print(made)
    console.print()


def _is_whole(rows: Sequence[Sequence[Text]], place: int) -> bool:
    """Times, and ids that a person wants to copy: one word, and not too long a one."""
    return all(" " not in row[place].plain and row[place].cell_len <= LONGEST_ID for row in rows)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(clock(value), no_wrap=True)
    if isinstance(value, int):
        return Text(f"{value:,}", justify="right")
    text = printable(str(value)).replace("\n", " ")
    return Text(text if len(text) <= LONGEST else f"{text[:LONGEST]}…", style=COLOURS.get(text, ""))


def who(user: str | None, link: str | None) -> str:
    return "out of band" if link == "unlinked" else user or "not known"


def span(ms: int | None) -> str:
    if ms is None:
        return "an unknown time"
    return f"{ms:,} ms" if abs(ms) < 10_000 else str(timedelta(seconds=round(ms / 1000)))


def share(part: float | None) -> str:
    return "not known" if part is None else f"{part:.1%}"


def joined(items: Sequence[str]) -> str:
    return printable(", ".join(items)) or "none"
