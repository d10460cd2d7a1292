"""The measures, by the table that they are of."""

from __future__ import annotations

from powerbi.measuring import Of, Rows, Share, Where
from powerbi.model import Measure

_COUNT, _RATE, _NUMBER, _FINE, _TIME = "#,##0", "0.0%", "#,##0.0", "#,##0.0##", "yyyy-mm-dd hh:nn:ss"
_ENDED = ("succeeded", "failed")
_SERIOUS = Where("Severity", ("ERROR", "FATAL"))

RUNS = (
    Measure(name="Runs", value=Rows(), format=_COUNT, about="Runs that started."),
    Measure(
        name="Failure Count",
        value=Rows(Where("Outcome", ("failed",))),
        format=_COUNT,
        about="Runs that ended in failure.",
    ),
    Measure(
        name="Successes", value=Rows(Where("Outcome", ("succeeded",))), format=_COUNT, about="Runs that ended well."
    ),
    Measure(
        name="Running Now", value=Rows(Where("Outcome", ("running",))), format=_COUNT, about="Runs that have not ended."
    ),
    Measure(
        name="Ended Runs", value=Rows(Where("Outcome", _ENDED)), format=_COUNT, about="Runs that ended, well or not."
    ),
    Measure(
        name="Success Rate",
        value=Share("Successes", "Ended Runs"),
        format=_RATE,
        about="Of the runs that ended, those that ended well.",
    ),
    Measure(
        name="Failure Rate",
        value=Share("Failure Count", "Ended Runs"),
        format=_RATE,
        about="Of the runs that ended, those that failed.",
    ),
    Measure(
        name="Mean Duration s",
        value=Of("average", "Duration ms", per=1000),
        format=_NUMBER,
        about="Seconds from a run's start to its end.",
    ),
    Measure(
        name="Running Time s",
        value=Of("sum", "Duration ms", per=1000),
        format=_NUMBER,
        about="Seconds that runs took together.",
    ),
    Measure(
        name="Mean Time To Failure s",
        value=Share("Running Time s", "Failure Count"),
        format=_NUMBER,
        about="Seconds of running time for each run that failed.",
    ),
    Measure(
        name="Newest Run", value=Of("maximum", "Started At"), format=_TIME, about="When the newest run started, UTC."
    ),
    Measure(name="Run Warnings", value=Of("sum", "Log Warnings"), format=_COUNT, about="Warnings that runs logged."),
    Measure(name="Run Errors", value=Of("sum", "Log Errors"), format=_COUNT, about="Errors that runs logged."),
    Measure(name="Run Log Lines", value=Of("sum", "Log Lines"), format=_COUNT, about="Lines that runs logged."),
    Measure(
        name="Scenarios With Runs",
        value=Of("distinct", "Scenario Key"),
        format=_COUNT,
        about="Scenarios that had runs.",
    ),
)

ACTIONS = (
    Measure(
        name="Action Lane",
        value=Of("maximum", "Lane"),
        format="0",
        about="Where a kind of action stands in a timeline.",
    ),
    Measure(name="Actions", value=Rows(), format=_COUNT, about="What users did: scenarios, inputs, runs."),
    Measure(
        name="Sessions",
        value=Rows(Where("Begins Session", (True,))),
        format=_COUNT,
        about="Actions that came 30 minutes or more after the same user's action before.",
    ),
    Measure(
        name="Active Days", value=Of("distinct", "Date"), format=_COUNT, about="Days (UTC) with at least one action."
    ),
    Measure(
        name="Actions A Day",
        value=Share("Actions", "Active Days"),
        format=_NUMBER,
        about="Actions for each day with any.",
    ),
    Measure(
        name="Actions A Session", value=Share("Actions", "Sessions"), format=_NUMBER, about="Actions for each session."
    ),
    Measure(name="Active Users", value=Of("distinct", "User Key"), format=_COUNT, about="Users who did anything."),
    Measure(
        name="Scenarios Touched",
        value=Of("distinct", "Scenario Key"),
        format=_COUNT,
        about="Scenarios that anything was done to.",
    ),
    Measure(
        name="Last Action", value=Of("maximum", "Occurred At"), format=_TIME, about="When the newest action was, UTC."
    ),
)

LINES = (
    Measure(name="Log Line Count", value=Rows(), format=_COUNT, about="Log lines."),
    Measure(name="Error Line Count", value=Rows(_SERIOUS), format=_COUNT, about="Log lines of level ERROR or FATAL."),
)

