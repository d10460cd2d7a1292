"""What is no chart: cards, tables, slicers, the page's head."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from powerbi.model import Model
from powerbi.preview.shown import Shown
from powerbi.preview.svg import element, placed, rectangle, text
from powerbi.preview.text import fitting, is_text, label, letters, written
from powerbi.report import Box, Field, MeasureField, Page, Theme

_TEXT_SIZE, _LINE_HEIGHT, _ROW_HEIGHT, _PADDING = 12.5, 16, 25, 10
_APART = 16
"""Between what columns say."""
_MOST_ROWS, _MOST_LINES = 60, 12
_LETTER = 0.53 * _TEXT_SIZE
"""Width of most letters."""


def cards(model: Model, shown: Shown, theme: Theme, width: float, height: float) -> str:
    """The values side by side, each over its label."""
    values = shown.rows[0] if shown.rows else (None,) * len(shown.fields)
    blank = str(shown.visual.style["value"]["showBlankAs"])
    room = width / max(1, len(shown.fields))
    size = min(float(shown.visual.style["value"]["fontSize"]) * 1.33, height * 0.42)
    parts = []
    for place, (field, value) in enumerate(zip(shown.fields, values, strict=True)):
        middle = room * (place + 0.5)
        said = fitting(written(model, field, value) or blank, room - 8, size)
        parts.append(text(said, middle, height * 0.52, size, theme.ink, bold=True, anchor="middle"))
        named = fitting(label(field), room - 8, _TEXT_SIZE)
        parts.append(text(named, middle, height * 0.52 + 20, _TEXT_SIZE, theme.quiet, anchor="middle"))
    return "".join(parts)


def table(model: Model, shown: Shown, theme: Theme, width: float, height: float) -> str:
    """As many rows as fit."""
    heads = [label(field) for field in shown.fields]
    wrapped = shown.visual.style["values"]["wordWrap"] is True
    cells = [
        [_said(model, field, value, wrapped) for field, value in zip(shown.fields, row, strict=True)]
        for row in shown.rows[:_MOST_ROWS]
    ]
    widths = _widths(heads, cells, width)
    parts = [_line(model, [[head] for head in heads], shown, widths, 0, theme, bold=True)]
    parts.append(rectangle(0, _ROW_HEIGHT - 4, width, 1, theme.quiet))
    top = _ROW_HEIGHT
    for row in cells:
        lines = [_broken(cell, room, wrapped) for cell, room in zip(row, widths, strict=True)]
        tall = _ROW_HEIGHT + _LINE_HEIGHT * (max(map(len, lines)) - 1)
        if top + tall > height:
            break
        parts.append(_line(model, lines, shown, widths, top, theme))
        top += tall
    return "".join(parts)


def _said(model: Model, field: Field, value: Any, wrapped: bool) -> str:
    return value.strip("\n") if wrapped and isinstance(value, str) else written(model, field, value)


def _broken(cell: str, width: float, wrapped: bool) -> list[str]:
    lines = [cell]
    if wrapped:
        most = letters(width - 8, _TEXT_SIZE)
        lines = [part for line in cell.split("\n") for part in wrap(line, most, drop_whitespace=False) or [""]]
    kept = lines[:_MOST_LINES] + (["…"] if len(lines) > _MOST_LINES else [])
    return [fitting(line.rstrip(), width - 8, _TEXT_SIZE) for line in kept]


def _widths(heads: list[str], cells: list[list[str]], width: float) -> list[float]:
    """Each column gets what its longest line needs, as long as it needs no more than its share of what is left."""
    columns = zip(*cells, strict=True) if cells else [()] * len(heads)
    wanted = [
        _APART + _LETTER * max(len(head) + 1, *(len(line) for cell in column for line in cell.split("\n")), 0)
        for head, column in zip(heads, columns, strict=True)
    ]
    given: dict[int, float] = {}
    for place in sorted(range(len(wanted)), key=lambda place: wanted[place]):
        share = (width - sum(given.values())) / (len(wanted) - len(given))
        given[place] = min(wanted[place], share)
    stretch = width / sum(given.values())
    return [given[place] * stretch for place in range(len(wanted))]


def _line(
    model: Model,
    row: list[list[str]],
    shown: Shown,
    widths: list[float],
    top: float,
    theme: Theme,
    *,
    bold: bool = False,
) -> str:
    parts, x = [], 0.0
    for field, lines, width in zip(shown.fields, row, widths, strict=True):
        right = isinstance(field, MeasureField) and not is_text(model, field)
        for number, line in enumerate(lines):
            y = top + 15 + number * _LINE_HEIGHT
            end, place = ("end", x + width - 8) if right else ("start", x)
            parts.append(text(line, place, y, _TEXT_SIZE, theme.ink, bold=bold, anchor=end))
        x += width
    return "".join(parts)


def slicer(shown: Shown, theme: Theme, box: Box) -> str:
    chosen = shown.visual.slicer
    assert chosen is not None
    said = f"Last {chosen.last_days} days" if chosen.last_days else "All"
    field = rectangle(_PADDING, 32, box.width - 2 * _PADDING, 32, theme.paper, theme.line, 4)
    arrow = element("path", d=f"M {box.width - 34} 44 l 6 8 l 6 -8", fill="none", stroke=theme.quiet, stroke_width=2)
    return (
        text(chosen.label, _PADDING, 22, 13, theme.ink, bold=True)
        + field
        + text(said, _PADDING + 10, 53, 13, theme.ink)
        + arrow
    )


def heading(shown: Shown, theme: Theme) -> str:
    name, question = shown.visual.lines
    return text(name, 0, 30, 26, theme.ink, bold=True) + text(question, 0, 56, 15, theme.quiet)


def tabs(pages: list[Page], current: Page, theme: Theme, box: Box) -> str:
    """Pages that are opened from a run alone have no tab."""
    shown = [page for page in pages if not page.drill_by]
    width = box.width / len(shown)
    parts = []
    for place, page in enumerate(shown):
        here = page is current
        parts.append(
            rectangle(place * width + 3, 18, width - 6, 38, theme.series[0] if here else theme.paper, theme.line, 6)
        )
        said = fitting(page.name, width - 12, 14)
        parts.append(text(said, (place + 0.5) * width, 42, 14, theme.paper if here else theme.ink, anchor="middle"))
    return "".join(parts)


def back(theme: Theme, box: Box) -> str:
    middle = box.height / 2
    arrow = element("path", d=f"M 38 {middle} h -22 m 9 -9 l -9 9 l 9 9", fill="none", stroke=theme.ink, stroke_width=3)
    return placed(arrow, 0, 0)
