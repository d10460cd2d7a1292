"""Fills the raw topics through the real connector and the real forwarder: transactions of the demo's tables, log lines."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from ground import Ground
from raw_topics import await_length, names

from clearsight.demo.cloudwatch_writer import CloudWatchWriter, logs_client
from clearsight.settings import required

TABLE = "forecast.inputs"
FILLER = "x" * 220
"""Makes before and after at least 300 bytes each."""
MOST_CHANGES = 20
RATIO = 0.81182
"""A transaction with one change more is rarer by this factor; cut off after MOST_CHANGES, the mean is 5."""
UPDATES = 0.6
SCENARIOS = 200
LOOK_EVERY = 100
LAG_CHANGES, LAG_WAIT_S = 500, 0.01
"""The application waits where the connector is further behind, as it would not be with a day's traffic: with the worker down
for an hour, rows and the lines about them would lie in their topics side by side."""


@dataclass(frozen=True)
class Load:
    transactions: int
    changes: int
    lines: int

    @property
    def events(self) -> int:
        return self.changes + self.lines


def fill(ground: Ground, transactions: int, seed: int, say: Callable[[str], None]) -> Load:
    """`transactions` of 1–20 changes (mean 5), 60 % updates, one context each; a log line for each change, written as
    its transaction commits. The users and scenarios that the rows belong to are made before, and are not counted.

    Returns when the topics hold all of it. Raises StackError where they do not come to.
    """
    settings = ground.settings
    changes = names(settings).change(TABLE)
    _without_truth(ground)
    writer = CloudWatchWriter(logs_client(settings.cloudwatch))
    stream = f"bench-{uuid.uuid4()}"
    with psycopg.connect(required(settings.demo.dsn, "demo.dsn"), options="-c synchronous_commit=off") as connection:
        application = Application(connection, random.Random(seed))
        for number in range(transactions):
            correlation_id, count = application.commit()
            now_ms = int(time.time() * 1000)
            for line in range(count):
                writer.put(settings.cloudwatch.groups[0], stream, now_ms, log_line(correlation_id, line))
            if number % LOOK_EVERY == 0:
                say(f"{number:,} of {transactions:,} transactions")
                await_length(settings, changes, application.changes - LAG_CHANGES, say, LAG_WAIT_S)
    writer.close(timeout_s=120)
    load = Load(transactions, application.changes, writer.accepted)
    await_length(settings, changes, load.changes, say)
    await_length(settings, names(settings).logs, load.lines, say)
    return load


class Application:
    """Commits transactions one after the other."""

    def __init__(self, connection: psycopg.Connection, rng: random.Random) -> None:
        self.changes = 0
        self._connection = connection
        self._rng = rng
        self._known: list[uuid.UUID] = []
        self._user = self._uuid()
        self._scenarios = [self._uuid() for _ in range(SCENARIOS)]
        self._weights = [RATIO**number for number in range(MOST_CHANGES)]
        self._people()

    def commit(self) -> tuple[str, int]:
        """One transaction; returns its correlation id and how many changes it made."""
        correlation_id = str(self._uuid())
        context = json.dumps({"correlation_id": correlation_id, "user": str(self._user), "use_case": "bench"})
        scenario = self._rng.choice(self._scenarios)
        (count,) = self._rng.choices(range(1, MOST_CHANGES + 1), self._weights)
        with self._connection.pipeline(), self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_logical_emit_message(true, 'clearsight', %s)", [context])
            for _ in range(count):
                self._change(cursor, scenario)
            self._connection.commit()
        self.changes += count
        return correlation_id, count

    def _change(self, cursor: psycopg.Cursor, scenario: uuid.UUID) -> None:
        value = f"{self._rng.random():.6f}"
        if self._known and self._rng.random() < UPDATES:
            chosen = self._rng.choice(self._known)
            cursor.execute("UPDATE forecast.inputs SET value_number = %s WHERE input_id = %s", [value, chosen])
            return
        key = self._uuid()
        self._known.append(key)
        cursor.execute(
            "INSERT INTO forecast.inputs (input_id, scenario_id, node, name, value_number, value_text)"
            " VALUES (%s, %s, 'demand', %s, %s, %s)",
            [key, scenario, f"input-{len(self._known)}", value, FILLER],
        )

    def _people(self) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO forecast.users (user_id, name, email) VALUES (%s, 'Bench', 'bench@example.com')",
                [self._user],
            )
            cursor.executemany(
                "INSERT INTO forecast.scenarios (scenario_id, name, owner_id) VALUES (%s, 'bench', %s)",
                [(scenario, self._user) for scenario in self._scenarios],
            )

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)


def log_line(correlation_id: str, number: int) -> str:
    line = {
        "level": "INFO",
        "location": "handler:12",
        "message": f"changing input {number}",
        "service": "forecast-api",
        "correlation_id": correlation_id,
        "function_request_id": correlation_id,
    }
    return json.dumps(line)


def _without_truth(ground: Ground) -> None:
    """The demo's record of what really happened would only make the filling slower; the topics are counted instead."""
    with ground.administrator("source") as connection:
        connection.execute("ALTER TABLE forecast.inputs DISABLE TRIGGER truth_row")
