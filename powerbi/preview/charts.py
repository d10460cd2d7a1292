"""Charts by Vega: one function a kind of visual."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import altair as alt
import vl_convert

from powerbi.preview.shown import Shown
from powerbi.preview.svg import FONT
from powerbi.preview.text import fitting, label
from powerbi.report import Field, Theme

Chart = Any
"""One of altair's, whose types follow the schema of Vega."""
Size = tuple[float, float]
"""Width and height, in pixels."""

MOST_BARS = 10
_LABEL_WIDTH = 230
_SMALL_SIZE, _LABEL_SIZE = 12, 12
_AXIS_LINES = {"gridColor": "#E5E7EB", "domainColor": "#9CA3AF", "tickColor": "#9CA3AF"}


def chart_svg(shown: Shown, theme: Theme, width: float, height: float) -> str:
    """An `<svg>` of this size."""
    made = _CHARTS[shown.visual.kind](shown, theme, (width, height))
    chart = made.properties(
        width=width, height=height, autosize=alt.AutoSizeParams(type="fit", contains="padding"), background=theme.paper
    )
    looks = _configured(chart, theme)
    return vl_convert.vegalite_to_svg(looks.to_dict())


def _configured(chart: Chart, theme: Theme) -> Chart:
    words = {"labelColor": theme.quiet, "titleColor": theme.quiet, "labelFont": FONT, "titleFont": FONT}
    chart = chart.configure_axis(
        labelFontSize=_LABEL_SIZE,
        titleFontSize=_LABEL_SIZE,
        titleFontWeight="normal",
        labelLimit=_LABEL_WIDTH,
        **words,
        **_AXIS_LINES,
    )
    chart = chart.configure_legend(
        labelFontSize=_LABEL_SIZE, titleFontSize=_LABEL_SIZE, titleFontWeight="normal", labelLimit=180, **words
    )
    return chart.configure_view(stroke=None)


def _values(shown: Shown) -> list[dict[str, Any]]:
    return [{str(place): _plain(value) for place, value in enumerate(row)} for row in shown.rows]


