"""Run Diagnostics: why did this run fail? Opened by a right click on a run."""

from __future__ import annotations

from powerbi.describe.look import KINDS, TEXTS
from powerbi.describe.pages.shared import CATEGORY, REFRESH_S, RUN_ID, SCENARIO, SLICERS, USER
from powerbi.describe.things import bars, cards, column, measure, table
from powerbi.layout import across
from powerbi.measuring import Where
from powerbi.report import Page, Sort

_RUN, _FIGURES = across(3, 1, height=132)
_INPUTS, _NODES, _CHANGED = across(4, 3, 4, top=148, height=300)
_LOGS, _DETAILS = across(1, 1, top=464, height=388)
_WHEN = column("Log", "Occurred At", "When (UTC)")
_SEQ = column("Log", "Event Seq", "Order (µs)")
_SERIOUS = (("Log", Where("Severity", ("ERROR", "FATAL"))),)

DIAGNOSTICS = Page(
    key="diagnostics",
    name="Run Diagnostics",
    question="Why did this run fail?",
    refresh_s=REFRESH_S,
    slicers=SLICERS,
    drill_by=(RUN_ID,),
    visuals=(
        table(
            "run",
            _RUN,
            "The run",
            "Table: the run with scenario, user, outcome, times, category of error, failing node and correlation id",
            RUN_ID,
            SCENARIO,
            USER,
            column("Run", "Outcome"),
            column("Run", "Started At", "Started (UTC)"),
            column("Run", "Finished At", "Finished (UTC)"),
            CATEGORY,
            column("Run", "Failing Node", "Node"),
            column("Run", "Correlation ID"),
        ),
        cards(
            "figures",
            _FIGURES,
            "Duration, log lines, warnings and errors of the run",
            measure("Run", "Mean Duration s", "Duration (s)"),
            measure("Run", "Run Log Lines", "Log lines"),
            measure("Run", "Run Warnings", "Warnings"),
            measure("Run", "Run Errors", "Errors"),
        ),
        table(
            "inputs",
            _INPUTS,
            "Inputs as they were at its start",
            "Table: each input with node, name and value",
            column("Run Input", "Node"),
            column("Run Input", "Input"),
            column("Run Input", "Value"),
            sort=Sort(column("Run Input", "Node"), descending=False),
        ),
        bars(
            "nodes",
            _NODES,
            "Error lines by node",
            "Bars: error lines of the run by node",
            column("Log", "Node"),
            measure("Log", "Error Line Count", "Error lines"),
        ),
        bars(
            "changed",
            _CHANGED,
            "Inputs unlike the last good run: minutes before the start that they changed",
            "Bars: each input that differs from the last good run, by how long before the start it changed",
            column("Difference", "Difference"),
            measure("Difference", "Minutes Before Run", "Minutes before"),
            column("Difference", "Kind"),
            colours=KINDS,
        ),
        table(
            "logs",
            _LOGS,
            "Log lines, oldest first",
            "Table: log lines of the run with time, severity, node, service and message",
            _WHEN,
            column("Log", "Severity"),
            column("Log", "Service"),
            column("Log", "Node"),
            column("Log", "Message"),
            _SEQ,
            sort=Sort(_SEQ, descending=False),
        ),
        table(
            "details",
            _DETAILS,
            "Errors with their stack",
            "Table: errors of the run with time, node, message and stack trace",
            _WHEN,
            column("Log", "Node"),
            column("Log", "Error"),
            column("Log", "Stack"),
            sort=Sort(_WHEN, descending=False),
            only=_SERIOUS,
            style=TEXTS,
        ),
    ),
)
