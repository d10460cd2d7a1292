"""The tables that can be audited, and how they refer to each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from msgspec.structs import replace

from clearsight.proposal.catalogue import Catalogue, Column, Table
from clearsight.proposal.evidence import Choice, ranked
from clearsight.proposal.vocabulary import singulars, words
from clearsight.tables import TableName

_KEY_WORDS = ("id", "nr", "no", "key", "ref")
_AMBIGUOUS = 3
"""A column that is named like the keys of more tables than this points to none of them."""


class Ground:
    """Made once of a catalogue; looking up is cheap."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.left_out: dict[TableName, str] = {}
        self.tables: dict[TableName, Table] = {}
        for table in catalogue.tables:
            obstacle = table.obstacle() or _refused(table, catalogue) or _unsent_key(table, catalogue)
            if obstacle:
                self.left_out[table.name] = obstacle
            else:
                sent = tuple(column for column in table.columns if catalogue.sends(column))
                self.tables[table.name] = replace(table, columns=sent)
        self._by_key_name, self._by_thing = self._indexes()
        self._pointers: dict[TableName, dict[TableName, list[Choice]]] = {}
        self._children: dict[TableName, list[Table]] = defaultdict(list)
        for table in self.tables.values():
            self._pointers[table.name] = self._pointers_of(table)
            for target in self._pointers[table.name]:
                self._children[target].append(table)

    def references(self, table: Table, target: Table) -> list[Choice]:
        """The columns that hold the target's key, which must be one column: declared as foreign key, else named like it."""
        return self._pointers[table.name].get(target.name, [])

    def children(self, target: Table) -> list[Table]:
        """The tables that hold this one's key, itself left out."""
        return self._children[target.name]

    def parents(self, table: Table) -> list[Table]:
        """The tables whose key this one holds."""
        return [self.tables[name] for name in self._pointers[table.name]]

    def _indexes(self) -> tuple[dict[str, list[Table]], dict[tuple[str, ...], list[Table]]]:
        """Tables with a key of one column: by its name, where that says more than "id", and by the thing they hold."""
        by_key_name: dict[str, list[Table]] = defaultdict(list)
        by_thing: dict[tuple[str, ...], list[Table]] = defaultdict(list)
        for table in self.tables.values():
            thing = words(table.name.name)
            if len(table.key) == 1:
                if len(words(table.key[0])) > 1:
                    by_key_name[table.key[0]].append(table)
                for head in singulars(thing[-1]) if thing else ():
                    by_thing[*thing[:-1], head].append(table)
        return by_key_name, by_thing

    def _pointers_of(self, table: Table) -> dict[TableName, list[Choice]]:
        found: dict[TableName, list[Choice]] = defaultdict(list)
        declared = {column for key in table.foreign for column in key.columns}
        for key in table.foreign:
            target = self.tables.get(key.target)
            if target and target is not table and len(target.key) == 1 and target.key[0] in key.target_columns:
                holder = key.columns[key.target_columns.index(target.key[0])]
                found[target.name].append(Choice(holder, 0.95, f"foreign key to {target.name}"))
        for column in table.columns:
            if column.name not in declared:
                for target in self._named_like(table, column):
                    found[target.name].append(Choice(column.name, 0.7, f"named like the key of {target.name}"))
        return {target: ranked(choices) for target, choices in found.items()}

    def _named_like(self, table: Table, column: Column) -> Iterator[Table]:
        """Tables whose key this column may hold, those of its own schema alone where there are some."""
        spelled = words(column.name)
        near = {target.name: target for target in self._by_key_name.get(column.name, ())}
        if len(spelled) > 1:
            for head in singulars(spelled[-2]):
                for target in self._by_thing.get((*spelled[:-2], head), ()):
                    if spelled[-1] in _KEY_WORDS or spelled[-1:] == words(target.key[0])[-1:]:
                        near[target.name] = target
        fitting = [
            target
            for target in near.values()
            if target is not table and target.by_name[target.key[0]].family == column.family
        ]
        beside = [target for target in fitting if target.name.schema == table.name.schema] or fitting
        if len(beside) <= _AMBIGUOUS and (column.name,) != table.key:
            yield from beside


def _refused(table: Table, catalogue: Catalogue) -> str | None:
    if catalogue.refuses_updates(table, full_identity=True):
        return "has a virtual generated column: with REPLICA IDENTITY FULL PostgreSQL would refuse its updates"
    return None


def _unsent_key(table: Table, catalogue: Catalogue) -> str | None:
    if not table.key:
        return "has no primary key and no unique index without nulls: nothing identifies a row"
    if not all(catalogue.sends(table.by_name[column]) for column in table.key):
        return "has a generated column in its key, which this version of PostgreSQL does not send"
    return None
