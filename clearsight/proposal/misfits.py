"""A mapping beside the catalogue of the database it speaks of: what is missing, and what does not fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec.structs import replace

from clearsight.mapping import AnyTable, InputTable, Mapping, OtherTable, Part, RunTable, ScenarioTable, line_of
from clearsight.proposal.catalogue import Catalogue, Column, Table
from clearsight.tables import TableName
from clearsight.topics import clashes

_COLUMN_KEYS = ("key", "correlation", "name", "owner", "status", "lifecycle", "scenario", "run", "user", "node", "value",
                "started", "finished", "error", "email")  # fmt: skip
_TIMES = ("time", "date", "text", "number")
"""What can hold a time: text as ISO 8601, a number since the epoch."""


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one key of the mapping file; a "warning" does not keep the product from working."""

    severity: Literal["error", "warning"]
    part: Part
    occurrence: int
    """Which of the [[source.other]] it is, from 0; 0 for every other part."""
    key: str
    table: str
    message: str
    mend: str

    def line(self, text: str) -> int | None:
        """In the text of the mapping file."""
        return line_of(text, f"source.{self.part}", self.key.partition(".")[0], self.occurrence)


def misfits(mapping: Mapping, catalogue: Catalogue, topic_prefix: str = "clearsight") -> list[Misfit]:
    """Everything that does not fit, in the order of the file; [] where all does."""
    found = [each for part, table in mapping.parts() for each in _of_table(part, table, mapping, catalogue)]
    blocked = dict(clashes(topic_prefix, mapping.tables()))
    places = {table.table: place for place, table in enumerate(mapping.other)}
    for part, table in mapping.parts():
        if other := blocked.get(table.table):
            message = f"the Kafka topic of {table.table} cannot be beside {other}: the names differ at most in . and _"
            mend = "leave one of both tables out of the mapping file, or set another CLEARSIGHT_KAFKA__TOPIC_PREFIX"
            found.append(_misfit("error", part, table, "table", message, mend))
    return [replace(each, occurrence=places.get(each.table, 0)) for each in found]


def named_columns(table: AnyTable) -> Iterator[tuple[str, str]]:
    """Each column that a part of the mapping names, after the key that names it."""
    for field in _COLUMN_KEYS:
        value = getattr(table, field, None)
        if isinstance(value, dict):
            yield from ((f"{field}.{state}", column) for state, column in value.items())
        else:
            yield from ((field, column) for column in ([value] if isinstance(value, str) else value or ()))


def _of_table(part: Part, table: AnyTable, mapping: Mapping, catalogue: Catalogue) -> Iterator[Misfit]:
    actual = catalogue.by_name.get(TableName.parse(table.table))
    if actual is None:
        message = f"the mapping file names {table.table} as {part}, and the source has no such table"
        near = _nearest(table.table, (str(each) for each in catalogue.by_name))
        yield _misfit("error", part, table, "table", message, near or f"correct {_section(part)}, or create the table")
        return
    obstacle = actual.obstacle(catalogue.server_version)
    if obstacle:
        yield _misfit("error", part, table, "table", f"{table.table} {obstacle}", f"correct {_section(part)}")
    for key, column in named_columns(table):
        yield from _of_column(part, table, key, column, actual, catalogue)
    yield from _key(part, table, actual)
    yield from _references(part, table, actual, mapping, catalogue)


def _of_column(
    part: Part, table: AnyTable, key: str, name: str, actual: Table, catalogue: Catalogue
) -> Iterator[Misfit]:
    column = actual.by_name.get(name)
    if column is None:
        message = f"the mapping file names the column {name} of {table.table}, and the table has none of that name"
        near = _nearest(name, actual.by_name)
        yield _misfit("error", part, table, key, message, near or f"correct {key} in {_section(part)}")
    elif not catalogue.sends(column):
        message = f"{table.table}.{name} is generated, and PostgreSQL does not send it before version 18"
        yield _misfit("error", part, table, key, message, f"name another column as {key} in {_section(part)}")
    elif wrong := _wrong_type(key, column):
        message = f"{table.table}.{name} is {column.type}: {wrong}"
        yield _misfit("error", part, table, key, message, f"name another column as {key} in {_section(part)}")


def _wrong_type(key: str, column: Column) -> str | None:
    if key.startswith("lifecycle.") or key in ("started", "finished"):
        return None if column.family in _TIMES else f"{key} must be a time"
    if key == "correlation":
        return None if column.family in ("text", "uuid") else "a correlation id is text or a uuid"
    if key == "status":
        return None if column.family in ("text", "number", "boolean") else "a status is one plain value"
    return None


def _key(part: Part, table: AnyTable, actual: Table) -> Iterator[Misfit]:
    """What is not unique tells rows apart wrongly; what contains a unique key is unique too."""
    if not set(table.key) <= set(actual.by_name):
        return
    if not any(set(unique) <= set(table.key) for unique in (actual.primary, *actual.unique) if unique):
        columns = ", ".join(table.key)
        message = f"nothing makes {columns} unique in {table.table}: different rows may be taken for one"
        mend = f"name the primary key's columns ({', '.join(actual.key)}) as key" if actual.key else "add a primary key"
        yield _misfit("warning", part, table, "key", message, f"{mend} in {_section(part)}" if actual.key else mend)


def _references(part: Part, table: AnyTable, actual: Table, mapping: Mapping, catalogue: Catalogue) -> Iterator[Misfit]:
    for key, column, target in _pointers(table, mapping):
        there = catalogue.by_name.get(TableName.parse(target.table))
        mine = actual.by_name.get(column)
        if there is None or mine is None:
            continue
        if len(target.key) > 1:
            message = f"{table.table}.{column} is one column, and the key of {target.table} has {len(target.key)}"
            yield _misfit("error", part, table, key, message, f"give {target.table} a key of one column")
        elif (its := there.by_name.get(target.key[0])) and mine.family != its.family:
            message = f"{table.table}.{column} is {mine.type}, and the key of {target.table} is {its.type}"
            mend = f"name the column that holds {target.table}.{its.name} as {key} in {_section(part)}"
            yield _misfit("error", part, table, key, message, mend)


def _pointers(table: AnyTable, mapping: Mapping) -> Iterator[tuple[str, str, AnyTable]]:
    """The columns that hold another part's key."""
    if isinstance(table, InputTable | RunTable | OtherTable) and table.scenario:
        yield "scenario", table.scenario, mapping.scenario
    if isinstance(table, OtherTable) and table.run and mapping.run and len(mapping.run.key) == 1:
        yield "run", table.run, mapping.run
    if isinstance(table, RunTable) and table.user and mapping.user:
        yield "user", table.user, mapping.user
    if isinstance(table, ScenarioTable) and table.owner and mapping.user:
        yield "owner", table.owner, mapping.user


def _misfit(
    severity: Literal["error", "warning"], part: Part, table: AnyTable, key: str, message: str, mend: str
) -> Misfit:
    return Misfit(severity=severity, part=part, occurrence=0, key=key, table=table.table, message=message, mend=mend)


def _section(part: Part) -> str:
    return "[[source.other]] in the mapping file" if part == "other" else f"[source.{part}] in the mapping file"


def _nearest(name: str, present: Iterable[str]) -> str | None:
    folded = {each.casefold(): each for each in present}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.7)
    return f"did you mean {folded[near[0]]}? Correct the mapping file" if near else None
