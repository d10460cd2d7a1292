"""What never reached the topics is a gap with the time between which it was, in whatever order its evidence lands."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec
import pytest
from kit.debezium import NAMES, T0_US, Transaction
from kit.story import INPUTS, an_input

from clearsight.instants import from_us
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.origin import HEADER
from clearsight.tables import TableName
from stream_processors import marks
from stream_processors.batch import assemble
from stream_processors.decode import Decoder
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
PUBLISHED = dict.fromkeys(MAPPING.tables(), "1.2")
HERE = "1/77/00000001"
SECOND_US = 1_000_000


def at(second: float) -> datetime:
    return from_us(T0_US) + timedelta(seconds=second)


class Stream:
    """A connector's records, a second each, with the offsets and append times that a broker gives them."""

    def __init__(self) -> None:
        self._offsets: dict[str, int] = {}

    def beat(
        self, second: int, origin: str = HERE, *, lsn: int = 0, system: str = "77", again: int = 0, **published: str
    ) -> RawRecord:
        """`again`: how many seconds later the connector sent it; `published`: other ids than PUBLISHED, "" for none."""
        names = {table.rpartition(".")[2]: table for table in PUBLISHED}
        ids = PUBLISHED | {names[name]: number for name, number in published.items()}
        tables = [[*TableName.parse(table), number] for table, number in ids.items() if number]
        told = {"system": system, "timeline": "00000001", "acknowledged": 1000 * second - 1500, "tables": tables}
        transaction = self._transaction(second, lsn).heartbeat(told)
        return self._placed(transaction, second + again, origin)

    def snapshot(self, second: float, origin: str = HERE, marker: str = "first") -> RawRecord:
        return self._placed(
            self._transaction(second).snapshot(INPUTS, an_input("i1", "s1", "1"), marker), second, origin
        )

    def _transaction(self, second: float, lsn: int = 0) -> Transaction:
        return Transaction(int(second * 10), T0_US + int(second * SECOND_US), lsn or int(1000 * second))

    def _placed(self, transaction: Transaction, second: float, origin: str) -> RawRecord:
        ((topic, key, value),) = transaction.records
        offset = self._offsets.get(topic, 0)
        self._offsets[topic] = offset + 1
        headers = ((HEADER, origin.encode()),) if origin else ()
        return RawRecord(topic, 0, offset, T0_US // 1000 + int(second * 1000), key, value, headers)


def gaps(reporting: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = reporting.rows(
        "SELECT topic, events_after, events_before FROM rpt.gap ORDER BY events_after, topic, gap_id"
    )
    return found


def test_nothing_is_missed_where_all_heartbeats_agree(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    land([stream.snapshot(0.5), stream.beat(1)])
    land([stream.beat(2), stream.beat(3)])
    assert gaps(reporting) == []
    assert reporting.rows("SELECT count(*) FROM rpt.stream_start") == [(0,)]


def test_a_table_that_was_not_published_is_a_gap_from_then_until_it_is(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    land([stream.beat(1)])
    land([stream.beat(2, inputs=""), stream.beat(3, inputs="")])
    land([stream.beat(4, inputs="")])
    assert gaps(reporting) == [(NAMES.change(INPUTS), at(1), None)]
    land([stream.beat(5, inputs="1.3")])
    assert gaps(reporting) == [(NAMES.change(INPUTS), at(1), at(5))]
    land([stream.beat(6, inputs=""), stream.beat(7, inputs="1.4")])
    assert gaps(reporting)[1:] == [(NAMES.change(INPUTS), at(5), at(7))]


def test_a_publication_that_was_dropped_and_made_again_within_a_second_is_a_gap_of_each_table(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    land([stream.beat(1), stream.beat(2, **{table.rpartition(".")[2]: "9.9" for table in PUBLISHED})])
    assert gaps(reporting) == [(topic, at(1), at(2)) for topic in sorted(NAMES.changes(MAPPING.tables()))]


def test_a_snapshot_in_mid_stream_is_a_gap_between_the_heartbeats_around_it(reporting: Any) -> None:
    def batches() -> list[list[RawRecord]]:
        stream = Stream()
        return [
            [stream.beat(1), stream.beat(2)],
            [stream.snapshot(2.5), stream.snapshot(2.5, marker="last")],
            [stream.beat(4), stream.beat(5)],
        ]

    for order in permutations(range(3)):
        if order.index(0) > order.index(2):
            continue  # heartbeats lie in one partition
        reporting.empty()
        land, cut = reporting.worker(), batches()
        for number in order:
            land(cut[number])
        land([Stream().beat(6)])
        assert gaps(reporting) == [("*", at(2), at(4))], order


def test_a_snapshot_that_was_broken_off_and_begun_again_is_one_gap(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    land([stream.beat(1), stream.snapshot(2), stream.snapshot(3), stream.beat(4)])
    assert gaps(reporting) == [("*", at(1), at(4))]


def test_a_stream_that_was_registered_anew_is_one_gap_with_or_without_rows_in_its_snapshot(reporting: Any) -> None:
    anew = "2/77/00000001"
    stream, land = Stream(), reporting.worker()
    land([stream.beat(1)])
    land([stream.snapshot(2, anew), stream.beat(3, anew)])
    land([stream.beat(4, "3/77/00000001")])
    assert gaps(reporting) == [("*", at(1), at(3)), ("*", at(3), at(4))]


def test_a_restored_source_whose_log_begins_lower_is_a_gap_and_its_changes_come_later(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    land([stream.beat(1), stream.beat(2)])
    land([stream.beat(3, "2/88/00000001", system="88", lsn=7), stream.beat(4, "2/88/00000001", system="88", lsn=9)])
    assert gaps(reporting) == [("*", at(2), at(3))]
    assert reporting.rows("SELECT beat_at FROM rpt.heartbeat ORDER BY position DESC LIMIT 1") == [(at(4),)]


def test_a_source_that_was_replaced_and_not_registered_is_a_gap_until_it_is(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    land([stream.beat(1)])
    land([stream.beat(2, system="88", lsn=7), stream.beat(3, system="88", lsn=8)])
    assert gaps(reporting) == [("*", at(1), at(2)), ("*", at(1), None)]
    land([stream.beat(4, "2/88/00000001", system="88", lsn=9)])
    assert sorted(gaps(reporting)) == [("*", at(1), at(2)), ("*", at(1), at(4)), ("*", at(3), at(4))]


def test_what_is_read_or_sent_again_makes_no_gap(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    first = [stream.beat(1), stream.beat(2, inputs=""), stream.beat(3)]
    land(first)
    once = gaps(reporting)
    reporting.worker()(first)
    land = reporting.worker()
    land([stream.beat(2, again=5, inputs=""), stream.beat(3, again=5), stream.beat(9)])
    assert gaps(reporting) == once == [(NAMES.change(INPUTS), at(1), at(3))]


def through(reporting: Any, *records: RawRecord) -> marks.Through | None:
    newest = assemble(list(records), Decoder(MAPPING, NAMES)).positions[-1]
    with reporting.connect() as connection, connection.cursor() as cursor:
        return marks.through(cursor, MAPPING.source, newest)


def test_all_is_in_kafka_as_far_as_the_slot_was_told(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    records = [stream.beat(second) for second in (1, 2, 3, 4)]
    land(records)  # the fourth says that what was committed before 2.5 is acknowledged
    found = through(reporting, *records)
    assert found is not None
    assert from_us(found.time_us) == at(2)


def test_without_a_slot_nothing_more_is_claimed(reporting: Any) -> None:
    stream, land = Stream(), reporting.worker()
    gone = stream.beat(5)
    value = msgspec.json.decode(gone.value or b"")
    told = {"system": "77", "timeline": "00000001", "acknowledged": None, "tables": []}
    value["message"] = msgspec.json.decode(Transaction(1, T0_US, 1).heartbeat(told).records[0][2] or b"")["message"]
    land([stream.beat(4), msgspec.structs.replace(gone, value=msgspec.json.encode(value))])
    assert through(reporting, gone) is None


def test_a_stream_without_heartbeats_counts_as_far_as_it_was_read(reporting: Any) -> None:
    record = Stream().beat(3)
    found = through(reporting, record)
    assert found is not None
    assert from_us(found.time_us) == at(3)
