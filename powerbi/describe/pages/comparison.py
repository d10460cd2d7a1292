"""Run Comparison: what is different since it last went well? The newest failure, or the one chosen in the list."""

from __future__ import annotations

from powerbi.describe.look import KINDS
from powerbi.describe.pages.shared import CATEGORY, RUN_ID, SCENARIO, SLICERS
from powerbi.describe.things import bars, cards, column, measure, table
from powerbi.layout import across, stacked
from powerbi.measuring import Where
from powerbi.report import Page, Sort, Top

_FAILURES, _RIGHT = across(7, 5, height=368)
_BEFORE, _AFTER, _DELTA = stacked(_RIGHT, 3)
_DIFFERENCES, _GAP = across(1, 1, top=384, height=468)
_STARTED = column("Comparison", "Started At", "Failed run started (UTC)")
_MINUTES = measure("Difference", "Minutes Before Run", "Minutes before the failed run")
_NEWEST = Top(1, RUN_ID, measure("Comparison", "Newest Failure"))
_FAILED = (("Comparison", Where("Outcome", ("failed",))),)

COMPARISON = Page(
    key="comparison",
    name="Run Comparison",
    question="What is different since it last went well?",
    slicers=SLICERS,
    chooser="failures",
    visuals=(
        table(
            "failures",
            _FAILURES,
            "Failed runs with a good run before (choose one; else the newest is compared)",
            "Table: failed runs that have a good run before them; the one chosen is compared, else the newest",
            _STARTED,
            SCENARIO,
            CATEGORY,
            column("Comparison", "Failing Node", "Node"),
            column("Comparison", "Error"),
            RUN_ID,
            sort=Sort(_STARTED),
            only=_FAILED,
        ),
        cards(
            "before",
            _BEFORE,
            "The last good run: start, duration, warnings, errors",
            measure("Comparison", "Before Started", "Started (UTC)"),
            measure("Comparison", "Before Duration s", "Duration (s)"),
            measure("Comparison", "Before Warnings", "Warnings"),
            measure("Comparison", "Before Errors", "Errors"),
            title="Last good run",
            top=_NEWEST,
        ),
        cards(
            "after",
            _AFTER,
            "The failed run: start, duration, warnings, errors",
            measure("Comparison", "After Started", "Started (UTC)"),
            measure("Comparison", "After Duration s", "Duration (s)"),
            measure("Comparison", "After Warnings", "Warnings"),
            measure("Comparison", "After Errors", "Errors"),
            title="Failed run",
            top=_NEWEST,
        ),
        cards(
            "delta",
            _DELTA,
            "Between both: minutes, how much longer the failed run took, inputs that differ",
            measure("Comparison", "Gap min", "Minutes between"),
            measure("Comparison", "Longer By s", "Longer by (s)"),
            measure("Comparison", "Input Differences", "Inputs that differ"),
            title="Between both",
            top=_NEWEST,
        ),
        table(
            "differences",
            _DIFFERENCES,
            "Inputs that differ",
            "Table: inputs that differ between both runs, with the old and the new value and when it changed",
            column("Difference", "Node"),
            column("Difference", "Input"),
            column("Difference", "Kind"),
            column("Difference", "Old Value", "Last good run"),
            column("Difference", "New Value", "Failed run"),
            column("Difference", "Changed At", "Changed (UTC)"),
            sort=Sort(column("Difference", "Node"), descending=False),
            top=_NEWEST,
        ),
        bars(
            "gap",
            _GAP,
            "The time between both runs: what changed, and how long before the failed run",
            "Bars: each input that differs, by how many minutes before the failed run it changed",
            column("Difference", "Difference"),
            _MINUTES,
            column("Difference", "Kind"),
            top=_NEWEST,
            colours=KINDS,
        ),
    ),
)
