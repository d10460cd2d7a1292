"""What is asked: which rows slicers leave, and the text that follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from powerbi.report import Field


@dataclass(frozen=True, slots=True)
class Scope:
    """What slicers and a drill-through leave: days, both included, and values of columns by table and column name."""

    since: date | None = None
    until: date | None = None
    chosen: dict[tuple[str, str], tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """`sql` with parameters as psycopg writes them, `%(name)s`. `columns` are the fields shown, in order."""

    sql: str
    parameters: dict[str, Any]
    columns: tuple[Field, ...]
