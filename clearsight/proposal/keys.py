"""The keys of a part in the mapping file, each with its guess."""

from __future__ import annotations

import msgspec

from clearsight.proposal import columns
from clearsight.proposal import vocabulary as vocab
from clearsight.proposal.catalogue import Table
from clearsight.proposal.evidence import Choice, rivals
from clearsight.proposal.ground import Ground

HOLD_BACK = 0.45
"""A column that is less sure than this is written as a comment."""


class Key(msgspec.Struct, frozen=True):
    name: str
    value: str | tuple[str, ...] | dict[str, str] | None
    """None: no column was found."""
    choice: Choice
    rivals: tuple[Choice, ...] = ()
    """Columns that are nearly as likely."""
    needed: bool = False
    """The mapping file must have it."""

    @property
    def held_back(self) -> bool:
        return self.value is None or (not self.needed and self.choice.confidence < HOLD_BACK)


def scenario_keys(table: Table, user: Table | None, ground: Ground) -> list[Key]:
    status = columns.status(table)
    values = table.by_name[status[0].column].values if status else ()
    return [
        _key(table),
        _column("name", columns.named(table, vocab.NAME, vocab.NAME_WEAK)),
        _column("owner", columns.person(table, user, ground.references(table, user), vocab.OWNER) if user else []),
        _column("status", status),
        _lifecycle(table, values),
        *_correlation(table),
    ]


def input_keys(table: Table, scenario: Table, ground: Ground) -> list[Key]:
    node = columns.node(table)
    name = [choice for choice in columns.named(table, vocab.NAME, vocab.NAME_WEAK) if choice not in node[:1]]
    taken = [choice.column for choice in (*node[:1], *name[:1], *ground.references(table, scenario))]
    return [
        _key(table),
        _column("scenario", ground.references(table, scenario), needed=True),
        _column("node", node),
        _column("name", name),
        _values(table, taken),
        *_correlation(table),
    ]


def run_keys(table: Table, scenario: Table, user: Table | None, ground: Ground) -> list[Key]:
    status = columns.status(table)
    return [
        _key(table),
        _column("scenario", ground.references(table, scenario), needed=True),
        _column("user", columns.person(table, user, ground.references(table, user), vocab.STARTER) if user else []),
        _column("status", status, needed=True),
        _column("started", columns.instants(table, vocab.STARTED)),
        _column("finished", columns.instants(table, vocab.FINISHED)),
        _column("error", columns.error(table)),
        _column(
            "node", [choice for choice in columns.node(table, failing=True) if choice.column not in _first(status)]
        ),
        *(_outcomes(table, status[0].column) if status else ()),
        *_correlation(table),
    ]


def user_keys(table: Table) -> list[Key]:
    return [
        _key(table),
        _column("name", columns.named(table, vocab.PERSON, vocab.PERSON_WEAK)),
        _column("email", columns.named(table, vocab.EMAIL, vocab.Words())),
        *_correlation(table),
    ]


def other_keys(table: Table, scenario: Table, run: Table | None, ground: Ground) -> list[Key]:
    in_run = ground.references(table, run) if run and table is not run else []
    in_scenario = ground.references(table, scenario)
    found = [
        _key(table),
        _column("scenario", in_scenario),
        _column("run", in_run),
        _column("node", [choice for choice in columns.node(table) if choice.confidence > 0.5]),
        *_correlation(table),
    ]
    return [key for key in found if key.value is not None]


def _key(table: Table) -> Key:
    reason = "primary key" if table.primary else "no primary key; a unique index without nulls"
    return Key("key", table.key, Choice(", ".join(table.key), 1.0 if table.primary else 0.6, reason), needed=True)


def _column(name: str, found: list[Choice], needed: bool = False) -> Key:
    if not found:
        return Key(name, None, Choice("", 0.0, "no column is named like it"), needed=needed)
    return Key(name, found[0].column, found[0], tuple(rivals(found)), needed)


def _values(table: Table, taken: list[str]) -> Key:
    found = columns.values(table, taken)
    if not found:
        return Key("value", None, Choice("", 0.0, "no column is named like it"))
    names = tuple(choice.column for choice in found)
    return Key("value", names, found[0])


def _lifecycle(table: Table, values: tuple[str, ...]) -> Key:
    found = columns.lifecycle(table, values)
    if not found:
        return Key("lifecycle", None, Choice("", 0.0, "no column says when a state was entered"))
    least = min(found.values(), key=lambda choice: choice.confidence)
    return Key("lifecycle", {state: choice.column for state, choice in found.items()}, least)


def _outcomes(table: Table, status: str) -> list[Key]:
    """Which values of the status say how a run ended."""
    column = table.by_name[status]
    succeeded, failed = columns.outcomes(column.values)
    where = "seen in a sample" if column.sampled else f"{status} allows {columns.shown(column.values)}"
    if not column.values:
        unknown = Choice("", 0.2, f"the values of {status} are not known; these are guesses")
        return [
            Key("succeeded", ("succeeded",), unknown, needed=True),
            Key("failed", ("failed",), unknown, needed=True),
        ]
    missing = Choice("", 0.2, f"none of {columns.shown(column.values)} is known to say so")
    sure = 0.7 if column.sampled else 0.95
    found = [
        Key(name, values, Choice(", ".join(values), sure, where) if values else missing, needed=True)
        for name, values in (("succeeded", succeeded), ("failed", failed))
    ]
    if over := columns.undecided(column.values):
        doubt = f"a run that is {columns.shown(over)} counts as running; add it to failed or succeeded if it is over"
        found[1] = Key("failed", failed, Choice(", ".join(failed), 0.4, doubt), needed=True)
    return found


def _correlation(table: Table) -> list[Key]:
    found = columns.correlation(table)
    return [_column("correlation", found)] if found else []


def _first(found: list[Choice]) -> list[str]:
    return [choice.column for choice in found[:1]]
