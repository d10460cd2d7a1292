"""Reads a mapping file, `clearsight.toml`, and says of each mistake the line, the key and what to do."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from clearsight.errors import MappingError
from clearsight.mapping import (
    ContextMessage,
    ErrorRule,
    InputTable,
    LogFields,
    Mapping,
    OtherTable,
    RunTable,
    ScenarioTable,
    Table,
    UserTable,
)
from clearsight.tables import TableName

DEFAULT_MAPPING = Path(__file__).with_name("clearsight.toml")
"""It fits the demo application."""

_PARTS: dict[str, type[Any]] = {
    "scenario": ScenarioTable,
    "input": InputTable,
    "run": RunTable,
    "user": UserTable,
}


_SYNTAX_MENDS = (
    ("Illegal character '\\n'", "close the text in that line with a quote"),
    ("Invalid value", 'write texts in straight quotes: "…"'),
    ("Cannot overwrite a value", "the key is there twice: remove one"),
    ("Cannot declare", "the section is there twice: remove one"),
    ("Unclosed array", "close the list before that line with ]"),
    ("Expected '='", 'write key = "value"'),
)
_EXPECTED = {"str": "a text in quotes", "str | null": "a text in quotes", "object": '{ state = "column", … }',
             "array": 'a list of texts: ["…"]'}  # fmt: skip


def load_mapping(path: Path, named: str = "CLEARSIGHT_MAPPING_FILE") -> Mapping:
    """Read and check a mapping file; `named` is what says which. Raises MappingError naming the file, the line and the key."""
    try:
        written = path.read_bytes()
    except OSError as error:
        problem = "no such file" if isinstance(error, FileNotFoundError) else "not readable"
        raise MappingError(str(path), "mapping_file", None, problem, f"correct {named}") from None
    try:
        text = written.decode("utf-8-sig")  # some editors put a mark in front
    except UnicodeDecodeError as error:
        line = written.count(b"\n", 0, error.start) + 1
        raise MappingError(str(path), "encoding", line, "is not UTF-8", "save the file as UTF-8") from None
    return parse_mapping(text, str(path))


@cache
def default_rules() -> tuple[ErrorRule, ...]:
    """The rules of a mapping file that has none of its own: those of the packaged one."""
    return load_mapping(DEFAULT_MAPPING).errors


def parse_mapping(text: str, path: str = "clearsight.toml") -> Mapping:
    """Check the text of a mapping file. Raises MappingError naming the line and the key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else None
        mend = next((mend for problem, mend in _SYNTAX_MENDS if problem in str(error)), "correct the TOML at that line")
        raise MappingError(path, "syntax", line, str(error), mend) from None
    return _Reader(text, path).mapping(document)


