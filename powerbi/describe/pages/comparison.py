"""Run Comparison: what is different between two runs? The one chosen in the list, else the newest failure; beside it the one
chosen in the slicer, else the last good run before it.
"""

from __future__ import annotations

from powerbi.describe.pages.shared import CATEGORY, RUN_ID, SCENARIO, SLICERS, USER
from powerbi.describe.things import bars, cards, choice, column, measure, table
from powerbi.layout import across, below
from powerbi.report import Page, Sort, Top

_RUNS, _RIGHT = across(8, 7, height=420)
_CHOICE, _BESIDE, _THIS, _DELTA = below(_RIGHT, 76, 98, 99, 99)
_DIFFERENCES, _GAP = across(1, 1, top=436, height=416)
_STARTED = column("Run", "Started At", "Started (UTC)")
_MINUTES = measure("Run Input", "Differing Minutes Before", "Minutes before the run looked at")
_FIRST = Top(1, RUN_ID, measure("Run", "Comparison Rank"))

COMPARISON = Page(
    key="comparison",
    name="Run Comparison",
    question="What is different between two runs?",
    slicers=SLICERS,
    chooser="runs",
    visuals=(
        table(
            "runs",
            _RUNS,
            "Runs (choose the one to look at; else it is the newest failure)",
            "Table: runs; the one chosen is compared, else the newest failure that has a good run before it",
            _STARTED,
            SCENARIO,
            USER,
            column("Run", "Outcome"),
            CATEGORY,
            column("Run", "Failing Node", "Node"),
            RUN_ID,
            sort=Sort(_STARTED),
        ),
        choice(
            "beside",
            _CHOICE,
            "Choose the run to compare with; without a choice it is the last good run before",
            column("Other Run", "Other Run Label"),
            "Compare with (else the last good run before)",
        ),
        cards(
            "other",
            _BESIDE,
            "The run to compare with: start, outcome, duration, warnings, errors",
            measure("Other Run", "Beside Started", "Started (UTC)"),
            measure("Other Run", "Beside Outcome", "Outcome"),
            measure("Other Run", "Beside Duration s", "Duration (s)"),
            measure("Other Run", "Beside Warnings", "Warnings"),
            measure("Other Run", "Beside Errors", "Errors"),
            title="The run to compare with",
            top=_FIRST,
        ),
        cards(
            "this",
            _THIS,
            "The run looked at: start, outcome, duration, warnings, errors",
            measure("Run", "Newest Run", "Started (UTC)"),
            measure("Run", "Run Outcome", "Outcome"),
            measure("Run", "Mean Duration s", "Duration (s)"),
            measure("Run", "Run Warnings", "Warnings"),
            measure("Run", "Run Errors", "Errors"),
            title="The run looked at",
            top=_FIRST,
        ),
        cards(
            "delta",
            _DELTA,
            "Between both: minutes, how much longer the run looked at took, how many more errors it logged",
            measure("Run", "Gap min", "Minutes between"),
            measure("Run", "Longer By s", "Longer by (s)"),
            measure("Run", "More Errors", "More errors"),
            title="Between both",
            top=_FIRST,
        ),
        table(
            "differences",
            _DIFFERENCES,
            "Inputs that differ",
            "Table: inputs that differ between both runs, with both values and when the newer one was set",
            column("Run Input", "Node"),
            column("Run Input", "Input"),
            measure("Run Input", "Differing Value Beside", "Compared with"),
            measure("Run Input", "Differing Value", "Run looked at"),
            measure("Run Input", "Differing Set At", "Set (UTC)"),
            sort=Sort(column("Run Input", "Node"), descending=False),
            top=_FIRST,
        ),
        bars(
            "gap",
            _GAP,
            "The time between both runs: what changed, and how long before the run looked at",
            "Bars: each input that differs, by how many minutes before the run looked at it got its value",
            column("Run Input", "Node And Input", "Input"),
            _MINUTES,
            top=_FIRST,
        ),
    ),
)
