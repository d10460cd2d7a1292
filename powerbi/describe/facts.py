"""The facts of the model, each over one view of schema `bi`."""

from __future__ import annotations

from powerbi.describe import measures
from powerbi.describe.columns import decimal, flag, instant, joining, text, whole
from powerbi.model import Column, Rank, Table

_DATE, _LEVEL = "Date", "Severity"

ACTION_LANES = (
    "run.started",
    "input.removed",
    "input.changed",
    "input.added",
    "scenario.deleted",
    "scenario.archived",
    "scenario.locked",
    "scenario.approved",
    "scenario.submitted",
    "scenario.updated",
    "scenario.created",
)
"""From below: where an action stands in the timeline of a user."""

RUNS = Table(
    name="Run",
    view="runs",
    about="A run of a scenario, as it is known now.",
    columns=(
        joining("Run Key", "run_key"),
        joining("Scenario Key", "scenario_key"),
        joining("User Key", "user_key"),
        joining(_DATE, "started_on", "date"),
        joining("Category", "category", "text"),
        instant("Started At", "started_at"),
        instant("Started Hour", "started_hour"),
        instant("Finished At", "finished_at"),
        text("Outcome", "outcome"),
        whole("Duration ms", "duration_ms"),
        text("Failing Node", "failing_node"),
        text("Error Type", "error_type"),
        text("Error", "error_message"),
        whole("Log Lines", "log_lines"),
        whole("Log Warnings", "log_warnings"),
        whole("Log Errors", "log_errors"),
        text("Correlation ID", "correlation_id"),
        joining("Last Good Run Key", "last_good_run_key"),
        joining("Event Seq", "event_seq"),
        joining("Comparison Order", "comparison_order"),
    ),
    measures=measures.RUNS,
)
RUN_INPUTS = Table(
    name="Run Input",
    view="run_inputs",
    about="An input as a run found it at its start.",
    columns=(
        joining("Run Key", "run_key"),
        joining("Scenario Key", "scenario_key"),
        text("Node", "node"),
        text("Input", "name"),
        text("Value", "value"),
        text("Node And Input", "input"),
        joining("Comparable", "comparable", "text"),
        instant("Set At", "set_at"),
        whole("Ms Before Run", "ms_before_run"),
    ),
    measures=measures.RUN_INPUTS,
)
OTHER_RUNS = Table(
    name="Other Run",
    view="runs",
    about="Runs to choose one of, beside which another is looked at. Filters of runs do not reach it.",
    columns=(
        joining("Other Key", "run_key"),
        joining("Scenario Key", "scenario_key"),
        joining(_DATE, "started_on", "date"),
        text("Other Run Label", "label"),
        instant("Other Started At", "started_at"),
        text("Other Outcome", "outcome"),
        whole("Other Duration ms", "duration_ms"),
        whole("Other Log Warnings", "log_warnings"),
        whole("Other Log Errors", "log_errors"),
        whole("Other Ended Seq", "ended_seq"),
    ),
    measures=measures.OTHER_RUNS,
)
DIFFERENCES = Table(
    name="Difference",
    view="run_input_differences",
    about="An input that differs between a run and the last good run before it.",
    columns=(
        joining("Run Key", "run_key"),
        joining("Scenario Key", "scenario_key"),
        text("Kind", "kind"),
        text("Node", "node"),
        text("Input", "name"),
        text("Old Value", "old_value"),
        text("New Value", "new_value"),
        text("Difference", "summary"),
        instant("Changed At", "changed_at"),
        whole("Ms Before Run", "ms_before_run"),
    ),
    measures=measures.DIFFERENCES,
)
ACTIONS = Table(
    name="Action",
    view="user_actions",
    about="Something that a user did.",
    columns=(
        joining("Scenario Key", "scenario_key"),
        joining("User Key", "user_key"),
        joining("Run Key", "run_key"),
        joining(_DATE, "occurred_on", "date"),
        whole("Event Seq", "event_seq"),
        instant("Occurred At", "occurred_at"),
        text("Action", "action"),
        Column(name="Lane", kind="whole", hidden=True, rank=Rank("Action", ACTION_LANES)),
        text("What", "label"),
        text("Node", "node"),
        flag("Begins Session", "begins_session"),
        text("Correlation ID", "correlation_id"),
    ),
    measures=measures.ACTIONS,
)
INPUT_CHANGES = Table(
    name="Input Change",
    view="input_changes",
    about="An input that a user added, changed or removed.",
    columns=(
        joining("Scenario Key", "scenario_key"),
        joining("User Key", "user_key"),
        joining(_DATE, "occurred_on", "date"),
        whole("Event Seq", "event_seq"),
        instant("Occurred At", "occurred_at"),
        text("Kind", "kind"),
        text("Node", "node"),
        text("Input", "name"),
        text("Old Value", "old_value"),
        text("New Value", "new_value"),
    ),
    measures=measures.INPUT_CHANGES,
)
STATE_CHANGES = Table(
    name="State Change",
    view="state_changes",
    about="A scenario that went from one state to another.",
    columns=(
        joining("Scenario Key", "scenario_key"),
        joining("User Key", "user_key"),
        joining(_DATE, "occurred_on", "date"),
        instant("Occurred At", "occurred_at"),
        text("From State", "from_state"),
        text("To State", "to_state"),
        whole("Ms In State Before", "ms_in_state_before"),
    ),
    measures=measures.STATES,
)
LOGS = Table(
    name="Log",
    view="logs",
    about="A log line.",
    columns=(
        joining("Scenario Key", "scenario_key"),
        joining("User Key", "user_key"),
        joining("Run Key", "run_key"),
        joining(_DATE, "occurred_on", "date"),
        joining("Category", "category", "text"),
        text(_LEVEL, "level"),
        whole("Event Seq", "event_seq"),
        instant("Occurred At", "occurred_at"),
        text("Service", "service"),
        text("Node", "node"),
        text("Message", "message"),
        text("Error Type", "error_type"),
        text("Error", "error_message"),
        text("Stack", "stack"),
        text("Correlation ID", "correlation_id"),
        text("Confidence", "confidence"),
    ),
    measures=measures.LINES,
)
EVENTS = Table(
    name="Event",
    view="events",
    about="Anything that happened: actions, row changes, state changes, log lines, in one order.",
    columns=(
        joining("Scenario Key", "scenario_key"),
        joining("User Key", "user_key"),
        joining("Run Key", "run_key"),
        joining(_DATE, "occurred_on", "date"),
        joining(_LEVEL, "level", "text"),
        joining("Category", "category", "text"),
        whole("Event Seq", "event_seq"),
        instant("Occurred At", "occurred_at"),
        text("Kind", "kind"),
        text("Event", "event_type"),
        text("Summary", "summary"),
        text("Node", "node"),
        text("Correlation ID", "correlation_id"),
    ),
    measures=measures.EVENTS,
)
ERRORS = Table(
    name="Error",
    view="errors",
    about="A log line of level ERROR or FATAL. Those of one pattern are alike.",
    columns=(
        joining("Scenario Key", "scenario_key"),
        joining("User Key", "user_key"),
        joining("Run Key", "run_key"),
        joining(_DATE, "occurred_on", "date"),
        joining(_LEVEL, "level", "text"),
        joining("Category", "category", "text"),
        instant("Occurred At", "occurred_at"),
        text("Error Type", "error_type"),
        text("Node", "node"),
        text("Service", "service"),
        text("Message", "message"),
        text("Pattern", "pattern"),
    ),
    measures=measures.ERRORS,
)
FRESHNESS = Table(
    name="Freshness",
    view="data_freshness",
    about="How far everything has landed. One row.",
    columns=(
        instant("Changes Landed Through", "changes_through"),
        instant("Logs Landed Through", "logs_through"),
        decimal("Changes Behind s", "changes_lag_s"),
        decimal("Logs Behind s", "logs_lag_s"),
        whole("Dead Letters", "dead_letters"),
        whole("Unexplained Gaps", "unexplained_gaps"),
    ),
    measures=measures.FRESHNESS,
)

FACTS = (
    RUNS,
    RUN_INPUTS,
    OTHER_RUNS,
    DIFFERENCES,
    ACTIONS,
    INPUT_CHANGES,
    STATE_CHANGES,
    LOGS,
    EVENTS,
    ERRORS,
    FRESHNESS,
)
