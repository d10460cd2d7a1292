"""Nothing but undecodable records in a topic stops the worker, however few come at a time."""

from __future__ import annotations

import pytest
from kit.debezium import NAMES, T0_US, log_line, partitioned

from clearsight.errors import LandingError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors.batch import Batch, assemble
from stream_processors.decode import Decoder
from stream_processors.isolate import land_isolating
from stream_processors.records import RawRecord
from stream_processors.undecodable import IN_A_ROW, Undecodable

pytestmark = pytest.mark.unit

DECODE = Decoder(load_mapping(DEFAULT_MAPPING), NAMES)
(GOOD,) = partitioned([log_line(1, T0_US, "well")])
CHANGES = NAMES.changes(load_mapping(DEFAULT_MAPPING).tables())[0]


TOMBSTONE = RawRecord(NAMES.logs, 0, 1_000_000, T0_US // 1000, b"k", None)


def broken(count: int, topic: str = NAMES.logs) -> list[RawRecord]:
    return [RawRecord(topic, 0, 100 + number, T0_US // 1000, b"k", b"{broken") for number in range(count)]


def batch(*records: RawRecord) -> Batch:
    return assemble(list(records), DECODE)


def test_a_hundred_in_a_row_stop_it_however_few_come_at_a_time() -> None:
    undecodable = Undecodable(0.5)
    for _ in range(IN_A_ROW - 1):
        undecodable.look(batch(*broken(1)))
    with pytest.raises(LandingError, match=rf"last {IN_A_ROW} records of {NAMES.logs}"):
        undecodable.look(batch(*broken(1)))


def test_other_topics_that_can_be_read_do_not_hide_it() -> None:
    undecodable = Undecodable(0.5)
    undecodable.look(batch(GOOD, *broken(99, CHANGES)))
    with pytest.raises(LandingError, match=CHANGES):
        undecodable.look(batch(GOOD, *broken(1, CHANGES)))


@pytest.mark.parametrize("between", [[GOOD], [*broken(1), GOOD]])
def test_a_record_that_can_be_read_begins_the_count_anew(between: list[RawRecord]) -> None:
    undecodable = Undecodable(0.5)
    undecodable.look(batch(*broken(99)))
    undecodable.look(batch(*between))
    undecodable.look(batch(*broken(99)))


def test_a_tombstone_proves_nothing() -> None:
    undecodable = Undecodable(0.5)
    undecodable.look(batch(*broken(50), TOMBSTONE))
    undecodable.look(batch(*broken(49)))
    with pytest.raises(LandingError):
        undecodable.look(batch(TOMBSTONE, *broken(1)))


def test_at_a_limit_of_1_nothing_stops_it() -> None:
    Undecodable(1.0).look(batch(*broken(5000)))


def test_a_batch_that_is_full_of_them_lands_nothing() -> None:
    landed: list[Batch] = []
    with pytest.raises(LandingError, match="60 of 100 records cannot be decoded"):
        list(land_isolating(batch(*([GOOD] * 40), *broken(60)), DECODE, landed.append, 0.5))  # type: ignore[arg-type]
    assert landed == []
