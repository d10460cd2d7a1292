"""What takes longer than a transaction may is done in smaller parts, whatever makes it slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg
import pytest
from kit.arrival import transaction
from kit.debezium import NAMES, T0_US, log_line, partitioned
from kit.story import INPUTS, an_input
from psycopg.errors import TransactionTimeout
from pydantic import SecretStr

from clearsight.errors import LandingError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import ReportSettings, Settings
from stream_processors.batch import assemble
from stream_processors.deadline import Closing
from stream_processors.decode import Decoder
from stream_processors.isolate import land_isolating
from stream_processors.land import Landed, Landing
from stream_processors.records import RawRecord
from stream_processors.worker import Worker

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
DECODE = Decoder(MAPPING, NAMES)
MANY = 64
SLOW_S = 0.05
LIMIT_S = MANY * SLOW_S / 2 + 0.4
"""Not enough for all of them, enough for a half."""


@contextmanager
def slow(reporting: Any, event: str, fact: str, each_s: float = SLOW_S) -> Iterator[None]:
    reporting.execute(
        "CREATE FUNCTION rpt.dawdle() RETURNS trigger LANGUAGE plpgsql AS"
        f" 'BEGIN PERFORM pg_sleep({each_s}); RETURN NEW; END';"
        f" CREATE TRIGGER dawdle BEFORE {event} ON rpt.{fact} FOR EACH ROW EXECUTE FUNCTION rpt.dawdle()"
    )
    try:
        yield
    finally:
        reporting.execute("DROP FUNCTION rpt.dawdle CASCADE")


def hurried(reporting: Any, limit_s: float = LIMIT_S) -> psycopg.Connection[Any]:
    connection: psycopg.Connection[Any] = reporting.connect()
    connection.execute(f"SET transaction_timeout = '{limit_s * 1000:.0f}ms'".encode())
    return connection


def edits(count: int) -> list[RawRecord]:
    made = transaction(1, "c")
    for number in range(count):
        made.insert(INPUTS, an_input(f"i{number}", "s1", "5"))
    return partitioned(made.records)


def landing(reporting: Any, limit_s: float = LIMIT_S) -> Landing:
    return Landing(lambda: hurried(reporting, limit_s), MAPPING, NAMES, reporting.ownership())


def test_a_batch_lands_in_parts(reporting: Any) -> None:
    land = landing(reporting).land
    with slow(reporting, "INSERT", "fact_row_change"):
        done = list(land_isolating(assemble(edits(MANY), DECODE), DECODE, land, 0.5))
    assert len(done) > 1
    assert [link for *_, link in reporting.rows("SELECT event_id, link FROM rpt.fact_row_change")] == [
        "correlated"
    ] * MANY
    assert reporting.rows("SELECT FROM rpt.dead_letter") == []


def test_a_record_that_takes_too_long_alone_is_named_and_is_no_dead_letter(reporting: Any) -> None:
    (_, record) = edits(1)
    land = landing(reporting, 0.5).land
    with slow(reporting, "INSERT", "fact_row_change", 1), pytest.raises(LandingError, match="inputs/0@0 takes"):
        list(land_isolating(assemble([record], DECODE), DECODE, land, 0.5))
    assert reporting.rows("SELECT FROM rpt.dead_letter") == []


def test_what_is_overdue_is_closed_in_turns(reporting: Any) -> None:
    lines = [log_line(n, T0_US + n, "x", correlation_id=f"c{n}") for n in range(MANY)]
    reporting.worker()(partitioned(lines))
    overdue = Closing(MAPPING, 0.0)
    with slow(reporting, "UPDATE", "fact_cloudwatch_log"):
        with hurried(reporting) as connection, pytest.raises(TransactionTimeout):
            overdue.turn(connection)
        while reporting.rows("SELECT FROM rpt.fact_cloudwatch_log WHERE link = 'pending'"):
            turn(overdue, reporting)
    assert reporting.rows("SELECT link, revision, count(*) FROM rpt.fact_cloudwatch_log GROUP BY 1, 2") == [
        ("unlinked", 2, MANY)
    ]


def turn(overdue: Closing, reporting: Any) -> None:
    """As a worker takes one: what was too much is tried again."""
    with hurried(reporting) as connection, suppress(TransactionTimeout):
        overdue.turn(connection)


class _Waiting:
    """A publisher that waits too long for Kafka in its first transaction."""

    def __init__(self) -> None:
        self.tries = 0

    def landed(self, _connection: Any, _landed: Landed) -> None:
        self.tries += 1
        if self.tries == 1:
            raise TransactionTimeout


def test_publishing_that_waited_too_long_is_tried_again(reporting: Any) -> None:
    publisher = _Waiting()
    with closing(Worker(Settings(report=ReportSettings(writer_dsn=SecretStr(reporting.writer_dsn))))) as worker:
        worker._publisher = publisher  # type: ignore[assignment]
        worker._publish([([], Landed([], [], [], [], amended=False))])
    assert publisher.tries == 2
