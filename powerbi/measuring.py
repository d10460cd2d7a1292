"""What a measure computes. One expression has two readings, DAX for the model and SQL for checks and previews, so that both
say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Function = Literal["sum", "average", "minimum", "maximum", "distinct"]


@dataclass(frozen=True, slots=True)
class Where:
    """A column of the measured table has one of these values."""

    column: str
    values: tuple[str | bool, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows there are; nothing where there are none."""

    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Of:
    """A column's values as one. `per` divides: 1000 makes seconds of milliseconds."""

    function: Function
    column: str
    where: Where | None = None
    per: int = 1


@dataclass(frozen=True, slots=True)
class Share:
    """One measure over another of the same table; nothing over none."""

    part: str
    whole: str


Expression = Rows | Of | Share
