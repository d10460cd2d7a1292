"""How fast a full topic lands: `make bench-landing`.

The worker is stopped while the connector and the forwarder fill the raw topics; then it is started and timed from its first
batch to its last. Prints a table and writes bench-results/landing.json.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from load import Load, fill
from rich.console import Console
from rich.table import Table

from clearsight.settings import Settings, load_settings
from clearsight.stack.supervisor import Stack
from clearsight.topics import TopicNames

RESULT = Path("bench-results/landing.json")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--transactions", type=int, default=60_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--home", type=Path, default=Path(".clearsight-bench"))
    given = arguments.parse_args()
    os.environ["CLEARSIGHT_HOME"] = str(given.home.resolve())
    stack = Stack(given.home)
    console = Console()
    try:
        figures = measure(stack, given.transactions, given.seed, console)
    finally:
        stack.down(purge=True)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n")
    table = Table("figure", "value", title="Landing a full topic")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    console.print(table)


def measure(stack: Stack, transactions: int, seed: int, console: Console) -> dict[str, Any]:
    console.print("starting the parts")
    stack.up()
    settings = load_settings()
    os.kill(_worker_pid(stack), signal.SIGTERM)
    with _reporting(settings) as connection:
        before = _landed(connection)
    console.print(f"filling the topics with {transactions:,} transactions")
    load = fill(settings, transactions, seed)
    ends = _await_full(settings, load, console)
    console.print(f"landing {load.events:,} events")
    stack.restart("worker")
    peak = _await_landed(stack, settings, ends)
    with _reporting(settings) as connection:
        return {"events": load.events, **_figures(connection, load, before), "worker_rss_mb": round(peak / 2**20)}


def _worker_pid(stack: Stack) -> int:
    pid = next(part.pid for part in stack.status() if part.name == "worker")
    assert pid is not None
    return pid


def _reporting(settings: Settings) -> psycopg.Connection[Any]:
    assert settings.report.owner_dsn
    return psycopg.connect(settings.report.owner_dsn.get_secret_value(), autocommit=True)


def _landed(connection: psycopg.Connection[Any]) -> int:
    return int(connection.execute("SELECT coalesce(max(batch_id), 0) FROM rpt.batch").fetchall()[0][0])


def _ends(settings: Settings) -> dict[tuple[str, int], int]:
    names = TopicNames(settings.kafka.topic_prefix)
    admin = AdminClient({"bootstrap.servers": settings.kafka.bootstrap_servers})
    topics = admin.list_topics(timeout=10).topics
    wanted = [names.change(table) for table in settings.mapping.tables()] + [names.logs, names.message]
    places = {
        TopicPartition(topic, number): OffsetSpec.latest() for topic in wanted for number in topics[topic].partitions
    }
    return {
        (place.topic, place.partition): found.result().offset for place, found in admin.list_offsets(places).items()
    }


def _await_full(settings: Settings, load: Load, console: Console) -> dict[tuple[str, int], int]:
    """Until the topics hold as many changes and lines as were made."""
    names = TopicNames(settings.kafka.topic_prefix)
    while True:
        ends = _ends(settings)
        lines = sum(end for (topic, _), end in ends.items() if topic == names.logs)
        changes = sum(end for (topic, _), end in ends.items() if topic not in (names.logs, names.message))
        if lines >= load.lines and changes >= load.changes:
            return ends
        time.sleep(1)


def _await_landed(stack: Stack, settings: Settings, ends: dict[tuple[str, int], int]) -> int:
    """Until every partition has landed up to these offsets; returns the worker's peak of resident memory, bytes."""
    process, peak = psutil.Process(_worker_pid(stack)), 0
    with _reporting(settings) as connection:
        while True:
            peak = max(peak, process.memory_info().rss)
            rows = connection.execute(
                "SELECT topic, kafka_partition, next_offset FROM rpt.consumer_position"
            ).fetchall()
            landed = {(topic, partition): offset for topic, partition, offset in rows}
            if all(landed.get(place, 0) >= end for place, end in ends.items()):
                return peak
            time.sleep(0.25)


def _figures(connection: psycopg.Connection[Any], load: Load, before: int) -> dict[str, Any]:
    """From the first batch of a full topic to the last one that held a row or a line."""
    ((seconds,),) = connection.execute(
        "SELECT extract(epoch FROM max(landed_at) - min(landed_at)) FROM rpt.batch WHERE batch_id > %s"
        " AND (topic LIKE '%%.forecast.%%' OR topic LIKE '%%.logs') AND next_offset - first_offset > 100",
        [before],
    ).fetchall()
    ((facts, amended),) = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE revision > 1) FROM (SELECT revision FROM rpt.fact_row_change"
        " UNION ALL SELECT revision FROM rpt.fact_cloudwatch_log UNION ALL SELECT revision FROM rpt.fact_user_action) facts"
    ).fetchall()
    return {
        "fact_rows": facts,
        "amended_share": round(amended / facts, 4),
        "landing_eps": round(load.events / float(seconds)),
    }


if __name__ == "__main__":
    main()
