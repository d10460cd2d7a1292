"""The measures, by the table that they are of."""

from __future__ import annotations

from powerbi.measuring import Beyond, Chosen, Despite, Minus, Of, Rows, Share, Unlike, Where
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
    Measure(name="Run Outcome", value=Of("maximum", "Outcome"), format="@", about="How a run ended."),
    Measure(
        name="Comparison Rank",
        value=Of("maximum", "Comparison Order"),
        format="0",
        about="Failures with a good run before come first, then the newest.",
        hidden=True,
    ),
    Measure(
        name="Beside Key",
        value=Chosen(
            ("Other Run", "Other Run Label"), ("Other Run", "Chosen Beside Key"), Of("maximum", "Last Good Run Key")
        ),
        format="0",
        about="The run that stands beside: the one chosen, else the last good one before.",
        hidden=True,
    ),
    Measure(
        name="Started Seq", value=Of("maximum", "Event Seq"), format="0", about="Start in microseconds.", hidden=True
    ),
    Measure(
        name="Gap min",
        value=Minus(("Run", "Started Seq"), ("Other Run", "Beside Ended Seq"), 60_000_000),
        format="#,##0.0##",
        about="Minutes from the end of the run beside it to its start; negative: it was before.",
    ),
    Measure(
        name="Longer By s",
        value=Minus(("Run", "Mean Duration s"), ("Other Run", "Beside Duration s")),
        format="+#,##0.0;-#,##0.0;0",
        about="Seconds that it took longer than the run beside it; negative: shorter.",
    ),
    Measure(
        name="More Errors",
        value=Minus(("Run", "Run Errors"), ("Other Run", "Beside Errors")),
        format="+#,##0;-#,##0;0",
        about="Errors that it logged more than the run beside it; negative: fewer.",
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

_BESIDE = ("Run", "Beside Key")
_KEPT = ("Node", "Input", "Node And Input")


def _beside(name: str, value: Of, format: str, about: str, *, hidden: bool = False) -> Measure:
    """Of the run that another is looked at beside."""
    return Measure(name=name, value=Beyond(value, ("Other Key", _BESIDE)), format=format, about=about, hidden=hidden)


OTHER_RUNS = (
    Measure(
        name="Chosen Beside Key",
        value=Despite(Of("maximum", "Other Key"), ("Scenario",)),
        format="0",
        about="The run that was chosen to stand beside another.",
        hidden=True,
    ),
    _beside("Beside Started", Of("maximum", "Other Started At"), _TIME, "When the run beside it started, UTC."),
    _beside("Beside Outcome", Of("maximum", "Other Outcome"), "@", "How the run beside it ended."),
    _beside(
        "Beside Duration s",
        Of("maximum", "Other Duration ms", per=1000),
        _NUMBER,
        "Seconds that the run beside it took.",
    ),
    _beside("Beside Warnings", Of("maximum", "Other Log Warnings"), _COUNT, "Warnings of the run beside it."),
    _beside("Beside Errors", Of("maximum", "Other Log Errors"), _COUNT, "Errors of the run beside it."),
    _beside(
        "Beside Ended Seq",
        Of("maximum", "Other Ended Seq"),
        "0",
        "When the run beside it ended, else started: microseconds since 1970.",
        hidden=True,
    ),
)


def _input(name: str, value: Of, *, beside: bool = False) -> Measure:
    return Measure(
        name=name,
        value=Beyond(value, ("Run Key", _BESIDE), _KEPT) if beside else value,
        format="@",
        about="What inputs that differ are found by.",
        hidden=True,
    )


def _unlike(name: str, value: str, format: str, about: str) -> Measure:
    return Measure(
        name=name, value=Unlike(value, "Comparable Here", "Comparable Beside", _BESIDE), format=format, about=about
    )


RUN_INPUTS = (
    _input("Value Here", Of("minimum", "Value")),
    _input("Value Beside", Of("minimum", "Value"), beside=True),
    _input("Comparable Here", Of("minimum", "Comparable")),
    _input("Comparable Beside", Of("minimum", "Comparable"), beside=True),
    Measure(
        name="Newest Set At",
        value=Of("maximum", "Set At"),
        format=_TIME,
        about="When an input got the value that a run found, UTC.",
    ),
    Measure(
        name="Minutes Set Before",
        value=Of("minimum", "Ms Before Run", per=60_000),
        format=_FINE,
        about="How long before a run's start an input got its value.",
    ),
    _unlike("Differing Value", "Value Here", "@", "An input's value, where the run beside it has another."),
    _unlike("Differing Value Beside", "Value Beside", "@", "The value of the run beside it, where it is another."),
    _unlike("Differing Set At", "Newest Set At", _TIME, "When an input that differs got its value, UTC."),
    _unlike(
        "Differing Minutes Before",
        "Minutes Set Before",
        _FINE,
        "How long before the start an input got the value that differs.",
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
