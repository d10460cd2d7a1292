"""The forecasting service: each method is one or a few real transactions, with log lines around them.

with application.request(user_id, "input.change", ids.correlation_id()):
    application.change_inputs([change])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    create_engine,
    delete,
    func,
    insert,
    literal_column,
    make_url,
    select,
    update,
)

from clearsight.context import attach, audit_context, current_context
from clearsight.demo.engine import Value
from clearsight.demo.log_lines import ApplicationLogs
from clearsight.demo.seeds import Person
from clearsight.demo.tables import inputs, run_nodes, scenarios, users

TXID: ColumnElement[str] = literal_column("pg_current_xact_id()::xid::text")
"""The transaction as logical decoding names it: 32 bits."""

STATES = ("draft", "submitted", "approved", "locked", "archived")


class Input(NamedTuple):
    input_id: UUID
    scenario_id: UUID
    node: str
    name: str
    value: Value


class Committed(NamedTuple):
    correlation_id: str
    row_key: str
    at_s: float
    """Monotonic clock, right after the commit returned."""


class RolledBack(Exception):
    """Raised inside a transaction that the user gave up."""


@dataclass(frozen=True)
class ForecastApplication:
    engine: Engine
    logs: ApplicationLogs
    on_commit: Callable[[Committed], None] = lambda committed: None

    @contextmanager
    def request(self, user_id: UUID, use_case: str, correlation_id: str) -> Iterator[None]:
        """What one request does shares one correlation id, in its transactions and in its log lines."""
        with audit_context(correlation_id, user=str(user_id), use_case=use_case):
            started_s = time.monotonic()
            try:
                yield
            except RolledBack:
                self.logs.gateway.warning("POST /%s 409 given up by the user", use_case.replace(".", "/"))
            else:
                elapsed_ms = (time.monotonic() - started_s) * 1000
                self.logs.gateway.info("POST /%s 200 %.1f ms", use_case.replace(".", "/"), elapsed_ms)

    @contextmanager
    def transaction(self, first_seen: UUID | None = None) -> Iterator[Connection]:
        """One transaction. `first_seen` is the key of a row that it is the first to write under its correlation id;
        whoever watches commits is told."""
        with self.engine.begin() as connection:
            yield connection
        context = current_context()
        if first_seen and context:
            self.on_commit(Committed(context.correlation_id, str(first_seen), time.monotonic()))

    def create_user(self, person: Person) -> None:
        with self.transaction(person.user_id) as connection:
            connection.execute(insert(users).values(user_id=person.user_id, name=person.name, email=person.email))
        self.logs.api.info("user created", extra={"created_user_id": str(person.user_id)})

    def rename_user(self, user_id: UUID, name: str) -> None:
        with self.transaction(user_id) as connection:
            connection.execute(update(users).where(users.c.user_id == user_id).values(name=name))
        self.logs.api.info("user renamed")

    def create_scenario(self, scenario_id: UUID, owner_id: UUID, name: str, values: Sequence[Input]) -> None:
        """The scenario and all its inputs, one transaction."""
        with self.transaction(scenario_id) as connection:
            connection.execute(insert(scenarios).values(scenario_id=scenario_id, owner_id=owner_id, name=name))
            connection.execute(insert(inputs), [_input_row(value) for value in values])
        self.logs.api.info("scenario created with %d inputs", len(values), extra={"scenario_id": str(scenario_id)})

    def rename_scenario(self, scenario_id: UUID, name: str) -> None:
        with self.transaction(scenario_id) as connection:
            connection.execute(update(scenarios).where(scenarios.c.scenario_id == scenario_id).values(name=name))
        self.logs.api.info("scenario renamed", extra={"scenario_id": str(scenario_id)})

    def advance(self, scenario_id: UUID, status: str) -> None:
        """Move the scenario to its next state (one of STATES after the first) and note when."""
        with self.transaction(scenario_id) as connection:
            values = {"status": status, f"{status}_at": func.now()}
            connection.execute(update(scenarios).where(scenarios.c.scenario_id == scenario_id).values(values))
        self.logs.api.info("scenario %s", status, extra={"scenario_id": str(scenario_id)})

    def delete_scenario(self, scenario_id: UUID) -> None:
        """With its inputs and runs."""
        with self.transaction(scenario_id) as connection:
            connection.execute(delete(scenarios).where(scenarios.c.scenario_id == scenario_id))
        self.logs.api.info("scenario deleted", extra={"scenario_id": str(scenario_id)})

    def add_input(self, added: Input) -> None:
        with self.transaction(added.input_id) as connection:
            connection.execute(insert(inputs).values(_input_row(added)))
        self.logs.api.info("input added", extra={"scenario_id": str(added.scenario_id), "node": added.node})

    def remove_input(self, removed: Input) -> None:
        with self.transaction(removed.input_id) as connection:
            connection.execute(delete(inputs).where(inputs.c.input_id == removed.input_id))
        self.logs.api.info("input removed", extra={"scenario_id": str(removed.scenario_id), "node": removed.node})

    def change_inputs(self, changes: Sequence[Input], *, give_up: bool = False) -> str:
        """Set the values of these inputs, in this order, in one transaction; returns its txid.

        Raises RolledBack, after everything was written, where the user gives up.
        """
        with self.transaction(changes[0].input_id) as connection:
            txids = [change_input(connection, change) for change in changes]
            if give_up:
                raise RolledBack
        for change in changes:
            self.log_change(change)
        return txids[0]

    def log_change(self, change: Input) -> None:
        extra = {"scenario_id": str(change.scenario_id), "node": change.node, "input_name": change.name}
        self.logs.api.info("input %s.%s changed", change.node, change.name, extra=extra)

    def rename_node(self, run_id: UUID, node: str, name: str) -> None:
        """Change a key: the result of a node under another name."""
        with self.transaction() as connection:
            row = (run_nodes.c.run_id == run_id) & (run_nodes.c.node == node)
            connection.execute(update(run_nodes).where(row).values(node=name))
        self.logs.api.info("result relabelled", extra={"run_id": str(run_id), "node": node})

    def health_check(self) -> None:
        """A line that belongs to no request."""
        self.logs.gateway.info("GET /health 200")


def connect(dsn: str, connections: int) -> Engine:
    """The application's engine, which sends the audit context of each transaction."""
    url = make_url(dsn).set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_size=connections, max_overflow=2)
    attach(engine)
    return engine


