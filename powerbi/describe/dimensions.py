"""The dimensions of the model: what slicers offer and facts are grouped by, each over one view of schema `bi`."""

from __future__ import annotations

from powerbi.describe.columns import key, text, whole
from powerbi.model import Column, Table

DATES = Table(
    name="Date",
    view="dates",
    about="The calendar, in UTC.",
    storage="dual",
    dates=True,
    columns=(
        Column(name="Date", source="date", kind="date", key=True),
        whole("Year", "year"),
        whole("Quarter", "quarter"),
        Column(name="Month", source="month_name", sort_by="Month Number"),
        Column(name="Month Number", source="month", kind="whole", hidden=True),
        whole("ISO Week", "iso_week"),
        Column(name="Weekday", source="weekday_name", sort_by="Weekday Number"),
        Column(name="Weekday Number", source="iso_weekday", kind="whole", hidden=True),
    ),
)
SCENARIOS = Table(
    name="Scenario",
    view="scenarios",
    about="A forecast scenario.",
    storage="dual",
    columns=(
        key("Scenario Key", "scenario_key"),
        text("Scenario", "label"),
        text("Scenario ID", "scenario_id"),
        text("Owner", "owner_name"),
        text("Owner Email", "owner_email"),
        text("Status", "status"),
    ),
)
USERS = Table(
    name="User",
    view="users",
    about="Whoever changed or ran something.",
    storage="dual",
    columns=(key("User Key", "user_key"), text("User", "label"), text("User ID", "user_id"), text("Email", "email")),
)
SEVERITIES = Table(
    name="Severity",
    view="severities",
    about="How serious a log line is.",
    storage="dual",
    columns=(
        Column(name="Severity", source="level", key=True, sort_by="Rank"),
        Column(name="Rank", source="severity", kind="whole", hidden=True),
    ),
)
CATEGORIES = Table(
    name="Category",
    view="categories",
    about="What kind of error it is.",
    storage="dual",
    columns=(Column(name="Category", source="category", key=True),),
)
RUN_KEYS = Table(
    name="Run Key",
    view="runs",
    about="A run by its id alone: what log lines, events and inputs are related to.",
    columns=(key("Run Key", "run_key"), text("Run ID", "run_id")),
)

DIMENSIONS = (DATES, SCENARIOS, USERS, SEVERITIES, CATEGORIES, RUN_KEYS)