ERRORS = (
    Measure(name="Error Lines", value=Rows(), format=_COUNT, about="Log lines of level ERROR or FATAL."),
    Measure(
        name="Example",
        value=Of("minimum", "Message"),
        format="@",
        about="The first message in the order of the alphabet.",
    ),
    Measure(name="Runs Hit", value=Of("distinct", "Run Key"), format=_COUNT, about="Runs that logged it."),
    Measure(
        name="Scenarios Hit", value=Of("distinct", "Scenario Key"), format=_COUNT, about="Scenarios that logged it."
    ),
    Measure(name="First Seen", value=Of("minimum", "Occurred At"), format=_TIME, about="The oldest such line, UTC."),
    Measure(name="Last Seen", value=Of("maximum", "Occurred At"), format=_TIME, about="The newest such line, UTC."),
)

STATES = (
    Measure(
        name="State Changes", value=Rows(), format=_COUNT, about="Transitions of scenarios from one state to another."
    ),
    Measure(
        name="Mean Hours In State",
        value=Of("average", "Ms In State Before", per=3_600_000),
        format=_FINE,
        about="Hours that scenarios spent in the state that they then left.",
    ),
)

COMPARISONS = (
    Measure(
        name="Newest Failure",
        value=Of("maximum", "Started At", Where("Outcome", ("failed",))),
        format=_TIME,
        about="When the newest run started that failed and has a good run before it, UTC.",
    ),
    Measure(
        name="Before Started",
        value=Of("maximum", "Before Started At"),
        format=_TIME,
        about="When the good run started, UTC.",
    ),
    Measure(
        name="After Started", value=Of("maximum", "Started At"), format=_TIME, about="When the later run started, UTC."
    ),
    Measure(
        name="Before Duration s",
        value=Of("maximum", "Before Duration ms", per=1000),
        format=_NUMBER,
        about="Seconds that the good run took.",
    ),
    Measure(
        name="After Duration s",
        value=Of("maximum", "Duration ms", per=1000),
        format=_NUMBER,
        about="Seconds that the later run took.",
    ),
    Measure(
        name="Before Errors",
        value=Of("maximum", "Before Log Errors"),
        format=_COUNT,
        about="Errors that the good run logged.",
    ),
    Measure(
        name="After Errors", value=Of("maximum", "Log Errors"), format=_COUNT, about="Errors that the later run logged."
    ),
    Measure(
        name="Before Warnings",
        value=Of("maximum", "Before Log Warnings"),
        format=_COUNT,
        about="Warnings of the good run.",
    ),
    Measure(
        name="After Warnings", value=Of("maximum", "Log Warnings"), format=_COUNT, about="Warnings of the later run."
    ),
    Measure(
        name="Gap min",
        value=Of("maximum", "Gap ms", per=60_000),
        format=_FINE,
        about="Minutes from the end of the good run to the start of the later one.",
    ),
    Measure(
        name="Longer By s",
        value=Of("maximum", "Duration Delta ms", per=1000),
        format="+#,##0.0;-#,##0.0;0",
        about="Seconds that the later run took longer; negative: shorter.",
    ),
    Measure(
        name="Input Differences",
        value=Of("maximum", "Input Differences Found"),
        format=_COUNT,
        about="Inputs that differ between both runs.",
    ),
)

DIFFERENCES = (
    Measure(
        name="Minutes Before Run",
        value=Of("minimum", "Ms Before Run", per=60_000),
        format=_FINE,
        about="How long before the later run an input got the value that differs.",
    ),
)

FRESHNESS = (
    Measure(
        name="Changes Through",
        value=Of("minimum", "Changes Landed Through"),
        format=_TIME,
        about="Up to when row changes have landed, UTC.",
    ),
    Measure(
        name="Logs Through",
        value=Of("minimum", "Logs Landed Through"),
        format=_TIME,
        about="Up to when log lines have landed, UTC.",
    ),
    Measure(
        name="Changes Lag s",
        value=Of("maximum", "Changes Behind s"),
        format=_NUMBER,
        about="Seconds that row changes are behind.",
    ),
    Measure(
        name="Logs Lag s",
        value=Of("maximum", "Logs Behind s"),
        format=_NUMBER,
        about="Seconds that log lines are behind.",
    ),
)

INPUT_CHANGES = (
    Measure(name="Input Changes", value=Rows(), format=_COUNT, about="Inputs that users added, changed or removed."),
)

EVENTS = (
    Measure(name="Events", value=Rows(), format=_COUNT, about="Actions, row changes, state changes and log lines."),
)
