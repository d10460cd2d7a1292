"""Scenario Overview: is anything wrong now, and where?"""

from __future__ import annotations

from powerbi.describe.look import OUTCOMES
from powerbi.describe.pages.shared import CATEGORY, DAY, FAILED, REFRESH_S, RUN_ID, SCENARIO, SLICERS, USER
from powerbi.describe.things import cards, column, columns, donut, dots, measure, table
from powerbi.layout import across
from powerbi.report import Page, Sort

_ALL = across(1, height=120)[0]
_HISTORY, _DONUT = across(5, 3, top=136, height=340)
_FAILURES, _RUNS = across(5, 7, top=492, height=360)
_STARTED = column("Run", "Started At", "Started (UTC)")

OVERVIEW = Page(
    key="overview",
    name="Scenario Overview",
    question="Is anything wrong now, and where?",
    refresh_s=REFRESH_S,
    slicers=SLICERS,
    visuals=(
        cards(
            "figures",
            _ALL,
            "Runs, failures, success rate, mean time to failure, runs going on, error lines",
            measure("Run", "Runs"),
            measure("Run", "Failure Count", "Failures"),
            measure("Run", "Success Rate"),
            measure("Run", "Mean Time To Failure s", "Mean time to failure (s)"),
            measure("Run", "Running Now"),
            measure("Error", "Error Lines"),
        ),
        columns(
            "history",
            _HISTORY,
            "Run history (drill down for hours)",
            "Columns: runs a day by outcome; drill down for hours",
            (DAY, column("Run", "Started Hour", "Hour (UTC)")),
            measure("Run", "Runs"),
            column("Run", "Outcome"),
            colours=OUTCOMES,
        ),
        donut(
            "errors",
            _DONUT,
            "Failures by category of error",
            "Ring: failed runs by category of error",
            CATEGORY,
            measure("Run", "Failure Count", "Failures"),
        ),
        dots(
            "failures",
            _FAILURES,
            "Timeline of failures: when, and after how many seconds",
            "Dots: each failed run by its start and duration, coloured by category of error",
            {
                "Category": (RUN_ID,),
                "Series": (CATEGORY,),
                "X": (column("Run", "Started At", "Started (UTC)"),),
                "Y": (measure("Run", "Mean Duration s", "Seconds"),),
            },
            only=FAILED,
        ),
        table(
            "runs",
            _RUNS,
            "Runs, newest first (right click: Drill through to Run Diagnostics)",
            "Table: runs with scenario, user, outcome, category of error and failing node; each opens Run Diagnostics",
            _STARTED,
            SCENARIO,
            USER,
            column("Run", "Outcome"),
            CATEGORY,
            column("Run", "Failing Node", "Node"),
            measure("Run", "Mean Duration s", "Seconds"),
            RUN_ID,
            sort=Sort(_STARTED),
        ),
    ),
)
