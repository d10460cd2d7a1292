"""Pictures: values as the report formats them, texts that fit, charts that share a document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from powerbi.describe import MODEL, REPORT
from powerbi.layout import placed
from powerbi.preview.charts import chart_svg
from powerbi.preview.picture import MARK, SCALE, picture
from powerbi.preview.shown import Shown
from powerbi.preview.svg import text
from powerbi.preview.text import fitting, written
from powerbi.report import ColumnField, Field, MeasureField, Page, Visual

pytestmark = pytest.mark.unit

VALUES: dict[str, Any] = {
    "text": 'a <b> & "c"',
    "whole": 3,
    "decimal": 1.5,
    "instant": datetime(2026, 11, 22, 23, 59, 1),
    "date": date(2026, 11, 22),
    "flag": True,
}


def a_value(field: Field) -> Any:
    if isinstance(field, ColumnField):
        return VALUES[MODEL.table(field.table).column(field.name).kind]
    pattern = MODEL.table(field.table).measure(field.name).format
    return VALUES["instant"] if pattern.startswith("yyyy") else "x" if pattern == "@" else 0.5


def filled(visual: Visual) -> Shown:
    fields = tuple(dict.fromkeys(visual.fields))
    return Shown(visual, fields, [tuple(map(a_value, fields)), tuple(None for _ in fields)] if fields else [])


@pytest.mark.parametrize(
    ("table", "measure", "value", "said"),
    [
        ("Run", "Runs", 12345, "12,345"),
        ("Run", "Success Rate", 0.98765, "98.8%"),
        ("Run", "Mean Duration s", 1234.56, "1,234.6"),
        ("Run", "Gap min", 0.0054, "0.005"),
        ("Run", "Gap min", 7, "7.0"),
        ("Run", "Longer By s", 3.25, "+3.2"),
        ("Run", "More Errors", 1200, "+1,200"),
        ("Run", "Newest Run", datetime(2026, 11, 22, 23, 59, 1), "2026-11-22 23:59:01"),
        ("Run", "Runs", None, ""),
    ],
)
def test_measures_are_written_by_their_format(table: str, measure: str, value: Any, said: str) -> None:
    assert written(MODEL, MeasureField(table, measure), value) == said


def test_a_text_of_several_lines_is_one_in_a_list() -> None:
    assert written(MODEL, ColumnField("Log", "Message"), "one\n  two") == "one two"


def test_what_does_not_fit_says_so() -> None:
    assert fitting("abcdefghij", 1000, 10) == "abcdefghij"
    assert fitting("abcdefghij", 26, 10) == "abcd…"
    assert fitting("abcdefghij", 0, 10) == "…"


def test_what_data_says_is_no_markup() -> None:
    assert "&lt;script&gt;" in text("<script>", 0, 0, 10, "#000000")


@pytest.mark.parametrize("page", REPORT.pages, ids=lambda page: page.key)
def test_every_visual_is_drawn(page: Page) -> None:
    png = picture(MODEL, REPORT, page, [filled(each) for each in placed(REPORT, page)])
    width, height = int.from_bytes(png[16:20]), int.from_bytes(png[20:24])
    assert (width, height) == (1920 * SCALE, 1080 * SCALE)


def test_a_page_without_data_is_drawn_and_says_that_it_is_a_preview() -> None:
    page = REPORT.pages[0]
    nothing = [Shown(each, tuple(dict.fromkeys(each.fields)), []) for each in placed(REPORT, page)]
    assert picture(MODEL, REPORT, page, nothing).startswith(b"\x89PNG")
    assert "not Power BI" in MARK


@pytest.mark.parametrize("kind", ["columnChart", "donutChart", "scatterChart"])
def test_charts_name_nothing_by_id(kind: str) -> None:
    """Several stand in one document, where the same id would be another chart's."""
    visual = next(each for each in REPORT.pages[0].visuals if each.kind == kind)
    assert ' id="' not in chart_svg(filled(visual), REPORT.theme, 400, 300)
