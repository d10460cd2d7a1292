"""A bad record never stops the others and never disappears."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kit.debezium import NAMES, T0_US, Transaction, log_line, partitioned
from kit.story import INPUTS, an_input

from clearsight.errors import Fenced, LandingError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors.batch import assemble
from stream_processors.decode import Decoder
from stream_processors.isolate import land_isolating
from stream_processors.land import Landing
from stream_processors.records import RawRecord
from stream_processors.undecodable import Undecodable

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
DECODE = Decoder(MAPPING, NAMES)


def inputs(count: int) -> list[RawRecord]:
    transaction = Transaction(900, T0_US, 5_000).context("c-1", "u1")
    for number in range(count):
        transaction.insert(INPUTS, an_input(f"i{number}", "s1", str(number)))
    return partitioned(transaction.records)


def test_an_undecodable_record_becomes_a_dead_letter_with_its_bytes(reporting: Any) -> None:
    good = inputs(3)
    bad = RawRecord(NAMES.logs, 0, 77, T0_US // 1000, b"k", b"{broken", (("event_id", b"1"),))
    reporting.worker()([*good, bad])
    reporting.worker()([bad])
    assert len(reporting.facts()["changes"]) == 3
    ((topic, offset, key, value, headers, attempts),) = reporting.rows(
        "SELECT topic, kafka_offset, record_key, record_value, headers, attempts FROM rpt.dead_letter"
    )
    assert (topic, offset, bytes(key), bytes(value), attempts) == (NAMES.logs, 77, b"k", b"{broken", 2)
    assert headers == {"event_id": "MQ=="}


def test_a_value_that_postgres_refuses_is_found_among_the_others(reporting: Any) -> None:
    good = inputs(9)
    value = json.loads(good[-1].value or b"")
    value["source"]["lsn"] = 2**70  # a number in JSON, no bigint
    value["after"]["input_id"] = "poison"
    poison = RawRecord(good[-1].topic, 0, 9, T0_US // 1000, b"k", json.dumps(value).encode())
    lines = partitioned([log_line(1, T0_US, "after it", correlation_id="c-1")])
    landing = Landing(reporting.connect, MAPPING, NAMES, reporting.ownership())
    done = list(land_isolating(assemble([*good, poison, *lines], DECODE), DECODE, landing.land, 0.5))
    assert sum(len(batch.records) for batch, _ in done) == len(good) + 2
    assert len(reporting.facts()["changes"]) == 9
    assert len(reporting.facts()["logs"]) == 1
    assert reporting.rows("SELECT kafka_offset, record_key, reason FROM rpt.dead_letter") == [
        (9, b"k", "PostgreSQL refuses a value: NumericValueOutOfRange (22003)")
    ]
    assert reporting.rows("SELECT next_offset FROM rpt.consumer_position WHERE topic = %s", good[-1].topic) == [(10,)]


def test_a_topic_of_rubbish_stops_the_worker_instead_of_draining_it(reporting: Any) -> None:
    rubbish = [RawRecord(NAMES.logs, 0, offset, T0_US // 1000, None, b"rubbish") for offset in range(200)]
    landing = Landing(reporting.connect, MAPPING, NAMES, reporting.ownership())
    with pytest.raises(LandingError, match="200 of 200"):
        list(land_isolating(assemble(rubbish, DECODE), DECODE, landing.land, 0.5))
    assert reporting.rows("SELECT count(*) FROM rpt.dead_letter") == [(0,)]


def test_who_lost_a_partition_cannot_write(reporting: Any) -> None:
    first = reporting.worker("first")
    first(inputs(2))
    reporting.worker("second")
    with pytest.raises(Fenced):
        first(inputs(3))
    assert len(reporting.facts()["changes"]) == 2


def broken(count: int, offset: int = 0, topic: str = NAMES.logs, partition: int = 0) -> list[RawRecord]:
    return [RawRecord(topic, partition, offset + n, T0_US // 1000, b"k", b"{broken") for n in range(count)]


def remembered(reporting: Any) -> Undecodable:
    undecodable = Undecodable(0.5)
    with reporting.connect() as connection:
        undecodable.remember(connection)
    return undecodable


def stops(undecodable: Undecodable, records: list[RawRecord]) -> bool:
    try:
        undecodable.look(assemble(records, DECODE))
    except LandingError:
        return True
    return False


def test_a_worker_that_starts_again_does_not_drain_the_topic_into_dead_letters(reporting: Any) -> None:
    reporting.worker()(inputs(3))
    land, first = reporting.worker(partitions=(0, 1)), remembered(reporting)
    for turn in range(5):
        batch = [*broken(10, 10 * turn), *broken(9, 9 * turn, partition=1)]
        assert not stops(first, batch)
        land(batch)
    assert stops(first, broken(5, 50))
    assert not stops(remembered(reporting), broken(4, 50))
    assert stops(remembered(reporting), broken(5, 50))
    assert not stops(remembered(reporting), inputs(3))


def test_what_was_undecodable_before_a_good_record_is_not_counted(reporting: Any) -> None:
    land = reporting.worker()
    (good,) = partitioned([log_line(1, T0_US, "well")])
    land(broken(60))
    land([RawRecord(good.topic, 0, 60, good.appended_ms, good.key, good.value), *broken(20, 61)])
    assert not stops(remembered(reporting), broken(79, 81))
    assert stops(remembered(reporting), broken(80, 81))
