"""What the capture holds is what was decoded and landed, record by record and in its order."""

from __future__ import annotations

from collections import Counter

import pytest
from kit import loan
from kit.reporting import Reporting

from clearsight.events import Attempt, Context, Event, Passed, RowChange, SnapshotRow, StreamPosition
from stream_processors.decode import Decoder
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

IN_COMMIT_ORDER = """
SELECT topic, kafka_partition, kafka_offset FROM rpt.fact_row_change
ORDER BY epoch, commit_lsn, lsn, total_order, op <> 'd'
"""


@pytest.fixture(scope="module")
def events(stream: list[loan.Record]) -> list[tuple[RawRecord, Event]]:
    decode = Decoder(loan.mapping(), loan.NAMES)
    return [(record, decode(record)) for record in loan.consumed(stream)]


def test_the_capture_holds_what_its_description_says(stream: list[loan.Record]) -> None:
    ops = Counter(found.get("op") or found.get("status") for found in (record.decoded() for record in stream))
    assert len(stream) == 57_413
    heartbeats_and_tombstones = ops.pop(None)
    assert heartbeats_and_tombstones == 12 + 30
    assert ops == {
        "u": 12_373,
        "c": 2_431,
        "r": 594,
        "d": 30,
        "t": 1,
        "m": 14_068,
        "BEGIN": 13_937,
        "END": 13_937,
    }
    assert not any(record.headers for record in stream)


def test_every_record_becomes_what_it_should(events: list[tuple[RawRecord, Event]]) -> None:
    kinds = Counter(type(event).__name__ for _, event in events)
    assert kinds == {
        "RowChange": 12_373 + 2_431 + 30 + 1,
        "SnapshotRow": 594,
        "Context": 14_068 - 141,
        "Attempt": 141,
        "StreamPosition": 13_937,
        "Passed": 13_937 + 30,
    }
    assert Counter(event.why for _, event in events if isinstance(event, Passed)) == {
        "tombstone": 30,
        "transaction BEGIN": 13_937,
    }


def test_every_event_has_its_own_id(events: list[tuple[RawRecord, Event]]) -> None:
    changes = [event.event_id for _, event in events if isinstance(event, RowChange)]
    assert len(set(changes)) == len(changes) == 14_835


def test_every_record_is_landed_once(landed: Reporting) -> None:
    ops = dict(landed.rows("SELECT op, count(*) FROM rpt.fact_row_change GROUP BY op"))
    assert ops == {"u": 12_373, "c": 2_431, "d": 30, "t": 1}
    assert landed.rows("SELECT count(*) FROM rpt.dead_letter") == [(0,)]
    assert landed.rows("SELECT count(*) FROM rpt.gap") == [(0,)]


def test_a_snapshot_row_is_kept_once_for_each_image(landed: Reporting, events: list[tuple[RawRecord, Event]]) -> None:
    seen = {(row.table_name, row.row_key, row.image_json) for _, row in events if isinstance(row, SnapshotRow)}
    assert len(seen) < 594, "the incremental snapshot shows some rows as the first one did"
    assert landed.rows("SELECT count(*) FROM rpt.row_snapshot") == [(len(seen),)]


def test_commit_order_is_the_order_of_the_connector(landed: Reporting, events: list[tuple[RawRecord, Event]]) -> None:
    sent = [(record.topic, record.partition, record.offset) for record, event in events if isinstance(event, RowChange)]
    assert landed.rows(IN_COMMIT_ORDER) == sent


def test_every_position_and_context_is_in_commit_order(events: list[tuple[RawRecord, Event]]) -> None:
    contexts = [event.commit_lsn for _, event in events if isinstance(event, Context)]
    ends = [event.position for _, event in events if isinstance(event, StreamPosition)]
    assert contexts == sorted(contexts)
    assert ends == sorted(ends)
    assert sum(isinstance(event, Attempt) for _, event in events) == 141
