"""What several pages have."""

from __future__ import annotations

from powerbi.describe.things import column
from powerbi.measuring import Where
from powerbi.report import Slicer

PERIOD_DAYS = 7
REFRESH_S = 30

SLICERS = (
    Slicer(key="period", by=column("Date", "Date"), label="Period", last_days=PERIOD_DAYS),
    Slicer(key="scenario", by=column("Scenario", "Scenario"), label="Scenario"),
    Slicer(key="user", by=column("User", "User"), label="User"),
    Slicer(key="severity", by=column("Severity", "Severity"), label="Severity"),
    Slicer(key="category", by=column("Category", "Category"), label="Category"),
)

SCENARIO, USER, CATEGORY = column("Scenario", "Scenario"), column("User", "User"), column("Category", "Category")
DAY, RUN_ID = column("Date", "Date", "Day"), column("Run Key", "Run ID")
FAILED = (("Run", Where("Outcome", ("failed",))),)