def change_input(connection: Connection, change: Input) -> str:
    """Set one input's value; returns the txid."""
    statement = update(inputs).where(inputs.c.input_id == change.input_id)
    values = {**_value_columns(change.value), "updated_at": func.now()}
    return str(connection.execute(statement.values(values).returning(TXID)).scalar_one())


def read_inputs(connection: Connection, scenario_id: UUID) -> dict[str, dict[str, Value]]:
    """Node → input → value, as they are now."""
    columns = (inputs.c.node, inputs.c.name, inputs.c.value_number, inputs.c.value_text, inputs.c.value_json)
    found: dict[str, dict[str, Value]] = {}
    for node, name, number, text, json in connection.execute(
        select(*columns).where(inputs.c.scenario_id == scenario_id)
    ):
        value = float(number) if number is not None else text if text is not None else json
        found.setdefault(node, {})[name] = value
    return found


def _input_row(value: Input) -> dict[str, object]:
    row = {"input_id": value.input_id, "scenario_id": value.scenario_id, "node": value.node, "name": value.name}
    return {**row, **_value_columns(value.value)}


def _value_columns(value: Value) -> dict[str, object]:
    return {
        "value_number": str(value) if isinstance(value, (int, float)) else None,
        "value_text": value if isinstance(value, str) else None,
        "value_json": value if isinstance(value, (list, dict)) else None,
    }