def _plain(value: Any) -> Any:
    """Times as text without a zone, which Vega reads as they stand."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, date):
        return value.strftime("%Y-%m-%d 00:00:00")
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return float(value)


def _key(shown: Shown, field: Field) -> str:
    return str(shown.fields.index(field))


def _role(shown: Shown, role: str) -> Field | None:
    fields = shown.visual.roles.get(role)
    return fields[0] if fields else None


def _legend(shown: Shown, theme: Theme, size: Size) -> Any:
    """Colour by the series, the same for the same value as in the report."""
    field = _role(shown, "Series")
    if field is None:
        return alt.value(theme.series[0])
    present = sorted({str(value) for value in shown.column(field) if value is not None})
    spare = [colour for colour in theme.series if colour not in shown.visual.colours.values()]
    longest = max((len(value) for value in present), default=1)
    columns = max(1, int(size[0] * 0.85 / (longest * _LABEL_SIZE * 0.55 + 34)))
    colours = [shown.visual.colours.get(value) or spare[place % len(spare)] for place, value in enumerate(present)]
    return alt.Color(
        f"{_key(shown, field)}:N",
        scale=alt.Scale(domain=present, range=colours),
        legend=None
        if shown.visual.style.get("legend", {}).get("show") is False
        else alt.Legend(title=None, orient="top", direction="horizontal", columns=columns, symbolType="circle"),
    )


def _columns(shown: Shown, theme: Theme, size: Size) -> Chart:
    """Of the level with more than one value, as somebody would drill to."""
    levels = shown.visual.roles["Category"]
    by = next((level for level in levels if len(set(shown.column(level))) > 1), levels[-1])
    value = shown.visual.roles["Y"][0]
    return (
        alt.Chart(alt.Data(values=_values(shown)))
        .mark_bar(size=max(2, min(48, 0.6 * size[0] / _count(shown, by))))
        .encode(
            x=_steps(shown, by),
            y=alt.Y(f"sum({_key(shown, value)}):Q", title=label(value), axis=_numbers(shown, value)),
            color=_legend(shown, theme, size),
        )
    )


def _line(shown: Shown, theme: Theme, size: Size) -> Chart:
    by, value = shown.visual.roles["Category"][0], shown.visual.roles["Y"][0]
    rate = max((abs(float(each)) for each in shown.column(value) if each is not None), default=0) <= 1
    axis = alt.Axis(format=".0%") if rate else _numbers(shown, value)
    return (
        alt.Chart(alt.Data(values=_values(shown)))
        .mark_line(point={"filled": True, "size": 60}, strokeWidth=2, color=theme.series[0])
        .encode(
            x=_steps(shown, by),
            y=alt.Y(
                f"{_key(shown, value)}:Q",
                title=label(value),
                axis=axis,
                scale=alt.Scale(zero=not rate, nice=True, padding=8),
            ),
        )
    )


def _count(shown: Shown, field: Field) -> int:
    return max(1, len(set(shown.column(field))))


def _steps(shown: Shown, field: Field) -> Any:
    """A place for each day or hour that there is."""
    hours = any(isinstance(value, datetime) for value in shown.column(field))
    pattern = "%d %b %H:%M" if hours else "%d %b"
    axis = alt.Axis(labelExpr=f"timeFormat(toDate(datum.value), '{pattern}')", labelAngle=0, labelOverlap=True)
    return alt.X(f"{_key(shown, field)}:O", title=label(field), axis=axis)


def _numbers(shown: Shown, field: Field) -> Any:
    """Whole ones where all are."""
    values = [float(value) for value in shown.column(field) if value is not None]
    if any(value != int(value) for value in values):
        return alt.Axis(tickCount=5)
    most = int(max(values, default=0))
    return alt.Axis(values=list(range(most + 1)), format="d") if most <= 5 else alt.Axis(tickCount=5, format=",d")


def _time_axis(values: list[Any]) -> Any:
    times = [value for value in values if value is not None]
    span = (max(times) - min(times)).total_seconds() if times else 0
    pattern = (
        "%H:%M:%S" if span < 600 else "%H:%M" if span < 86_400 else "%d %b %H:%M" if span < 3 * 86_400 else "%d %b"
    )
    return alt.Axis(format=pattern, grid=False, labelOverlap=True, tickCount=8)


def _bars(shown: Shown, theme: Theme, size: Size) -> Chart:
    by, value = shown.visual.roles["Category"][0], shown.visual.roles["Y"][0]
    sums: dict[Any, float] = defaultdict(float)
    for name, number in zip(shown.column(by), shown.column(value), strict=True):
        sums[name] += float(number or 0)
    greatest = sorted(sums, key=lambda name: -sums[name])[:MOST_BARS]
    order = [_bar_name(name, size[0]) for name in greatest]
    rows = [
        {**row, _key(shown, by): _bar_name(name, size[0])}
        for row, name in zip(_values(shown), shown.column(by), strict=True)
        if name in greatest
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(size=min(24, 0.5 * size[1] / max(1, len(order))))
        .encode(
            y=alt.Y(f"{_key(shown, by)}:N", sort=order, title=None, axis=alt.Axis(labelLimit=int(size[0] * 0.55))),
            x=alt.X(f"{_key(shown, value)}:Q", title=label(value), axis=_numbers(shown, value)),
            color=_legend(shown, theme, size),
        )
    )


def _bar_name(name: Any, width: float) -> str:
    return fitting("(blank)" if name is None else str(name), width * 0.5, _LABEL_SIZE)


def _donut(shown: Shown, theme: Theme, size: Size) -> Chart:
    by, value = shown.visual.roles["Category"][0], shown.visual.roles["Y"][0]
    total = sum(float(each or 0) for each in shown.column(value)) or 1
    rows = [
        {
            "name": f"{name if name is not None else '(blank)'}: {int(number or 0):,} ({float(number or 0) / total:.0%})",
            "value": float(number or 0),
        }
        for name, number in zip(shown.column(by), shown.column(value), strict=True)
    ]
    names = [row["name"] for row in rows]
    colours = [theme.series[place % len(theme.series)] for place in range(len(names))]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_arc(innerRadius=60, stroke=theme.paper)
        .encode(
            theta="value:Q",
            order=alt.Order("value:Q", sort="descending"),
            color=alt.Color(
                "name:N",
                scale=alt.Scale(domain=names, range=colours),
                sort=names,
                legend=alt.Legend(title=None, orient="right"),
            ),
        )
    )


def _dots(shown: Shown, theme: Theme, size: Size) -> Chart:
    across, up = shown.visual.roles["X"][0], shown.visual.roles["Y"][0]
    lanes = shown.visual.style.get("valueAxis", {}).get("show") is False
    y = alt.Y(f"{_key(shown, up)}:Q", title=None if lanes else label(up), axis=None if lanes else alt.Axis(tickCount=6))
    return (
        alt.Chart(alt.Data(values=_values(shown)))
        .mark_circle(opacity=0.75, size=70)
        .encode(
            x=alt.X(
                f"{_key(shown, across)}:T",
                title=label(across),
                axis=_time_axis(shown.column(across)),
                scale=alt.Scale(padding=12),
            ),
            y=y,
            color=_legend(shown, theme, size),
        )
    )


_CHARTS: dict[str, Callable[[Shown, Theme, Size], Chart]] = {
    "columnChart": _columns,
    "lineChart": _line,
    "clusteredBarChart": _bars,
    "barChart": _bars,
    "donutChart": _donut,
    "scatterChart": _dots,
}
