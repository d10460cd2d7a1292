"""Fields, filters and literals as PBIR writes them: the query language of reports, in JSON."""

from __future__ import annotations

from typing import Any

from powerbi.measuring import Where
from powerbi.report import ColumnField, Field, MeasureField, Style, Top
from powerbi.write.names import short_id

Json = dict[str, Any]


def literal(value: str | int | float | bool) -> Json:
    match value:
        case bool():
            text = "true" if value else "false"
        case int():
            text = f"{value}L"
        case float():
            text = f"{value:g}D"
        case str():
            text = "'" + value.replace("'", "''") + "'"
    return {"expr": {"Literal": {"Value": text}}}


def styled(value: str | int | float | bool) -> Json:
    if isinstance(value, str) and value.startswith("#"):
        return {"solid": {"color": literal(value)}}
    return literal(value)


def properties(style: Style) -> Json:
    return {"properties": {name: styled(value) for name, value in style.items()}}


def expression(field: Field) -> Json:
    kind = "Measure" if isinstance(field, MeasureField) else "Column"
    return {kind: {"Expression": {"SourceRef": {"Entity": field.table}}, "Property": field.name}}


def projection(field: Field, *, active: bool | None = None) -> Json:
    found: Json = {
        "field": expression(field),
        "queryRef": f"{field.table}.{field.name}",
        "nativeQueryRef": field.label or field.name,
    }
    if field.label is not None:
        found["displayName"] = field.label
    if active is not None:
        found["active"] = active
    return found


def one_of(field: ColumnField, where: Where, owner: str) -> Json:
    """A filter that holds for a visual of this path of names."""
    source = field.table[0].lower()
    values = [[literal(value)["expr"]] for value in where.values]
    condition = {"In": {"Expressions": [_of(source, field.name)], "Values": values}}
    return {
        "name": f"Filter{short_id(owner, field.table, field.name)}",
        "field": expression(field),
        "type": "Categorical",
        "filter": _filter(source, field.table, condition),
        "howCreated": "User",
    }


def last_days(field: ColumnField, days: int) -> Json:
    """The days that end with today."""
    source = field.table[0].lower()
    now: Json = {"Now": {}}
    tomorrow = {"DateAdd": {"Expression": now, "Amount": 1, "TimeUnit": 0}}
    first = {"DateAdd": {"Expression": tomorrow, "Amount": -days, "TimeUnit": 0}}
    between = {
        "Expression": _of(source, field.name),
        "LowerBound": {"DateSpan": {"Expression": first, "TimeUnit": 0}},
        "UpperBound": {"DateSpan": {"Expression": now, "TimeUnit": 0}},
    }
    return _filter(source, field.table, {"Between": between})


def top(wanted: Top, owner: str) -> Json:
    """The filter asks a query of its own, in the context of all other filters."""
    field, source = wanted.of, wanted.of.table[0].lower()
    ranked = {"SourceRef": {"Source": "m"}}
    query = {
        "Version": 2,
        "From": [
            {"Name": source, "Entity": field.table, "Type": 0},
            {"Name": "m", "Entity": wanted.by.table, "Type": 0},
        ],
        "Select": [{**_of(source, field.name), "Name": "field"}],
        "OrderBy": [{"Direction": 2, "Expression": {"Measure": {"Expression": ranked, "Property": wanted.by.name}}}],
        "Top": wanted.count,
    }
    within = {"In": {"Expressions": [_of(source, field.name)], "Table": {"SourceRef": {"Source": "subquery"}}}}
    return {
        "name": f"Filter{short_id(owner, 'top', field.table, field.name)}",
        "field": expression(field),
        "type": "TopN",
        "filter": {
            "Version": 2,
            "From": [
                {"Name": "subquery", "Expression": {"Subquery": {"Query": query}}, "Type": 2},
                {"Name": source, "Entity": field.table, "Type": 0},
            ],
            "Where": [{"Condition": within}],
        },
        "howCreated": "User",
    }


def drilled(field: ColumnField, page: str) -> Json:
    """The empty filter that a drill-through fills."""
    return {
        "name": f"Filter{short_id(page, 'drill', field.table, field.name)}",
        "field": expression(field),
        "type": "Categorical",
        "howCreated": "Drillthrough",
    }


def is_value(field: Field, value: str) -> Json:
    """Selects the marks of one value of a column."""
    right = literal(value)["expr"]
    comparison = {"ComparisonKind": 0, "Left": expression(field), "Right": right}
    return {"data": [{"scopeId": {"Comparison": comparison}}]}


def _of(source: str, column: str) -> Json:
    return {"Column": {"Expression": {"SourceRef": {"Source": source}}, "Property": column}}


def _filter(source: str, table: str, condition: Json) -> Json:
    return {
        "Version": 2,
        "From": [{"Name": source, "Entity": table, "Type": 0}],
        "Where": [{"Condition": condition}],
    }
