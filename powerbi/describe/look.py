"""How the report looks: its theme, and the colours that mean something on every page."""

from __future__ import annotations

from powerbi.report import Theme

THEME = Theme(
    name="ClearSight",
    series=("#1F5FBF", "#C2410C", "#0F766E", "#7C3AED", "#A16207", "#BE185D", "#0369A1", "#4B5563"),
    good="#15803D",
    neutral="#B45309",
    bad="#B91C1C",
    ink="#1F2937",
    quiet="#4B5563",
    paper="#FFFFFF",
    ground="#F3F4F6",
    line="#D1D5DB",
)
"""Each colour stands out from paper by at least 4.5 to 1; no two neighbours differ by hue of red and green alone."""

OUTCOMES = {"succeeded": "#0F766E", "failed": "#B91C1C", "running": "#1F5FBF"}
ACTIONS = {
    "run.started": "#C2410C",
    "input.added": "#1D4ED8",
    "input.changed": "#0369A1",
    "input.removed": "#155E75",
    "scenario.created": "#6D28D9",
    "scenario.updated": "#86198F",
    "scenario.submitted": "#A16207",
    "scenario.approved": "#15803D",
    "scenario.locked": "#BE123C",
    "scenario.archived": "#6B7280",
    "scenario.deleted": "#1F2937",
}
KINDS = {"added": "#0F766E", "removed": "#B91C1C", "changed": "#1F5FBF"}
CARDS: dict[str, dict[str, str | int | float | bool]] = {
    "value": {"fontSize": 22.0, "showBlankAs": "0"},
    "label": {"fontSize": 11.0},
}
SMALL_CARDS = CARDS | {"value": {"fontSize": 12.0, "showBlankAs": "0"}}
TABLE: dict[str, dict[str, str | int | float | bool]] = {
    "columnHeaders": {"columnAdjustment": "growToFit"},
    "values": {"wordWrap": False},
    "total": {"totals": False},
}
TEXTS = TABLE | {"values": {"wordWrap": True}}
"""A table of texts of several lines."""
