"""Which source tables play which part: what `clearsight.toml` says (read in `clearsight.mapping_file`).

    [source.scenario | source.input | source.run | source.user], [[source.other]], [source.context], [logs], [[errors]]

Any application can be audited by naming its tables here; the packaged file fits the demo application.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

Part = Literal["scenario", "input", "run", "user", "other"]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every mapped table has. `table` is "schema.table" (a part with a dot or a space in double quotes, see
    `clearsight.tables`), `key` the columns that identify a row."""

    table: str
    key: tuple[str, ...]
    correlation: str | None = None
    replica_identity: Literal["full", "default"] = "full"
    """`default`: of a row before a change only its primary key is known, which then must be `key`. What the connector
    shows in the other columns of a deleted row is made up, so nothing is read from them."""


class ScenarioTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str | None = None
    owner: str | None = None
    status: str | None = None
    lifecycle: dict[str, str] = {}
    """State entered → the column that holds when."""


class InputTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    scenario: str
    node: str | None = None
    name: str | None = None
    value: tuple[str, ...] = ()
    """Columns that can hold the value; the first that is not null does."""


class RunTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    scenario: str
    status: str
    user: str | None = None
    started: str | None = None
    finished: str | None = None
    error: str | None = None
    node: str | None = None
    succeeded: tuple[str, ...] = ("succeeded",)
    failed: tuple[str, ...] = ("failed",)


class UserTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str | None = None
    email: str | None = None


class OtherTable(Table, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Audited, and placed in the timeline by the scenario or run that a row names."""

    scenario: str | None = None
    run: str | None = None
    node: str | None = None


AnyTable = ScenarioTable | InputTable | RunTable | UserTable | OtherTable


class ErrorRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An error belongs to the category `name` where one of these holds."""

    name: str
    match: tuple[str, ...] = ()
    """Text anywhere in the message, whatever its case."""
    types: tuple[str, ...] = ()
    """Class names, without module."""
    patterns: tuple[str, ...] = ()
    """Python regular expressions, searched in the message in lower case."""


class LogFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Names that the application's log lines have for ids, beside the known ones."""

    correlation: tuple[str, ...] = ()
    scenario: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    node: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    request: tuple[str, ...] = ()
    trace: tuple[str, ...] = ()


class ContextMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the application says who works and why: the prefix of its logical messages and the fields of their JSON."""

    prefix: str = "clearsight"
    correlation: str = "correlation_id"
    user: str = "user"
    use_case: str = "use_case"
    scenario: str | None = None
    """Only read where the message stands outside a transaction: then no row says which scenario was meant."""


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    scenario: ScenarioTable
    input: InputTable | None = None
    run: RunTable | None = None
    user: UserTable | None = None
    other: tuple[OtherTable, ...] = ()
    context: ContextMessage = ContextMessage()
    logs: LogFields = LogFields()
    errors: tuple[ErrorRule, ...] = ()

    def parts(self) -> Iterator[tuple[Part, AnyTable]]:
        """Each audited table with the part it plays."""
        yield "scenario", self.scenario
        if self.input:
            yield "input", self.input
        if self.run:
            yield "run", self.run
        if self.user:
            yield "user", self.user
        for table in self.other:
            yield "other", table

    def tables(self) -> tuple[str, ...]:
        """The audited tables, "schema.table", in the order of the file."""
        return tuple(table.table for _, table in self.parts())
