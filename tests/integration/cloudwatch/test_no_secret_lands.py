"""What forwarder and worker leave behind of lines with secrets in them: facts, dead letters, the outbox, their own logs."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from kit.debezium import NAMES
from kit.reporting import Reporting
from kit.secrets_in_lines import Planted, planted

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.transcript import Transcript
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

LINES = 1500
SEED = 20261123
TABLES = "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relnamespace = 'rpt'::regnamespace AND c.relkind IN ('r', 'p')"


@pytest.fixture(scope="module")
def lines() -> list[Planted]:
    chance = random.Random(SEED)
    return [
        planted(chance, chance.choice((" ", "\n", "(", "")), chance.choice((" ", "\n", ")", ","))) for _ in range(LINES)
    ]


@pytest.fixture(scope="module")
def left_behind(lines: list[Planted], new_report_database: Callable[[], Any]) -> Iterator[list[str]]:
    """Every row of every table as text, and every line of our own logs."""
    heard: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(listener)
    database = new_report_database()
    reporting = Reporting(database.owner_dsn, database.writer_dsn, load_mapping(DEFAULT_MAPPING), NAMES)
    reporting.worker(partitions=range(1))(list(records(lines)))
    reporting.settle_all()
    yield [*stored(database.owner_dsn), *heard]
    logging.getLogger().removeHandler(listener)
    reporting.close()


def records(lines: list[Planted]) -> Iterator[RawRecord]:
    """As they lie on the topic; every tenth is cut, and so becomes a dead letter."""
    transcript = Transcript(Origin("000000000000", "eu-west-1", "/secrets"))
    begin = 1_790_000_000_000
    page = [Event(str(place), begin + place, begin, f"s{place % 7}", line) for place, (_, line) in enumerate(lines)]
    for place, (event, parsed) in enumerate(zip(page, transcript.read(page), strict=True)):
        record = transcript.record(event, parsed, begin)
        whole = place % 10 != 3
        yield RawRecord(NAMES.logs, 0, place, begin, record.key, record.value if whole else record.value[:-1])


def stored(dsn: str) -> Iterator[str]:
    with psycopg.connect(dsn) as connection:
        for (table,) in connection.execute(TABLES).fetchall():
            query = psycopg.sql.SQL("SELECT t::text FROM {} t").format(psycopg.sql.SQL(table))
            yield from (row[0] for row in connection.execute(query))
        letters = connection.execute("SELECT record_value FROM rpt.dead_letter").fetchall()
        yield from (bytes(value).decode() for (value,) in letters)


def test_lines_landed_and_some_became_dead_letters(left_behind: list[str]) -> None:
    everything = "\n".join(left_behind)
    assert everything.count("[email]") > 50
    assert everything.count("[secret]") > 50
    assert sum(row.startswith('{"event_id"') for row in left_behind) == LINES // 10


def test_no_secret_is_left(lines: list[Planted], left_behind: list[str]) -> None:
    everything = "\n".join(left_behind)
    assert [line for secret, line in lines if secret in everything] == []
