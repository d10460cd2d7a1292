"""What `clearsight forward explain` prints: a block for each line, and a count of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from clearsight.readable import printable

if TYPE_CHECKING:
    from connectors.cloudwatch.explain import Explained

LONGEST = 300
_COLOURS = {"ERROR": "red", "FATAL": "red", "WARN": "yellow"}
_IDS = ("scenario_id", "run_id", "user_id", "node", "service", "request_id", "trace_id")


def show(explained: Explained) -> None:
    console, line = Console(highlight=False), explained.line
    heading = Text(f"{explained.number}  {line.format}  ", style="bold")
    console.print(heading.append(line.level, style=_COLOURS.get(line.level, "green")))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", min_width=16, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _told(explained):
        table.add_row(f"   {name}", Text(_short(value)))
    console.print(table)
    console.print()


def summary(found: Sequence[Explained]) -> None:
    def counted(counts: Counter[str]) -> str:
        return ", ".join(f"{name} {count:,}" for name, count in counts.most_common()) or "none"

    console = Console(highlight=False)
    console.print(f"{len(found):,} lines", style="bold")
    console.print(f"formats      {counted(Counter(each.line.format for each in found))}")
    console.print(f"correlation  {counted(Counter(each.line.correlation_source for each in found))}")
    console.print(f"categories   {counted(Counter(each.category for each in found if each.category))}")
    redactions = Counter[str]()
    for each in found:
        redactions.update(each.line.redactions)
    console.print(f"redacted     {counted(redactions)}")


def _told(explained: Explained) -> Iterator[tuple[str, str]]:
    line = explained.line
    yield "message", line.message
    if line.correlation_id:
        yield "correlation_id", f"{line.correlation_id}  ({line.correlation_source})"
    yield from ((name, value) for name in _IDS if (value := getattr(line, name)))
    if line.error:
        yield "error", ": ".join(filter(None, (line.error.type, line.error.message))) or "without type"
        if line.error.stack:
            yield "stack", f"{line.error.stack.count(chr(10)) + 1} lines, fingerprint {line.error.fingerprint}"
    if explained.category:
        yield "category", f"{explained.category}  ({explained.because or 'no rule matches'})"
    if line.redactions:
        yield "redacted", ", ".join(f"{kind} {count}" for kind, count in line.redactions.items())
    yield from ((f".{name}", str(value)) for name, value in line.attributes.items())


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}… ({len(shown):,} characters)"
