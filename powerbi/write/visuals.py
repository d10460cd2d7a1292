"""One visual of a page as a `visual.json`."""

from __future__ import annotations

from typing import Any

from powerbi.report import Box, ColumnField, Field, Page, Slicer, Style, Visual
from powerbi.write.names import short_id
from powerbi.write.queries import (
    Json,
    expression,
    is_value,
    last_days,
    literal,
    one_of,
    projection,
    properties,
    styled,
    top,
)

_DRILLED_DOWN = {"columnChart", "lineChart", "clusteredColumnChart"}
"""Whose categories are levels: the first is shown, the next when it is drilled."""
_BY_DEFAULT_STATE = {"cardVisual": {"value", "label", "layout"}, "actionButton": {"icon"}}
"""Formatting objects that hold for a state of the visual, which must be named."""


def visual_file(schema: str, page: Page, visual: Visual, order: int) -> Json:
    found: Json = {
        "$schema": schema,
        "name": visual_id(page, visual.key),
        "position": _position(visual.box, order),
        "visual": _visual(visual),
    }
    filters = _filters(f"{page.key}/{visual.key}", visual)
    if filters:
        found["filterConfig"] = {"filters": filters}
    return found


def visual_id(page: Page, key: str) -> str:
    return short_id("page", page.key, key)


def _filters(owner: str, visual: Visual) -> list[Json]:
    found = [one_of(ColumnField(table, where.column), where, owner) for table, where in visual.only]
    return found + ([top(visual.top, owner)] if visual.top else [])


def _position(box: Box, order: int) -> Json:
    return {
        "x": box.x,
        "y": box.y,
        "z": order * 1000,
        "width": box.width,
        "height": box.height,
        "tabOrder": order * 1000,
    }


def _visual(visual: Visual) -> Json:
    found: Json = {"visualType": visual.kind}
    if visual.roles:
        found["query"] = _query(visual)
    objects = _objects(visual)
    if objects:
        found["objects"] = objects
    found["visualContainerObjects"] = _container(visual)
    if visual.slicer is not None and not visual.slicer.one:
        found["syncGroup"] = {"groupName": visual.slicer.key, "fieldChanges": True, "filterChanges": True}
    found["drillFilterOtherVisuals"] = True
    return found


def _query(visual: Visual) -> Json:
    query: Json = {"queryState": {role: _role(visual.kind, role, fields) for role, fields in visual.roles.items()}}
    if visual.sort is not None:
        direction = "Descending" if visual.sort.descending else "Ascending"
        query["sortDefinition"] = {"sort": [{"field": expression(visual.sort.by), "direction": direction}]}
    return query


def _role(kind: str, role: str, fields: tuple[Field, ...]) -> Json:
    levels = role == "Category" and kind in _DRILLED_DOWN
    return {
        "projections": [
            projection(field, active=number == 0 if levels else None) for number, field in enumerate(fields)
        ]
    }


def _objects(visual: Visual) -> Json:
    found: dict[str, list[Json]] = {}
    for name, style in visual.style.items():
        found[name] = [properties(style)]
    for name in _BY_DEFAULT_STATE.get(visual.kind, set()) & found.keys():
        found[name][0]["selector"] = {"id": "default"}
    if visual.colours:
        found["dataPoint"] = _colours(visual)
    if visual.slicer is not None:
        found |= _slicer(visual.slicer)
    if visual.lines:
        found["general"] = [{"properties": {"paragraphs": _paragraphs(visual.lines)}}]
    if visual.kind == "actionButton":
        found["icon"] = [{"properties": {"shapeType": literal("back")}, "selector": {"id": "default"}}]
    return found


def _colours(visual: Visual) -> list[Json]:
    """Of values of the legend; of a chart without one, of the category's."""
    by = (visual.roles.get("Series") or visual.roles["Category"])[0]
    return [
        {"properties": {"fill": styled(colour)}, "selector": is_value(by, value)}
        for value, colour in visual.colours.items()
    ]


def _slicer(slicer: Slicer) -> Json:
    header = [properties({"show": True, "text": slicer.label})]
    if slicer.last_days is None:
        found = {"data": [properties({"mode": "Dropdown"})], "header": header}
        return found | ({"selection": [properties({"singleSelect": True})]} if slicer.one else {})
    relative: Style = {
        "mode": "Relative",
        "relativeRange": "Last",
        "relativeDuration": float(slicer.last_days),
        "relativePeriod": "Days",
    }
    chosen = {"properties": {"filter": {"filter": last_days(slicer.by, slicer.last_days)}}}
    return {"data": [properties(relative)], "header": header, "general": [chosen]}


def _paragraphs(lines: tuple[str, ...]) -> list[Json]:
    heading, *rest = lines
    styles: list[tuple[str, dict[str, Any]]] = [(heading, {"fontWeight": "bold", "fontSize": "18pt"})]
    styles += [(line, {"fontSize": "11pt"}) for line in rest]
    return [{"textRuns": [{"value": text, "textStyle": style}]} for text, style in styles]


def _container(visual: Visual) -> Json:
    found: dict[str, list[Json]] = {"general": [properties({"altText": visual.alt})]}
    found["title"] = [properties({"show": True, "text": visual.title} if visual.title else {"show": False})]
    if visual.slicer is not None:
        found["padding"] = [properties(dict.fromkeys(("top", "bottom", "left", "right"), 6.0))]
    if visual.kind == "actionButton":
        found["visualLink"] = [properties({"show": True, "type": "Back"})]
    if visual.kind in ("textbox", "pageNavigator", "actionButton"):
        found["background"] = found["border"] = [properties({"show": False})]
    return found
