"""Visuals in one call each, so that a page reads as what it shows."""

from __future__ import annotations

from typing import Any

from powerbi.describe.look import CARDS, SMALL_CARDS, TABLE
from powerbi.describe.model import MODEL
from powerbi.measuring import Where
from powerbi.report import Box, ColumnField, Field, MeasureField, Slicer, Sort, Style, Top, Visual

Only = tuple[tuple[str, Where], ...]


def column(table: str, name: str, label: str | None = None) -> ColumnField:
    """Raises KeyError where the model has none of this name."""
    return ColumnField(table, MODEL.table(table).column(name).name, label)


def measure(table: str, name: str, label: str | None = None) -> MeasureField:
    """Raises KeyError where the model has none of this name."""
    return MeasureField(table, MODEL.table(table).measure(name).name, label)


def cards(key: str, box: Box, alt: str, *values: Field, title: str | None = None, top: Top | None = None) -> Visual:
    return Visual(
        key=key,
        kind="cardVisual",
        box=box,
        alt=alt,
        title=title,
        roles={"Data": values},
        style=CARDS if title is None else SMALL_CARDS,
        top=top,
    )


def table(
    key: str,
    box: Box,
    title: str,
    alt: str,
    *values: Field,
    sort: Sort | None = None,
    only: Only = (),
    top: Top | None = None,
    style: dict[str, Style] | None = None,
) -> Visual:
    return Visual(
        key=key,
        kind="tableEx",
        box=box,
        title=title,
        alt=alt,
        roles={"Values": values},
        sort=sort,
        only=only,
        top=top,
        style=style or TABLE,
    )


def bars(
    key: str, box: Box, title: str, alt: str, by: Field, value: Field, series: Field | None = None, **options: Any
) -> Visual:
    """Lying bars, the greatest first."""
    roles: dict[str, tuple[Field, ...]] = {"Category": (by,), "Y": (value,)}
    roles |= {"Series": (series,)} if series else {}
    kind = "barChart" if series else "clusteredBarChart"
    return _chart(kind, key, box, title, alt, roles, Sort(value), **options)


def columns(
    key: str, box: Box, title: str, alt: str, by: tuple[Field, ...], value: Field, series: Field, **options: Any
) -> Visual:
    """Standing columns over time, stacked. `by` are levels to drill down."""
    roles = {"Category": by, "Series": (series,), "Y": (value,)}
    return _chart("columnChart", key, box, title, alt, roles, Sort(by[0], descending=False), **options)


def line(key: str, box: Box, title: str, alt: str, by: Field, *values: Field, **options: Any) -> Visual:
    roles: dict[str, tuple[Field, ...]] = {"Category": (by,), "Y": values}
    return _chart("lineChart", key, box, title, alt, roles, Sort(by, descending=False), **options)


def donut(key: str, box: Box, title: str, alt: str, by: Field, value: Field, **options: Any) -> Visual:
    return _chart("donutChart", key, box, title, alt, {"Category": (by,), "Y": (value,)}, Sort(value), **options)


def dots(key: str, box: Box, title: str, alt: str, roles: dict[str, tuple[Field, ...]], **options: Any) -> Visual:
    return _chart("scatterChart", key, box, title, alt, roles, None, **options)


def choice(key: str, box: Box, alt: str, by: ColumnField, label: str) -> Visual:
    """A slicer of this page alone, for one value, the greatest first."""
    slicer = Slicer(key=key, by=by, label=label, one=True)
    return Visual(key=key, kind="slicer", box=box, alt=alt, roles={"Values": (by,)}, sort=Sort(by), slicer=slicer)


def _chart(
    kind: str,
    key: str,
    box: Box,
    title: str,
    alt: str,
    roles: dict[str, tuple[Field, ...]],
    sort: Sort | None,
    *,
    only: Only = (),
    top: Top | None = None,
    colours: dict[str, str] | None = None,
    style: dict[str, Style] | None = None,
) -> Visual:
    return Visual(
        key=key,
        kind=kind,
        box=box,
        title=title,
        alt=alt,
        roles=roles,
        sort=sort,
        only=only,
        top=top,
        colours=colours or {},
        style=style or {},
    )
