"""Several processes fill one database, each with its share of the scenarios, side by side in time."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any

import psycopg
from history.copied import Copied, cover
from history.episodes import DAYS, History
from history.told import GROUPS, Stream
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from clearsight.errors import StackError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.topics import TopicNames

ROWS_A_TRANSACTION = 10_000
PREFIX = "history"
"""Of topics that are not there: positions of real ones must not be touched."""


def fill(dsn: str, events: int, seed: int, processes: int) -> int:
    """Returns how many rows of facts were written. Raises StackError where a process fails."""
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    _make_months(dsn, until)
    context = multiprocessing.get_context("spawn")
    done: Queue[tuple[int, int]] = context.Queue()
    workers = [
        context.Process(target=_share, args=(dsn, events, seed, until, number, processes, done))
        for number in range(processes)
    ]
    for worker in workers:
        worker.start()
    try:
        with _progress(events) as advance:
            rows = _watch(workers, done, advance)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    with psycopg.connect(dsn, autocommit=True) as connection:
        cover(connection, load_mapping(DEFAULT_MAPPING), GROUPS, until)
    return rows


def _make_months(dsn: str, until: datetime) -> None:
    """Before anybody writes: to make a partition needs locks that writers hold, and two who wait for each other end."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            """SELECT rpt.ensure_month(month) FROM generate_series(
               date_trunc('month', %(since)s::timestamptz), %(until)s::timestamptz + interval '1 month', interval '1 month') month""",
            {"since": until - timedelta(days=DAYS), "until": until},
        )


def _share(dsn: str, events: int, seed: int, until: datetime, number: int, among: int, done: Any) -> None:
    gc.disable()  # nothing here makes cycles, and looking for them is a fifth of the time
    names, mapping = TopicNames(PREFIX), load_mapping(DEFAULT_MAPPING)
    with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC -c synchronous_commit=off") as connection:
        target, told = Copied(connection, mapping, names), 0
        for episode in History(events, seed, until, Stream(names, number, among), among):
            target.add(episode.records)
            told += episode.events
            if target.rows >= ROWS_A_TRANSACTION:
                done.put((told, target.flush()))
                told = 0
        done.put((told, target.flush()))


def _watch(workers: list[Any], done: Any, advance: Any) -> int:
    """Until all have ended: rows of facts that were written."""
    rows = 0
    while True:
        alive = any(worker.is_alive() for worker in workers)
        try:
            events, written = done.get(timeout=0.5)
            advance(events)
            rows += written
        except Empty:
            if failed := [worker for worker in workers if worker.exitcode]:
                raise StackError(
                    f"{len(failed)} of the seeding processes failed", "see what they printed above"
                ) from None
            if not alive:
                return rows


@contextmanager
def _progress(events: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("events", total=events)
        yield lambda count: progress.advance(task, count)
