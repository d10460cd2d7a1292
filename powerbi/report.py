"""What a report is made of: pages, what stands on them and where, and which fields of the model each thing shows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from powerbi.measuring import Where

Style = dict[str, "str | int | float | bool"]
"""Properties of one formatting object; a text that begins with # is a colour."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column or a measure of a table."""

    table: str
    name: str
    label: str | None = None
    """Shown instead of the name."""

    def called(self, label: str) -> Field:
        return replace(self, label=label)


@dataclass(frozen=True, slots=True)
class ColumnField(Field):
    pass


@dataclass(frozen=True, slots=True)
class MeasureField(Field):
    pass


@dataclass(frozen=True, slots=True)
class Box:
    """In pixels of a page of 1920 x 1080."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Sort:
    by: Field
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Top:
    """Only what has the greatest values of a measure, among what all other filters leave."""

    count: int
    of: ColumnField
    by: MeasureField


@dataclass(frozen=True, slots=True, kw_only=True)
class Visual:
    """`kind` is Power BI's own name. `alt` is what a screen reader says."""

    key: str
    kind: str
    box: Box
    alt: str
    title: str | None = None
    roles: dict[str, tuple[Field, ...]] = field(default_factory=dict)
    sort: Sort | None = None
    only: tuple[tuple[str, Where], ...] = ()
    """Filters of this visual alone: a table, and what holds for a column of it."""
    top: Top | None = None
    colours: dict[str, str] = field(default_factory=dict)
    """Of values of the series."""
    style: dict[str, Style] = field(default_factory=dict)
    slicer: Slicer | None = None
    lines: tuple[str, ...] = ()
    """Of a text: the first is a heading."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(each for fields in self.roles.values() for each in fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slicer:
    """A filter that all pages share, or `one` value for one page. `last_days` makes it a period that ends now."""

    key: str
    by: ColumnField
    label: str
    last_days: int | None = None
    one: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    key: str
    name: str
    question: str
    """That it answers; stands under its name."""
    visuals: tuple[Visual, ...]
    slicers: tuple[Slicer, ...]
    refresh_s: int | None = None
    chooser: str | None = None
    """Key of a list: what is chosen in it filters the others, which else would only be highlighted."""
    drill_by: tuple[ColumnField, ...] = ()
    """What a right click elsewhere hands over; such a page is opened that way only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    name: str
    pages: tuple[Page, ...]
    as_of: Visual
    """The card that stands on each page."""
    theme: Theme


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    name: str
    series: tuple[str, ...]
    good: str
    neutral: str
    bad: str
    ink: str
    quiet: str
    paper: str
    ground: str
    line: str
