"""A page as one picture."""

from __future__ import annotations

import vl_convert

from powerbi.layout import HEIGHT, MARGIN, WIDTH
from powerbi.model import Model
from powerbi.preview import words
from powerbi.preview.charts import chart_svg
from powerbi.preview.shown import Shown
from powerbi.preview.svg import document, placed, rectangle, text
from powerbi.preview.text import fitting
from powerbi.report import Page, Report, Theme, Visual

SCALE = 0.75
"""Of the report's 1920 x 1080."""
MARK = "Preview drawn from live data, not Power BI"
_BARE = ("textbox", "pageNavigator", "actionButton")
_TITLE_SIZE, _TITLE_HEIGHT, _PADDING = 15, 30, 12


def picture(model: Model, report: Report, page: Page, things: list[Shown]) -> bytes:
    """PNG."""
    parts = [rectangle(0, 0, WIDTH, HEIGHT, report.theme.ground)]
    parts += [_standing(model, report, page, each) for each in things]
    parts.append(text(MARK, WIDTH - MARGIN, HEIGHT - 7, 12, report.theme.quiet, anchor="end"))
    return vl_convert.svg_to_png(document("".join(parts), WIDTH, HEIGHT), scale=SCALE)


def _standing(model: Model, report: Report, page: Page, shown: Shown) -> str:
    visual, theme = shown.visual, report.theme
    box = visual.box
    match visual.kind:
        case "textbox":
            inside = words.heading(shown, theme)
        case "pageNavigator":
            inside = words.tabs(list(report.pages), page, theme, box)
        case "actionButton":
            inside = words.back(theme, box)
        case "slicer":
            inside = _frame(visual, theme) + words.slicer(shown, theme, box)
        case _:
            inside = _frame(visual, theme) + _content(model, shown, theme)
    return placed(inside, box.x, box.y)


def _frame(visual: Visual, theme: Theme) -> str:
    frame = rectangle(0.5, 0.5, visual.box.width - 1, visual.box.height - 1, theme.paper, theme.line, 6)
    if visual.title is None:
        return frame
    said = fitting(visual.title, visual.box.width - 2 * _PADDING, _TITLE_SIZE)
    return frame + text(said, _PADDING, 22, _TITLE_SIZE, theme.ink, bold=True)


def _content(model: Model, shown: Shown, theme: Theme) -> str:
    visual = shown.visual
    top = _TITLE_HEIGHT if visual.title else 0
    width, height = visual.box.width - 2 * _PADDING, visual.box.height - top - _PADDING
    if visual.kind == "cardVisual":
        inside = words.cards(model, shown, theme, width, height)
    elif not shown.rows:
        inside = text("No data", width / 2, height / 2, _TITLE_SIZE, theme.quiet, anchor="middle")
    elif visual.kind == "tableEx":
        inside = words.table(model, shown, theme, width, height)
    else:
        inside = chart_svg(shown, theme, width, height - 4)
    return placed(inside, _PADDING, top + 4)
