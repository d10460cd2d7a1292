"""Fills the raw topics through the real connector and the real forwarder: transactions of the demo's tables, log lines."""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import boto3
import psycopg

from clearsight.settings import Settings, required

FILLER = "x" * 220
"""Makes before and after at least 300 bytes each."""
MEAN_CHANGES = 5


@dataclass(frozen=True)
class Load:
    transactions: int
    changes: int
    lines: int

    @property
    def events(self) -> int:
        return self.changes + self.lines


def fill(settings: Settings, transactions: int, seed: int) -> Load:
    """`transactions` of 1–20 changes (mean 5), 60 % updates, one context each; as many log lines as changes."""
    rng = random.Random(seed)
    scenarios = [uuid.UUID(int=rng.getrandbits(128), version=4) for _ in range(200)]
    user = uuid.UUID(int=rng.getrandbits(128), version=4)
    changes, correlations = 0, []
    with psycopg.connect(required(settings.demo.dsn, "demo.dsn")) as connection:
        _people(connection, user, scenarios)
        known: list[uuid.UUID] = []
        for _ in range(transactions):
            correlation_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
            correlations.append((correlation_id, count := _count(rng)))
            changes += _transaction(connection, rng, correlation_id, str(user), rng.choice(scenarios), known, count)
    lines = _log_lines(settings, correlations)
    return Load(transactions, changes, lines)


def _count(rng: random.Random) -> int:
    """1–20 with a mean of 5."""
    return min(20, 1 + int(rng.expovariate(1 / (MEAN_CHANGES - 0.5))))


def _people(connection: psycopg.Connection, user: uuid.UUID, scenarios: list[uuid.UUID]) -> None:
    connection.execute(
        "INSERT INTO forecast.users (user_id, name, email) VALUES (%s, 'Bench', 'bench@example.com')", [user]
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO forecast.scenarios (scenario_id, name, owner_id, status) VALUES (%s, 'bench', %s, 'draft')",
            [(scenario, user) for scenario in scenarios],
        )
    connection.commit()


def _transaction(
    connection: psycopg.Connection,
    rng: random.Random,
    correlation_id: str,
    user: str,
    scenario: uuid.UUID,
    known: list[uuid.UUID],
    count: int,
) -> int:
    context = json.dumps({"correlation_id": correlation_id, "user": user, "use_case": "bench"})
    with connection.pipeline(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_logical_emit_message(true, 'clearsight', %s)", [context])
        for _ in range(count):
            value = f"{rng.random():.6f}"
            if known and rng.random() < 0.6:
                cursor.execute(
                    "UPDATE forecast.inputs SET value_number = %s WHERE input_id = %s", [value, rng.choice(known)]
                )
            else:
                key = uuid.UUID(int=rng.getrandbits(128), version=4)
                known.append(key)
                cursor.execute(
                    "INSERT INTO forecast.inputs (input_id, scenario_id, node, name, value_number, value_text)"
                    " VALUES (%s, %s, 'demand', %s, %s, %s)",
                    [key, scenario, f"input-{len(known)}", value, FILLER],
                )
        connection.commit()
    return count


def _log_lines(settings: Settings, correlations: list[tuple[str, int]]) -> int:
    client = boto3.client(
        "logs",
        endpoint_url=settings.cloudwatch.endpoint_url,
        region_name=settings.cloudwatch.region,
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
    )
    group, stream = settings.cloudwatch.groups[0], f"bench-{uuid.uuid4()}"
    for create, names in (
        (client.create_log_group, {"logGroupName": group}),
        (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            create(**names)
    written = 0
    for batch in _batches(correlations):
        client.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
        written += len(batch)
    return written


def _batches(correlations: list[tuple[str, int]]) -> Iterator[list[dict[str, object]]]:
    batch: list[dict[str, object]] = []
    for correlation_id, count in correlations:
        for number in range(count):
            line = {
                "level": "INFO",
                "location": "handler:12",
                "message": f"changing input {number}",
                "service": "forecast-api",
                "correlation_id": correlation_id,
                "function_request_id": correlation_id,
            }
            batch.append({"timestamp": int(time.time() * 1000), "message": json.dumps(line)})
            if len(batch) == 1000:
                yield batch
                batch = []
    if batch:
        yield batch
