"""Values as the report writes them, and texts that fit."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from powerbi.model import Model
from powerbi.report import Field, MeasureField

_WIDTH_OF_A_LETTER = 0.52
"""Of the font's size; most letters of a sans-serif are narrower."""


def written(model: Model, field: Field, value: Any) -> str:
    """Nothing for null."""
    if value is None:
        return ""
    return _as(_pattern(model, field), value)


def is_text(model: Model, field: Field) -> bool:
    return _pattern(model, field) == "@"


def _pattern(model: Model, field: Field) -> str:
    return model.table(field.table).measure(field.name).format if isinstance(field, MeasureField) else ""


def _as(pattern: str, value: Any) -> str:
    match value:
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case date():
            return f"{value:%Y-%m-%d}"
        case _ if pattern.endswith("%"):
            return f"{float(value):.1%}"
        case _ if pattern.startswith("+#,##0;"):
            return f"{int(value):+,}"
        case _ if pattern.startswith("+"):
            return f"{float(value):+,.1f}"
        case _ if pattern == "#,##0.0":
            return f"{float(value):,.1f}"
        case _ if pattern == "#,##0.0##":
            whole, _, rest = f"{float(value):,.3f}".partition(".")
            return f"{whole}.{rest.rstrip('0') or '0'}"
        case _ if pattern == "#,##0":
            return f"{int(value):,}"
        case _:
            return " ".join(str(value).split())


def fitting(text: str, width: float, size: float) -> str:
    """As much of a text as fits, with … where something is left out."""
    most = letters(width, size)
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def letters(width: float, size: float) -> int:
    """About how many fit."""
    return max(1, int(width / (size * _WIDTH_OF_A_LETTER)))


def label(field: Field) -> str:
    return field.label or field.name
