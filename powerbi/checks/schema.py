"""Each file against Microsoft's JSON schema that it names. The schemas lie in `schemas`, with their licence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

_SCHEMAS = Path(__file__).with_name("schemas")
_BASE = "https://developer.microsoft.com/json-schemas/"
_WITH_SCHEMA = (".json", ".pbip", ".pbir", ".pbism", ".platform")


def findings(project: Path) -> Iterator[str]:
    """What is wrong, a line each."""
    registry: Registry[Any] = Registry(retrieve=_schema)  # type: ignore[call-arg]
    for path in sorted(project.rglob("*")):
        if path.is_file() and (path.suffix in _WITH_SCHEMA or path.name in _WITH_SCHEMA):
            for wrong in _wrong(path, registry):
                yield f"{path.relative_to(project)}: {wrong}"


def _wrong(path: Path, registry: Registry[Any]) -> Iterator[str]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"is not JSON: {error}"
        return
    if path.parent.name == "RegisteredResources":
        return  # a theme, which has no schema among these
    name = content.get("$schema", "")
    if not name.startswith(_BASE) or not _file(name).exists():
        yield f"names no schema that is known here: {name or 'none'}"
        return
    for found in Draft7Validator({"$ref": name}, registry=registry).iter_errors(content):
        yield f"{'/'.join(map(str, found.absolute_path)) or 'the file'}: {found.message[:300]}"


def _schema(uri: str) -> Resource[Any]:
    content = json.loads(_file(uri).read_text(encoding="utf-8-sig"))
    content.pop("$id", None)  # it is not the address that others refer to it by
    return Resource.from_contents(content, default_specification=DRAFT7)


def _file(uri: str) -> Path:
    return _SCHEMAS / uri.removeprefix(_BASE)
