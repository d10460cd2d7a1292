"""What the description promises: five pages, shared slicers, freshness everywhere, colours that can be read."""

from __future__ import annotations

from itertools import chain

import pytest

from powerbi.asking import visual_bases
from powerbi.describe import MODEL, REPORT
from powerbi.describe.look import ACTIONS, KINDS, OUTCOMES, THEME
from powerbi.layout import placed
from powerbi.model import Table
from powerbi.report import ColumnField, Page
from powerbi.write.tmdl import TYPES
from sql.bi import views

pytestmark = pytest.mark.unit

NPGSQL = {
    "text": {"text"},
    "whole": {"bigint", "integer"},
    "decimal": {"double precision"},
    "instant": {"timestamp"},
    "date": {"date"},
    "flag": {"boolean"},
}
"""What a kind of column may be in the database."""


def test_the_five_pages() -> None:
    assert [page.name for page in REPORT.pages] == [
        "Scenario Overview",
        "User Journey Timeline",
        "Run Diagnostics",
        "Run Comparison",
        "Reliability Insights",
    ]


@pytest.mark.parametrize("table", MODEL.tables, ids=lambda table: table.name)
def test_each_column_is_in_its_view_with_a_type_that_fits(table: Table) -> None:
    columns = {each.name: each.type for each in views()[table.view].columns}
    for column in table.columns:
        if column.source:
            assert columns[column.source] in NPGSQL[column.kind], column.name


@pytest.mark.parametrize("page", REPORT.pages, ids=lambda page: page.key)
def test_each_page_has_the_slicers_and_the_freshness(page: Page) -> None:
    kinds = [visual.kind for visual in placed(REPORT, page)]
    assert kinds.count("slicer") - sum(visual.kind == "slicer" for visual in page.visuals) == 5
    assert [each.key for each in page.slicers] == ["period", "scenario", "user", "severity", "category"]
    assert "as-of" in [visual.key for visual in placed(REPORT, page)]


@pytest.mark.parametrize("page", REPORT.pages, ids=lambda page: page.key)
def test_each_visual_counts_rows_that_all_its_fields_are_related_to(page: Page) -> None:
    for visual in placed(REPORT, page):
        assert bool(visual_bases(MODEL, visual)) == bool(visual.fields), visual.key


def test_pages_about_now_refresh_themselves_and_no_others() -> None:
    assert [page.key for page in REPORT.pages if page.refresh_s] == ["overview", "journey", "diagnostics"]


def test_a_run_is_opened_from_other_pages() -> None:
    """A drill-through is offered where the field is shown that it goes by."""
    (target,) = (page for page in REPORT.pages if page.drill_by)
    sources = {page.key for page in REPORT.pages for each in page.visuals if set(target.drill_by) & set(each.fields)}
    assert {"overview", "comparison"} <= sources


def test_what_changes_by_the_minute_is_asked_at_each_look() -> None:
    joined = {relation.one for relation in MODEL.relations}
    assert {table.name for table in MODEL.tables if table.storage == "dual"} == joined - {"Run Key"}


def test_the_calendar_is_one_and_has_a_key() -> None:
    (calendar,) = (table for table in MODEL.tables if table.dates)
    assert [column.kind for column in calendar.columns if column.key] == ["date"]


def test_no_fact_can_be_reached_in_two_ways() -> None:
    """Power BI refuses a second active way of a filter."""
    many = {relation.many for relation in MODEL.relations}
    assert not many & {relation.one for relation in MODEL.relations}
    ends = [(relation.many, relation.one) for relation in MODEL.relations]
    assert len(set(ends)) == len(ends)


def test_every_table_with_scenarios_is_cut_by_the_owners_role() -> None:
    (owner,) = (role for role in MODEL.roles if role.rows)
    assert list(owner.rows) == ["Scenario"]
    assert owner.rows["Scenario"].startswith("NOT ISBLANK([Owner Email]) && "), "nobody is not nobody's owner"
    for table in MODEL.tables:
        if any(column.source == "scenario_key" for column in table.columns) and table.name != "Scenario":
            assert MODEL.relation(table.name, "Scenario"), table.name


def test_every_kind_of_column_has_a_type_in_the_model() -> None:
    assert {column.kind for table in MODEL.tables for column in table.columns} <= set(TYPES)


def test_tables_show_columns_that_people_may_see() -> None:
    for visual in chain.from_iterable(page.visuals for page in REPORT.pages):
        for shown in visual.fields:
            if isinstance(shown, ColumnField):
                assert not MODEL.table(shown.table).column(shown.name).hidden, (visual.key, shown)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    "colour",
    [
        *THEME.series,
        *OUTCOMES.values(),
        *KINDS.values(),
        *ACTIONS.values(),
        THEME.good,
        THEME.neutral,
        THEME.bad,
        THEME.ink,
        THEME.quiet,
    ],
)
@pytest.mark.parametrize("ground", [THEME.paper])
def test_colours_stand_out_from_the_paper(colour: str, ground: str) -> None:
    """The contrast that WCAG 2.2 asks of small text."""
    light, dark = sorted((_luminance(colour), _luminance(ground)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5
