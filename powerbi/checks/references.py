"""Whatever a file names is there: columns and measures of visuals, DAX, relations, roles; a view's columns in M."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from powerbi.checks.tmdl import Object, model_of, unquoted

_DAX_COLUMN = re.compile(r"'((?:[^']|'')+)'\[([^\]]+)\]")
_DAX_MEASURE = re.compile(r"(?<!')\[([^\]]+)\]")
_M_COLUMNS = re.compile(r"Table\.SelectColumns\(View, \{(.*)\}\)")


class Names:
    """What a model has, by table."""

    def __init__(self, objects: list[Object]) -> None:
        tables = [each for each in objects if each.kind == "table"]
        self.columns = {table.name: {each.name for each in table.all("column")} for table in tables}
        self.measures = {table.name: {each.name for each in table.all("measure")} for table in tables}

    def has(self, kind: str, table: str, name: str) -> bool:
        return name in (self.measures if kind == "Measure" else self.columns).get(table, set())


def findings(project: Path) -> Iterator[str]:
    """What is wrong, a line each. Raises NotTmdl."""
    objects = model_of(project)
    names = Names(objects)
    yield from _twice(names)
    for each in objects:
        yield from _in_object(each, names)
    for path in sorted(project.glob("*.Report/definition/**/*.json")):
        for kind, table, name in _fields(json.loads(path.read_text(encoding="utf-8")), {}):
            if not names.has(kind, table, name):
                yield f"{path.relative_to(project)}: the model has no {kind.lower()} {table}[{name}]"


def _twice(names: Names) -> Iterator[str]:
    """A measure's name is its own in the whole model, and none of its table's columns has it."""
    for name, count in Counter(each for found in names.measures.values() for each in found).items():
        if count > 1:
            yield f"measure {name} stands in {count} tables"
    for table, measures in names.measures.items():
        for name in measures & names.columns[table]:
            yield f"{table}: {name} is a measure and a column"


def _in_object(each: Object, names: Names) -> Iterator[str]:
    match each.kind:
        case "table":
            yield from _in_table(each, names)
        case "relationship":
            for end in ("fromColumn", "toColumn"):
                yield from _missing(f"relationship {each.name}", [_qualified(each.properties[end])], names)
        case "role":
            yield from _in_role(each, names)
        case "ref":
            kind, _, name = each.name.partition(" ")
            if kind == "table" and unquoted(name) not in names.columns:
                yield f"model: there is no table {name}"


def _in_table(table: Object, names: Names) -> Iterator[str]:
    everywhere = {name for found in names.measures.values() for name in found}
    for each in [*table.all("measure"), *table.all("column")]:
        where = f"{table.name}[{each.name}]"
        yield from _missing(where, _DAX_COLUMN.findall(each.text), names)
        for name in _DAX_MEASURE.findall(_DAX_COLUMN.sub("", each.text)):
            if name not in everywhere:
                yield f"{where}: there is no measure [{name}]"
        order = each.properties.get("sortByColumn")
        yield from _missing(where, [(table.name, unquoted(order))] if order else [], names)
    yield from _unasked(table)


def _unasked(table: Object) -> Iterator[str]:
    """The columns that M asks a view for are those that the model takes."""
    for partition in table.all("partition"):
        found = _M_COLUMNS.search(partition.properties["source"])
        asked = set(json.loads(f"[{found[1]}]")) if found else set()
        taken = {each.properties["sourceColumn"] for each in table.all("column") if "sourceColumn" in each.properties}
        if asked != taken:
            yield f"{table.name}: M asks for {sorted(asked - taken)} too many, {sorted(taken - asked)} too few"


def _in_role(role: Object, names: Names) -> Iterator[str]:
    for permission in role.all("tablePermission"):
        where = f"role {role.name}"
        if permission.name not in names.columns:
            yield f"{where}: there is no table {permission.name}"
        wanted = _DAX_MEASURE.findall(permission.text) + [each.name for each in permission.all("columnPermission")]
        yield from _missing(where, [(permission.name, name) for name in wanted], names)


def _missing(where: str, wanted: list[tuple[str, str]], names: Names) -> Iterator[str]:
    for table, name in wanted:
        if not names.has("Column", table, name):
            yield f"{where}: the model has no column {table}[{name}]"


def _qualified(name: str) -> tuple[str, str]:
    found = re.fullmatch(r"('(?:[^']|'')+'|\w+)\.('(?:[^']|'')+'|\w+)", name)
    return (unquoted(found[1]), unquoted(found[2])) if found else (name, "")


def _fields(part: Any, aliases: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Kind, table and name of each field of a file. A filter names its tables by aliases of its own."""
    if isinstance(part, list):
        for each in part:
            yield from _fields(each, aliases)
    if not isinstance(part, dict):
        return
    if isinstance(part.get("From"), list):
        aliases = aliases | {each["Name"]: each["Entity"] for each in part["From"] if "Entity" in each}
    for name, value in part.items():
        if name in ("Column", "Measure") and isinstance(value, dict) and "Property" in value:
            source = value["Expression"]["SourceRef"]
            yield name, source.get("Entity") or aliases.get(source["Source"], source["Source"]), value["Property"]
        else:
            yield from _fields(value, aliases)
