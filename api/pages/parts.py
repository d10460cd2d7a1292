"""What both pages are built of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from html import escape
from typing import Any

from fastapi.responses import HTMLResponse
from nicegui import ui

from api.problems import RETRY_AFTER_S
from clearsight.coverage import Coverage
from clearsight.errors import ClearSightError, NotFound

MONO = "font-mono text-sm whitespace-pre-wrap break-words"
QUIET = "text-sm opacity-70"
_LINK_CELL = """
<q-td :props="props" style="white-space: normal">
  <a v-if="props.row[props.col.name + '_href']" :href="props.row[props.col.name + '_href']"
     class="text-primary underline">{{ props.value }}</a>
  <span v-else>{{ props.value }}</span>
</q-td>
"""


@contextmanager
def sheet() -> Iterator[None]:
    """The page's one column."""
    with ui.column().classes("w-full max-w-5xl mx-auto gap-4 p-2"):
        yield


@contextmanager
def section(title: str, *, accent: str = "") -> Iterator[None]:
    """A titled block; `accent` is a border colour class."""
    with ui.card().props("flat bordered").classes(f"w-full gap-2 {accent}"):
        ui.label(title).classes("text-xs font-bold uppercase tracking-wide opacity-70")
        yield


def facts(*pairs: tuple[str, str | None, str | None]) -> None:
    """Label, value, address: on one line, those without a value left out."""
    with ui.row().classes("gap-x-6 gap-y-1 items-baseline"):
        for label, value, href in pairs:
            if value is None:
                continue
            with ui.row().classes("gap-1 items-baseline"):
                ui.label(label).classes(QUIET)
                if href:
                    ui.link(value, href).classes("break-all")
                else:
                    ui.label(value).classes("break-all")


def bullets(texts: list[str]) -> None:
    with ui.element("ul").classes("list-disc ml-5 my-0"):
        for text in texts:
            with ui.element("li"):
                ui.label(text)


def table(columns: list[tuple[str, str]], rows: list[dict[str, Any]], *, linked: tuple[str, ...] = ()) -> ui.table:
    """`columns`: field and heading. A field in `linked` is a link where the row has `<field>_href`."""
    made = ui.table(
        columns=[
            {"name": name, "field": name, "label": label, "align": "left", "classes": "align-top whitespace-normal"}
            for name, label in columns
        ],
        rows=[{"id": number, **row} for number, row in enumerate(rows)],
        row_key="id",
    )
    for name in linked:
        made.add_slot(f"body-cell-{name}", _LINK_CELL)
    return made.props("flat dense wrap-cells").classes("w-full")


def covered(coverage: Coverage) -> None:
    """Up to when the page is whole, and what may be missing."""
    with section("Data as of"):
        facts(
            ("row changes through", clock(coverage.changes.through) or "not known", None),
            ("log position", coverage.changes.position, None),
            *((group.group, clock(group.through) or "never read", None) for group in coverage.logs),
        )
        missing = [
            f"{count}{'+' if count == 1000 else ''} {what}"
            for count, what in (
                (coverage.pending, "events wait for their context"),
                (coverage.dead_letters, "records could not be read (dead letters)"),
                (len(coverage.gaps), "gaps in what was read"),
            )
            if count
        ]
        verdict = "Nothing is known to be missing." if coverage.complete else "Not complete yet."
        ui.label(" ".join([verdict, *(f"{each}." for each in missing)]))


def refusal(error: ClearSightError) -> HTMLResponse:
    """A page for what could not be shown: 404, or 503 that tries again by itself."""
    status = 404 if isinstance(error, NotFound) else 503
    headers = {} if status == 404 else {"Retry-After": str(RETRY_AFTER_S)}
    again = "" if status == 404 else f'<meta http-equiv="refresh" content="{RETRY_AFTER_S}">'
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ClearSight RCA</title>{again}'
        '<meta name="color-scheme" content="light dark"></head>'
        '<body style="font-family: sans-serif; max-width: 50rem; margin: 4rem auto; padding: 0 1rem">'
        f'<h1>{escape(error.message)}</h1><p>{escape(error.mend)}</p><p><a href="/">Recent failed runs</a></p></body></html>',
        status_code=status,
        headers=headers,
    )


def clock(instant: datetime | None) -> str | None:
    """UTC to the millisecond."""
    if instant is None:
        return None
    return instant.strftime("%Y-%m-%d %H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def duration(ms: int | None) -> str | None:
    if ms is None:
        return None
    if ms < 1000:
        return f"{ms} ms"
    return f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.1f} min"
