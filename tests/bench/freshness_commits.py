"""Commits at a steady pace, made by a process of its own so that making them does not slow down who measures."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import NamedTuple

import psycopg

from clearsight.errors import ClearSightError, Unavailable

THREADS = 4
"""Connections that commit in turns: one alone would wait for the disk too long."""
UPDATES_OF = 5
"""Each input is inserted and then changed this often, which makes 60 % and more of the commits updates."""
PROBE_EVERY = 25
"""Each such commit goes to the probe scenario, which the API is asked for."""
TOKEN = "bench-"


@dataclass(frozen=True)
class Schedule:
    """Commit `number` is due at `start_s + number / rate`, in monotonic seconds, the clock of all processes here."""

    rate: float
    warm_up_s: float
    measured_s: float
    start_s: float
    start_wall_s: float

    @property
    def commits(self) -> int:
        return int(self.rate * (self.warm_up_s + self.measured_s))

    @property
    def first_measured(self) -> int:
        return int(self.rate * self.warm_up_s)

    def due_s(self, number: int) -> float:
        return self.start_s + number / self.rate

    def due_wall_s(self, number: int) -> float:
        return self.start_wall_s + number / self.rate

    def probes(self) -> range:
        return range(0, self.commits, PROBE_EVERY)


class Place(NamedTuple):
    """Where the commits go."""

    user: str
    scenario: str
    probe: str


def token(number: int) -> str:
    """The value that commit `number` gives to its input."""
    return f"{TOKEN}{number}"


def number_of(value: str | None) -> int | None:
    """The commit of a token; None where it is none."""
    return int(value.removeprefix(TOKEN)) if value is not None and value.startswith(TOKEN) else None


def prepare(dsn: str) -> Place:
    """A user, a scenario, and another one that is only for probes."""
    place = Place(*(str(uuid.uuid4()) for _ in Place._fields))
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO forecast.users (user_id, name, email) VALUES (%s, 'Bench', 'bench@example.com')", [place.user]
        )
        cursor.executemany(
            "INSERT INTO forecast.scenarios (scenario_id, name, owner_id) VALUES (%s, %s, %s)",
            [(place.scenario, "bench", place.user), (place.probe, "probe", place.user)],
        )
    return place


@contextmanager
def committing(dsn: str, place: Place, schedule: Schedule) -> Iterator[Connection]:
    """A process that commits to schedule; `receive` gives what it did."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, dsn, place, schedule), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def receive(connection: Connection) -> dict[int, float]:
    """Commit number → when it was done, monotonic seconds; waits for the end. Raises Unavailable where it failed."""
    try:
        result = connection.recv()
    except EOFError:
        result = "its process ended"
    if isinstance(result, dict):
        return result
    raise Unavailable(f"the commits stopped: {result}", "run the benchmark again")


def _work(connection: Connection, dsn: str, place: Place, schedule: Schedule) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who measures ends this process
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            shares = [pool.submit(_share, dsn, place, schedule, first) for first in range(THREADS)]
            connection.send({number: at_s for share in shares for number, at_s in share.result().items()})
    except (psycopg.Error, ClearSightError) as error:
        connection.send((str(error).strip().splitlines() or [type(error).__name__])[0])


def _share(dsn: str, place: Place, schedule: Schedule, first: int) -> dict[int, float]:
    """Every THREADS-th commit. One that is late is made at once: the pace is not lowered for a slow moment."""
    done: dict[int, float] = {}
    known: dict[str, tuple[uuid.UUID, int]] = {}
    with psycopg.connect(dsn) as connection:
        for number in range(first, schedule.commits, THREADS):
            time.sleep(max(0.0, schedule.due_s(number) - time.monotonic()))
            scenario = place.probe if number % PROBE_EVERY == 0 else place.scenario
            key, changes = known.get(scenario, (uuid.uuid4(), 0))
            _commit(connection, place.user, scenario, key, token(number), is_new=changes == 0)
            done[number] = time.monotonic()
            known[scenario] = (key, changes + 1) if changes < UPDATES_OF else (uuid.uuid4(), 0)
    return done


def _commit(
    connection: psycopg.Connection, user: str, scenario: str, key: uuid.UUID, value: str, *, is_new: bool
) -> None:
    context = json.dumps({"correlation_id": str(uuid.uuid4()), "user": user, "use_case": "bench"})
    with connection.pipeline(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_logical_emit_message(true, 'clearsight', %s)", [context])
        if is_new:
            cursor.execute(
                "INSERT INTO forecast.inputs (input_id, scenario_id, node, name, value_text) VALUES (%s, %s, %s, %s, %s)",
                [key, scenario, "demand", f"input-{key}", value],
            )
        else:
            cursor.execute("UPDATE forecast.inputs SET value_text = %s WHERE input_id = %s", [value, key])
        connection.commit()
