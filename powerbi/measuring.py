"""What a measure computes. One expression has two readings, DAX for the model and SQL for checks and previews, so that both
say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Function = Literal["sum", "average", "minimum", "maximum", "distinct"]
Named = tuple[str, str]
"""A table, and the name of a measure or a column of it."""


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
class Beyond:
    """Of the rows whose column has what the measure says, whatever is filtered but the columns `kept`. Roles still hide."""

    value: Of
    key: tuple[str, Named]
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Despite:
    """Whatever is chosen of these other tables."""

    value: Of
    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """One measure over another of the same table; nothing over none."""

    part: str
    whole: str


@dataclass(frozen=True, slots=True)
class Minus:
    """A measure less another, of any table; nothing where one is missing. `per` divides."""

    one: Named
    other: Named
    per: int = 1


@dataclass(frozen=True, slots=True)
class Chosen:
    """A measure of another table where something is chosen in a slicer over this column, else what the own rows say."""

    slicer: Named
    then: Named
    otherwise: Of


@dataclass(frozen=True, slots=True)
class Unlike:
    """A measure of the same table where two texts differ, upper and lower case too; nothing where `given` says nothing."""

    value: str
    one: str
    other: str
    given: Named


Leaf = Rows | Of | Beyond | Despite
"""What is computed from rows; all others are computed from these."""
Expression = Leaf | Share | Minus | Chosen | Unlike
