"""Reliability Insights: what fails most, and does it get better?"""

from __future__ import annotations

from powerbi.describe.pages.shared import CATEGORY, DAY, FAILED, SLICERS
from powerbi.describe.things import bars, cards, column, line, measure, table
from powerbi.layout import across
from powerbi.report import Page, Sort

_ALL = across(1, height=120)[0]
_DAILY, _CATEGORIES, _NODES = across(3, 2, 2, top=136, height=350)
_PATTERNS, _STATES = across(5, 2, top=502, height=350)
_FAILURES = measure("Run", "Failure Count", "Failures")
_LINES = measure("Error", "Error Lines", "Lines")

RELIABILITY = Page(
    key="reliability",
    name="Reliability Insights",
    question="What fails most, and does it get better?",
    slicers=SLICERS,
    visuals=(
        cards(
            "figures",
            _ALL,
            "Success rate, failures, mean time to failure, mean duration, error lines, scenarios with errors",
            measure("Run", "Success Rate"),
            _FAILURES,
            measure("Run", "Mean Time To Failure s", "Mean time to failure (s)"),
            measure("Run", "Mean Duration s", "Mean duration (s)"),
            measure("Error", "Error Lines"),
            measure("Error", "Scenarios Hit", "Scenarios with errors"),
        ),
        line(
            "daily",
            _DAILY,
            "Success rate a day",
            "Line: success rate of the runs of each day",
            DAY,
            measure("Run", "Success Rate"),
        ),
        bars("categories", _CATEGORIES, "Failures by category", "Bars: failed runs by category", CATEGORY, _FAILURES),
        bars(
            "nodes",
            _NODES,
            "Most frequently failing nodes",
            "Bars: failed runs by the node that failed",
            column("Run", "Failing Node", "Node"),
            _FAILURES,
            only=FAILED,
        ),
        table(
            "patterns",
            _PATTERNS,
            "Recurring patterns of errors",
            "Table: errors that are alike, with an example, lines, runs, scenarios, first and last time",
            CATEGORY,
            column("Error", "Error Type", "Type"),
            column("Error", "Node"),
            measure("Error", "Example"),
            _LINES,
            measure("Error", "Runs Hit", "Runs"),
            measure("Error", "Scenarios Hit", "Scenarios"),
            measure("Error", "First Seen", "First (UTC)"),
            measure("Error", "Last Seen", "Last (UTC)"),
            column("Error", "Pattern"),
            sort=Sort(_LINES),
        ),
        bars(
            "states",
            _STATES,
            "Hours that scenarios stay in a state",
            "Bars: mean hours in each state",
            column("State Change", "From State", "State"),
            measure("State Change", "Mean Hours In State", "Hours"),
        ),
    ),
)
