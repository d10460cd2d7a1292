"""Measures say the same in DAX and in SQL, and a visual's question has the shape that Power BI folds to."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from sqlalchemy import column
from sqlalchemy.dialects import postgresql

from powerbi.asking import Scope, visual_queries, visual_query
from powerbi.asking.measured import aggregated
from powerbi.describe import MODEL, REPORT
from powerbi.measuring import Beyond, Chosen, Despite, Expression, Minus, Of, Rows, Share, Unlike, Where
from powerbi.model import Column, Measure, Rank, Table
from powerbi.report import Box, ColumnField, MeasureField, Visual
from powerbi.write.dax import dax, rank

pytestmark = pytest.mark.unit

FAILED = Where("Outcome", ("failed",))
JOB = Table(
    name="Job",
    view="jobs",
    about="",
    columns=(Column(name="Outcome", source="outcome"), Column(name="Ms", source="ms", kind="whole")),
    measures=(
        Measure(name="Jobs", value=Rows(), format="0", about=""),
        Measure(name="Failed", value=Rows(FAILED), format="0", about=""),
    ),
)


def sql(value: Rows | Of) -> str:
    statement = aggregated(value, lambda name: column(JOB.column(name).source))
    options: dict[str, Any] = {"literal_binds": True}
    return str(statement.compile(dialect=postgresql.dialect(), compile_kwargs=options))


@pytest.mark.parametrize(
    ("value", "in_dax", "in_sql"),
    [
        (Rows(), "COUNTROWS('Job')", "nullif(count(*), 0)"),
        (
            Rows(FAILED),
            "CALCULATE(COUNTROWS('Job'), KEEPFILTERS('Job'[Outcome] IN {\"failed\"}))",
            "nullif(count(*) FILTER (WHERE outcome IN ('failed')), 0)",
        ),
        (Of("maximum", "Ms"), "MAX('Job'[Ms])", "max(ms)"),
        (Of("sum", "Ms", per=1000), "DIVIDE(SUM('Job'[Ms]), 1000)", "CAST(sum(ms) AS DOUBLE PRECISION) / 1000"),
        (Of("distinct", "Ms"), "DISTINCTCOUNTNOBLANK('Job'[Ms])", "nullif(count(DISTINCT ms), 0)"),
        (Share("Failed", "Jobs"), "DIVIDE([Failed], [Jobs])", None),
        (
            Beyond(Of("maximum", "Ms"), ("Ms", ("Other", "Wanted")), ("Outcome",)),
            "VAR wanted = [Wanted] RETURN"
            " CALCULATE(MAX('Job'[Ms]), ALLEXCEPT('Job', 'Job'[Outcome]), 'Job'[Ms] = wanted)",
            None,
        ),
        (
            Beyond(Of("maximum", "Ms"), ("Ms", ("Other", "Wanted"))),
            "VAR wanted = [Wanted] RETURN CALCULATE(MAX('Job'[Ms]), REMOVEFILTERS('Job'), 'Job'[Ms] = wanted)",
            None,
        ),
        (Despite(Of("maximum", "Ms"), ("Plan",)), "CALCULATE(MAX('Job'[Ms]), REMOVEFILTERS('Plan'))", None),
        (
            Chosen(("Other", "Label"), ("Other", "Wanted"), Of("maximum", "Ms")),
            "IF(ISFILTERED('Other'[Label]), [Wanted], MAX('Job'[Ms]))",
            None,
        ),
        (
            Minus(("Job", "Jobs"), ("Other", "Wanted"), 60),
            "VAR one = [Jobs] VAR other = [Wanted] RETURN"
            " IF(ISBLANK(one) || ISBLANK(other), BLANK(), DIVIDE(one - other, 60))",
            None,
        ),
        (
            Unlike("Failed", "Jobs", "Failed", ("Other", "Wanted")),
            "VAR one = [Jobs] VAR other = [Failed] RETURN IF(ISBLANK([Wanted]) ||"
            " EXACT(one, other) && ISBLANK(one) = ISBLANK(other), BLANK(), [Failed])",
            None,
        ),
    ],
)
def test_a_measure_in_both_languages(value: Expression, in_dax: str, in_sql: str | None) -> None:
    assert dax("Job", value) == in_dax
    if in_sql is not None:
        assert isinstance(value, Rows | Of)
        assert sql(value).replace("AS NUMERIC", "").replace("CAST(1000 )", "1000") == in_sql


def test_a_share_of_nothing_is_nothing() -> None:
    query = visual_queries(MODEL, REPORT, Scope())["overview/figures/Run"].sql
    assert "nullif(sums.l" in query


def test_what_several_measures_need_is_computed_once() -> None:
    """Each time that the beginning of a session is named, the action before is looked up again."""
    assert visual_queries(MODEL, REPORT, Scope())["journey/sessions"].sql.count("FILTER") == 1


def test_which_run_stands_beside_is_asked_once_for_a_list() -> None:
    """Once for its rows, and once for whether there is any; not for each of the measures."""
    beside = Scope(chosen={("Other Run", "Other Run Label"): ("2026-11-01 10:00:00 failed r1",)})
    assert visual_queries(MODEL, REPORT, beside)["comparison/differences"].sql.count("label IN") == 2


def test_a_rank_in_dax() -> None:
    assert rank("Job", Rank("Outcome", ("a", "b"))) == 'SWITCH(\'Job\'[Outcome], "a", 1, "b", 2, 0)'


def test_each_visual_has_a_question() -> None:
    found = visual_queries(MODEL, REPORT, Scope())
    asking = {f"{page.key}/{visual.key}" for page in REPORT.pages for visual in page.visuals if visual.fields}
    assert asking <= {"/".join(name.split("/")[:2]) for name in found}
    for name, query in found.items():
        assert 'AS "$Table"' in query.sql, name
        assert query.sql.rstrip().endswith("::INTEGER"), name
        assert "LIMIT" in query.sql, name


def test_slicers_reach_only_what_they_are_related_to() -> None:
    scope = Scope(date(2026, 11, 1), date(2026, 11, 7), {("User", "User"): ("Ann",)})
    found = visual_queries(MODEL, REPORT, scope)
    assert "Ann" in found["journey/timeline"].parameters.values()
    assert date(2026, 11, 7) in found["journey/timeline"].parameters.values()
    assert "Ann" not in found["overview/as-of"].parameters.values()
    assert "Ann" in found["comparison/runs"].parameters.values()
    assert "Ann" not in found["comparison/beside"].parameters.values()


def test_the_newest_is_looked_for_among_what_is_chosen() -> None:
    chosen = Scope(chosen={("Scenario", "Scenario"): ("Plan 1",)})
    query = visual_queries(MODEL, REPORT, chosen)["comparison/differences"]
    assert list(query.parameters.values()).count("Plan 1") >= 2


def test_another_run_is_found_whatever_is_filtered() -> None:
    """Of the one beside it only its key is asked for; which it is, is asked with all filters."""
    found = visual_queries(MODEL, REPORT, Scope(date(2026, 11, 1), date(2026, 11, 7)))["comparison/other"]
    _, beyond = found.sql.split("WHERE", 1)
    assert beyond.lstrip().startswith("_.run_key = (SELECT")
    beside = Scope(chosen={("Other Run", "Other Run Label"): ("2026-11-01 10:00:00 failed r1",)})
    assert "label IN" in visual_queries(MODEL, REPORT, beside)["comparison/other"].sql


def test_what_is_not_related_is_refused() -> None:
    visual = Visual(
        key="x",
        kind="tableEx",
        box=Box(0, 0, 1, 1),
        alt="x",
        roles={"Values": (ColumnField("Log", "Message"), MeasureField("Run", "Runs"))},
    )
    with pytest.raises(KeyError, match="Run is not related to Log"):
        visual_query(MODEL, visual, MODEL.table("Run"), Scope())