class _Reader:
    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path

    def mapping(self, document: dict[str, Any]) -> Mapping:
        for key in document:
            if key not in ("source", "logs", "errors"):
                raise self._error("", key, "unknown section", "use [source.…], [logs] and [[errors]] only")
        source = document.get("source")
        if not isinstance(source, dict) or "scenario" not in source:
            raise self._error("", "source.scenario", "missing", "name the table of scenarios in [source.scenario]")
        for key in source:
            if key not in ("name", "other", "context", *_PARTS):
                raise self._error("source", key, "unknown part", f"use one of {', '.join(_PARTS)}, other, context")
        parts = {
            part: self._table(f"source.{part}", source[part], kind) for part, kind in _PARTS.items() if part in source
        }
        others = self._list("source.other", source.get("other", []))
        mapping = Mapping(
            source=self._convert("source", "name", source.get("name", "source"), str),
            other=tuple(self._table("source.other", item, OtherTable, n) for n, item in enumerate(others)),
            context=self._struct("source.context", source.get("context", {}), ContextMessage),
            logs=self._struct("logs", document.get("logs", {}), LogFields),
            errors=self._rules(document["errors"]) if "errors" in document else default_rules(),
            **parts,
        )
        tables = list(mapping.tables())
        for place, table in enumerate(tables):
            if table in tables[:place]:
                part = [part for part, _ in mapping.parts()][place]
                nth = place - tables.index(mapping.other[0].table) if part == "other" else 0
                raise self._error(f"source.{part}", "table", f"{table} plays two parts", "map each table once", nth)
        if not mapping.source:
            raise self._error("source", "name", "is empty", "name the source, and never change it afterwards")
        return mapping

    def _rules(self, raw: Any) -> tuple[ErrorRule, ...]:
        rules = []
        for n, item in enumerate(self._list("errors", raw)):
            rule: ErrorRule = self._struct("errors", item, ErrorRule, n)
            for pattern in rule.patterns:
                try:
                    re.compile(pattern)
                except re.error as error:
                    problem = f"{pattern!r} is no regular expression: {error}"
                    raise self._error("errors", "patterns", problem, "correct the pattern", n) from None
            rules.append(rule)
        return tuple(rules)

    def _list(self, section: str, value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self._error(section, section, "must be a list of tables", f"write it as [[{section}]]")
        return value

    def _table(self, section: str, raw: Any, kind: type[Any], occurrence: int = 0) -> Any:
        if isinstance(raw, dict):
            for key in ("key", "value", "succeeded", "failed"):
                if isinstance(raw.get(key), str):
                    raw = {**raw, key: [raw[key]]}
        table = self._struct(section, raw, kind, occurrence)
        try:
            name = str(TableName.parse(table.table))
        except ValueError as error:
            mend = "write it as schema.table; a name with a dot or a space stands in double quotes: 'app.\"my table\"'"
            raise self._error(section, "table", str(error), mend, occurrence) from None
        if not table.key:
            raise self._error(section, "key", "is empty", "list the columns that identify a row", occurrence)
        self._texts(section, table, occurrence)
        return msgspec.structs.replace(table, table=name)

    def _texts(self, section: str, table: Table, occurrence: int) -> None:
        """What would fit the types and still say nothing."""
        for key in table.__struct_fields__:
            value = getattr(table, key)
            texts = (
                [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, tuple) else [value]
            )
            if "" in texts:
                raise self._error(section, key, "is empty", "name a column, or leave the key out", occurrence)
            if isinstance(value, tuple) and len(set(value)) < len(value):
                raise self._error(section, key, "says the same twice", "remove one", occurrence)
        both = set(table.succeeded) & set(table.failed) if isinstance(table, RunTable) else None
        if both:
            problem = f"{', '.join(sorted(both))} is in succeeded too"
            raise self._error(section, "failed", problem, "leave each value in one of both lists", occurrence)

    def _struct(self, section: str, raw: Any, kind: type[Any], occurrence: int = 0) -> Any:
        if not isinstance(raw, dict):
            raise self._error(section, section, "must be a table", f"write it as [{section}]")
        known = [field.encode_name for field in msgspec.structs.fields(kind)]
        for key in raw:
            if key not in known:
                raise self._error(section, key, "unknown key", f"use one of {', '.join(known)}", occurrence)
        for field in msgspec.structs.fields(kind):
            if field.required and field.encode_name not in raw:
                raise self._error(section, field.encode_name, "missing", f"add it to [{section}]", occurrence)
        converted = {
            field.encode_name: self._convert(section, field.encode_name, raw[field.encode_name], field.type, occurrence)
            for field in msgspec.structs.fields(kind)
            if field.encode_name in raw
        }
        return kind(**converted)

    def _convert(self, section: str, key: str, value: Any, kind: Any, occurrence: int = 0) -> Any:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            expected = re.match(r"Expected `([^`]+)`", str(error))
            wanted = _EXPECTED.get(expected[1] if expected else "")
            raise self._error(
                section, key, str(error), f"write {wanted}" if wanted else "correct the value", occurrence
            ) from None

    def _error(self, section: str, key: str, problem: str, mend: str, occurrence: int = 0) -> MappingError:
        name = f"{section}.{key}" if section and not key.startswith(section) else key
        return MappingError(self._path, name, line_of(self._text, section, key, occurrence), problem, mend)


def line_of(text: str, section: str, key: str, occurrence: int = 0) -> int | None:
    """The line of `key` in a mapping file's `section` ("source.run"; the n-th of that heading), else of its heading."""
    heading, seen, inside = None, -1, section == ""
    for number, line in enumerate(text.splitlines(), start=1):
        written = line.strip()
        if written.startswith("["):
            name = re.sub(r"\s*\.\s*", ".", written.strip("[]").split("#")[0].strip().rstrip("]").strip())
            seen += name == section
            inside = name == section and seen == occurrence
            if inside:
                heading = number
            if name in (key, f"{section}.{key}") or (not section and name.startswith(f"{key}.")):
                return number
        elif inside and re.match(rf'"?{re.escape(key)}"?\s*=', written):
            return number
    return heading
