"""A mapping beside the catalogue of the database it speaks of: what is missing, and what does not fit."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from clearsight.doctor.names import quoted
from clearsight.mapping import AnyTable, InputTable, Mapping, OtherTable, Part, RunTable, ScenarioTable
from clearsight.mapping_file import line_of
from clearsight.proposal import rules
from clearsight.proposal.catalogue import Catalogue, Column, Table
from clearsight.proposal.rules import Rule
from clearsight.tables import TableName
from clearsight.topics import clashes

_COLUMN_KEYS = ("key", "correlation", "name", "owner", "status", "lifecycle", "scenario", "run", "user", "node", "value",
                "started", "finished", "error", "email")  # fmt: skip
_INTEGERS = ("bigint", "integer", "smallint")
_OTHER_IDS = " (its events get other ids than those that have landed)"


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one key of the mapping file. Each keeps changes from being seen or told apart."""

    rule: str
    """The name of one of `clearsight.proposal.rules`."""
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
            found.append(_misfit(rules.TOPIC_CLASH, part, table, "table", other=other))
    return [replace(each, occurrence=places.get(each.table, 0)) for each in found]


def doubts(mapping: Mapping, catalogue: Catalogue) -> list[Misfit]:
    """What fits only if the values of a column are written in one way, which its type does not tell."""
    found = []
    places = {table.table: place for place, table in enumerate(mapping.other)}
    for part, table in mapping.parts():
        actual = catalogue.by_name.get(TableName.parse(table.table))
        columns = actual.by_name if actual else {}
        for key, name in named_columns(table):
            column = columns.get(name)
            if column and _is_time(key) and column.family not in ("time", "date") and not _wrong_type(key, column):
                rule = rules.TIME_IN_TEXT if column.family == "text" else rules.TIME_IN_NUMBER
                found.append(_misfit(rule, part, table, key, column=name, type=column.type))
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
        near = _nearest(table.table, (str(each) for each in catalogue.by_name))
        yield _misfit(rules.TABLE_MISSING, part, table, "table", near=near)
        return
    if obstacle := actual.obstacle():
        yield _misfit(rules.TABLE_KIND, part, table, "table", obstacle=obstacle)
        return
    if catalogue.refuses_updates(actual, table.replica_identity == "full"):
        yield _misfit(rules.TABLE_VIRTUAL, part, table, "table")
    for key, column in named_columns(table):
        yield from _of_column(part, table, key, column, actual, catalogue)
    yield from _key(part, table, actual)
    yield from _references(part, table, actual, mapping, catalogue)


def _of_column(
    part: Part, table: AnyTable, key: str, name: str, actual: Table, catalogue: Catalogue
) -> Iterator[Misfit]:
    column = actual.by_name.get(name)
    if column is None:
        yield _misfit(rules.COLUMN_MISSING, part, table, key, column=name, near=_nearest(name, actual.by_name))
    elif not catalogue.sends(column):
        values = {"column": name, "kind": column.generated, "version": catalogue.server_version // 10_000}
        yield _misfit(rules.COLUMN_GENERATED, part, table, key, **values)
    elif must := _wrong_type(key, column):
        yield _misfit(rules.COLUMN_TYPE, part, table, key, column=name, type=column.type, must=must)


def _wrong_type(key: str, column: Column) -> str | None:
    if _is_time(key):
        can_hold = column.family in ("time", "date", "text") or column.type in _INTEGERS
        return None if can_hold else f"{key} must be a time"
    if key == "correlation":
        return None if column.family in ("text", "uuid") else "a correlation id is text or a uuid"
    if key == "status":
        return None if column.family in ("text", "number", "boolean") else "a status is one plain value"
    return None


def _is_time(key: str) -> bool:
    return key.startswith("lifecycle.") or key in ("started", "finished")


def _key(part: Part, table: AnyTable, actual: Table) -> Iterator[Misfit]:
    """What contains a unique key is unique too."""
    if not set(table.key) <= set(actual.by_name):
        return
    named = ", ".join(table.key)
    if not any(set(unique) <= set(table.key) for unique in (actual.primary, *actual.unique) if unique):
        yield _misfit(rules.KEY, part, table, "key", named=named, better=_unique_key(part, table, actual))
    elif table.replica_identity == "default" and set(table.key) != set(actual.primary):
        primary = ", ".join(actual.primary) or "it has none"
        whole = f'replica_identity = "full" in {_section(part)}'
        better = _toml_key(part, actual.primary) if actual.primary else whole
        yield _misfit(rules.KEY_OF_OLD, part, table, "key", named=named, primary=primary, better=better)


def _unique_key(part: Part, table: AnyTable, actual: Table) -> str:
    """The constraint that was lost comes first: another key would make other events of the same rows."""
    named = ", ".join(map(quoted, table.key))
    add = f"ALTER TABLE {quoted(*actual.name)} ADD PRIMARY KEY ({named})"
    other = f"set {_toml_key(part, actual.key)}" if actual.key else ""
    if actual.primary:
        return other
    return f"{add}; or {other}" if other else add


def _toml_key(part: Part, columns: Iterable[str]) -> str:
    """To be pasted, and where; TOML's strings are JSON's."""
    names = ", ".join(json.dumps(column, ensure_ascii=False) for column in columns)
    return f"key = [{names}] in {_section(part)}{_OTHER_IDS}"


def _references(part: Part, table: AnyTable, actual: Table, mapping: Mapping, catalogue: Catalogue) -> Iterator[Misfit]:
    for key, column, target in _pointers(table, mapping):
        there = catalogue.by_name.get(TableName.parse(target.table))
        mine = actual.by_name.get(column)
        if there is None or mine is None:
            continue
        values = {"column": column, "target": target.table}
        if len(target.key) > 1:
            wanted = f"{len(target.key)} columns"
            yield _misfit(rules.REFERENCE, part, table, key, found="one column", wanted=wanted, **values)
        elif (its := there.by_name.get(target.key[0])) and mine.family != its.family:
            yield _misfit(rules.REFERENCE, part, table, key, found=mine.type, wanted=its.type, **values)


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


def _misfit(rule: Rule, part: Part, table: AnyTable, key: str, **values: Any) -> Misfit:
    places = {"table": table.table, "part": part, "key": key, "section": _section(part), **values}
    message, mend = rule.message.format(**places), rule.mend.format(**places)
    return Misfit(rule=rule.name, part=part, occurrence=0, key=key, table=table.table, message=message, mend=mend)


def _section(part: Part) -> str:
    return f"{'[[source.other]]' if part == 'other' else f'[source.{part}]'} of the mapping file"


def _nearest(name: str, present: Iterable[str]) -> str:
    """ " (did you mean …?)", or "" where nothing is like it."""
    folded = {each.casefold(): each for each in present}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.7)
    return f" (did you mean {folded[near[0]]}?)" if near else ""
