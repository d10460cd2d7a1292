"""The faults. Each does its harm, returns, and leaves mending to the stack; a frozen part is thawed before it returns."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
import psutil
import psycopg
from chaos.losses import LOSSES
from chaos.scene import CREW_LIMIT, SESSION_TIMEOUT_S, WORKERS, Fault, Scene, Strike, terminate
from psycopg import sql

from clearsight.errors import StackError
from clearsight.stack.state import REPORT_DATABASE, SOURCE_DATABASE

BROKER_FROZEN_S = 8.0
CONFIRMED_LIMIT_S = 3.0


def _kill(part: str, how: signal.Signals = signal.SIGKILL) -> Strike:
    def strike(scene: Scene, random: Random) -> None:
        process = scene.ground.process(part)
        process.send_signal(how)
        with suppress(psutil.TimeoutExpired):
            process.wait(60)

    return strike


def _freeze(scene: Scene, part: str, seconds: float) -> None:
    process = scene.ground.process(part)
    process.suspend()
    try:
        time.sleep(seconds)
    finally:
        process.resume()


def _freeze_owner(scene: Scene, random: Random) -> None:
    """Somebody is there to take over; the frozen one wakes up in the middle of what it did."""
    if not scene.crew.members:
        scene.crew.hire()
    _freeze(scene, "worker", SESSION_TIMEOUT_S * random.uniform(1.3, 2.0))


def _freeze_broker(scene: Scene, random: Random) -> None:
    """Delivery reports and polls hang: the publisher is cut off in mid-batch."""
    _freeze(scene, "kafka", random.uniform(0.5, 1.0) * BROKER_FROZEN_S)


def _change_crew(scene: Scene, random: Random) -> None:
    members = len(scene.crew.members)
    if members == 0 or (members < CREW_LIMIT and random.random() < 0.5):
        scene.crew.hire()
    else:
        scene.crew.dismiss(random.choice([signal.SIGTERM, signal.SIGKILL]))


def _kill_connect(scene: Scene, random: Random) -> None:
    """Just before it commits the offsets of what it has sent: the slot was told the last time about a second ago."""
    slot = scene.ground.settings.source.slot
    with suppress(psycopg.OperationalError), scene.ground.administrator(SOURCE_DATABASE) as connection:
        before, give_up_s = _confirmed(connection, slot), time.monotonic() + CONFIRMED_LIMIT_S
        while _confirmed(connection, slot) == before and time.monotonic() < give_up_s:
            time.sleep(0.02)
    time.sleep(random.uniform(0.6, 0.9))
    _kill("connect")(scene, random)


def _confirmed(connection: psycopg.Connection[Any], slot: str) -> Any:
    query = "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s"
    return connection.execute(query, [slot]).fetchone()


def _restart_connector(scene: Scene, random: Random) -> None:
    connect = scene.ground.settings.connect
    url = f"{connect.url}/connectors/{connect.connector_name}/restart"
    with suppress(httpx.HTTPError):  # Connect may be waiting for a broker that is away
        httpx.post(url, params={"includeTasks": True, "onlyFailed": False}, timeout=30.0, trust_env=False)


def _cut(database: str, who: str) -> Strike:
    """End sessions in the middle of whatever they do."""

    def strike(scene: Scene, random: Random) -> None:
        with suppress(psycopg.OperationalError), scene.ground.administrator(database) as connection:
            terminate(connection, who)

    return strike


def _forbid_writing(scene: Scene, random: Random) -> None:
    """As after a failover to a server that is not promoted yet."""
    database = sql.Identifier(REPORT_DATABASE)
    with scene.ground.administrator(REPORT_DATABASE) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(database))
        try:
            terminate(connection, WORKERS)
            time.sleep(random.uniform(3, 8))
        finally:
            connection.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(database))
            terminate(connection, WORKERS)


FAULTS = (
    Fault("worker killed", "worker", _kill("worker")),
    Fault("worker frozen past its session", "worker", _freeze_owner),
    Fault("a worker joins or leaves", "crew", _change_crew),
    Fault("worker's database sessions cut", "postgres", _cut(REPORT_DATABASE, WORKERS)),
    Fault("reporting database read-only", "postgres", _forbid_writing),
    Fault("forwarder killed", "forwarder", _kill("forwarder")),
    Fault("Connect killed, offsets not committed", "connect", _kill_connect),
    Fault("connector and task restarted", "connect", _restart_connector),
    Fault("replication session cut", "postgres", _cut(SOURCE_DATABASE, "backend_type = 'walsender'")),
    Fault("PostgreSQL stopped at once", "postgres", _kill("postgres", signal.SIGQUIT)),
    Fault("PostgreSQL killed", "postgres", _kill("postgres")),
    Fault("Kafka killed", "kafka", _kill("kafka")),
    Fault("Kafka frozen, publisher cut off", "kafka", _freeze_broker),
    *LOSSES,
)


@dataclass(frozen=True)
class Blow:
    """One fault of a volley, and when after the volley's begin."""

    fault: Fault
    after_s: float
    seed: int


def named(part: str) -> tuple[Fault, ...]:
    """The faults whose name has this in it."""
    return tuple(fault for fault in FAULTS if part.lower() in fault.name.lower())


def drawn(count: int, random: Random, faults: Sequence[Fault] = FAULTS) -> list[list[Blow]]:
    """So many of these faults, in volleys of up to three that overlap; every kind comes once before one comes again."""
    deck: list[Fault] = []
    volleys: list[list[Blow]] = []
    while count:
        size = min(count, random.choice([1, 1, 2, 3]))
        volley: list[Blow] = []
        while len(volley) < size:
            deck = deck or random.sample(faults, len(faults))
            fault = deck.pop()
            if fault.target in {blow.fault.target for blow in volley}:
                deck.insert(0, fault)
                break
            volley.append(Blow(fault, random.uniform(0, 3) if volley else 0.0, random.getrandbits(32)))
        volleys.append(volley)
        count -= len(volley)
    return volleys


def strike(scene: Scene, blow: Blow) -> None:
    """A part that another fault of the volley took down already cannot be hit again."""
    time.sleep(blow.after_s)
    with suppress(StackError, psutil.NoSuchProcess):
        blow.fault.strike(scene, Random(blow.seed))
