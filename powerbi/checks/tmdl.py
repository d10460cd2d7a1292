"""Reads TMDL, as far as this project uses it: objects by indentation, their properties and what they say after `=`.

Strict: what it does not know is a finding. Microsoft's own parser (`tabular`) knows more, and may not be shipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_NAME = r"(?:'(?:[^']|'')+'|[A-Za-z_][A-Za-z0-9_]*)"
_OBJECT = re.compile(
    rf"(?P<kind>[a-z][A-Za-z]*) (?P<name>{_NAME}(?: {_NAME})?)(?: =(?: (?P<text>.*))?)?$|(?P<alone>database)$"
)
_PROPERTY = re.compile(r"(?P<name>[a-z][A-Za-z]*)(?:(?:: | = )(?P<value>.+)| =)?$")
_CHILDREN = {
    "": {"database", "model", "expression", "relationship", "role", "table", "annotation", "ref"},
    "table": {"measure", "column", "partition"},
    "role": {"tablePermission"},
    "tablePermission": {"columnPermission"},
}
_PROPERTIES = {
    "database": {"compatibilityLevel"},
    "model": {"culture", "defaultPowerBIDataSourceVersion", "discourageImplicitMeasures", "sourceQueryCulture"},
    "expression": {"lineageTag"},
    "relationship": {"relyOnReferentialIntegrity", "fromColumn", "toColumn"},
    "role": {"modelPermission"},
    "table": {"lineageTag", "dataCategory"},
    "measure": {"formatString", "isHidden", "lineageTag"},
    "column": {
        "dataType",
        "isKey",
        "isHidden",
        "formatString",
        "lineageTag",
        "summarizeBy",
        "sourceColumn",
        "sortByColumn",
    },
    "partition": {"mode", "source"},
}


class NotTmdl(ValueError):
    """A line that is none of what this project's TMDL has."""


@dataclass(slots=True)
class Object:
    """`text` is what stands after `=`: DAX of a measure, M of an expression."""

    kind: str
    name: str
    text: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    children: list[Object] = field(default_factory=list)

    def all(self, kind: str) -> list[Object]:
        return [each for each in self.children if each.kind == kind]


def read(path: Path) -> list[Object]:
    """The objects of a file. Raises NotTmdl with file and line."""
    root = Object("", "")
    open_objects = [root]
    lines = path.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        line, number = lines[number], number + 1
        depth = len(line) - len(line.lstrip("\t"))
        said = line.strip()
        if not said or said.startswith("///"):
            continue
        try:
            if depth >= len(open_objects):
                raise NotTmdl("is indented too far")
            del open_objects[depth + 1 :]
            if said == "source =":
                text, number = _block(lines, number, depth)
                open_objects[-1].properties["source"] = text
            else:
                _line(said, open_objects)
        except NotTmdl as error:
            raise NotTmdl(f"{path.name}:{number}: {error}: {said}") from None
    return root.children


def _line(said: str, open_objects: list[Object]) -> None:
    parent = open_objects[-1]
    found = _OBJECT.match(said)
    kind = (found["kind"] or found["alone"]) if found else ""
    if found and kind in _CHILDREN.get(parent.kind, set()):
        made = Object(kind, unquoted(found["name"] or ""), found["text"] or "")
        if any((each.kind, each.name) == (made.kind, made.name) for each in parent.children):
            raise NotTmdl("stands twice")
        parent.children.append(made)
        open_objects.append(made)
        return
    told = _PROPERTY.match(said)
    if not told or told["name"] not in _PROPERTIES.get(parent.kind, set()):
        raise NotTmdl(f"is nothing that {parent.kind or 'a file'} has")
    if told["name"] in parent.properties:
        raise NotTmdl("stands twice")
    parent.properties[told["name"]] = told["value"] or "true"


def _block(lines: list[str], number: int, depth: int) -> tuple[str, int]:
    """The lines that are indented further than the property that they are the value of."""
    start = number
    while number < len(lines) and lines[number].startswith("\t" * (depth + 1)):
        number += 1
    return "\n".join(lines[start:number]), number


def unquoted(name: str) -> str:
    return name[1:-1].replace("''", "'") if name.startswith("'") else name


def model_of(project: Path) -> list[Object]:
    """All objects of the one semantic model below. Raises NotTmdl."""
    return [each for path in sorted(project.glob("*.SemanticModel/definition/**/*.tmdl")) for each in read(path)]


def sources(objects: list[Object]) -> Iterator[tuple[str, str]]:
    """Each text of M: whose it is, and the text."""
    for each in objects:
        if each.kind == "expression":
            yield each.name, each.text
        for partition in each.all("partition"):
            yield partition.name, partition.properties["source"]
