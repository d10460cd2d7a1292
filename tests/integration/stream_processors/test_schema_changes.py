"""Schema changes from rows that arrive in any order, in any batches, at any workers: the same facts."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.debezium import NAMES, T0_US, Transaction
from kit.story import INPUTS, NODES, an_input

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors.batch import assemble
from stream_processors.decode import Decoder
from stream_processors.land import Landing
from stream_processors.records import RawRecord
from stream_processors.shapes import Shapes

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
PARTITIONS = 3
SHAPES: list[dict[str, Any]] = [{}, {"unit": "MW"}, {}, {"note": None}, {"unit": "MW", "comment": "x"}, {}]
"""Columns that inputs had beside their own, one after the other: there and back again."""
PLACES = (0, 0, 1), (1, 1, 1), (0, 2, 0), (2, 2, 2), (1, 2, 1), (0, 1, 0)
"""The partitions of the rows of each shape: the first holds but one, so that the others' fall between its rows."""


def rows() -> list[RawRecord]:
    """Three rows of each shape, each in a transaction and a scenario of its own: nothing but the shapes makes workers wait."""
    placed: list[RawRecord] = []
    offsets = [0] * PARTITIONS
    for number in range(3 * len(SHAPES)):
        made = Transaction(900 + number, T0_US + number * 40_000_000, 20_000 + number * 100)
        made.insert(INPUTS, an_input(f"i{number}", f"s{number}", "1") | SHAPES[number // 3])
        for topic, key, value in made.records:
            partition = PLACES[number // 3][number % 3]
            placed.append(RawRecord(topic, partition, offsets[partition], T0_US // 1000, key, value))
            offsets[partition] += 1
    return placed


ROWS = rows()


@pytest.fixture(scope="module")
def in_order(shared_reporting: Any) -> Any:
    shared_reporting.empty()
    land = shared_reporting.worker(partitions=range(PARTITIONS))
    for row in ROWS:
        land([row])
    return shared_reporting.facts()["schema changes"]


def told(reporting: Any) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = reporting.rows(
        "SELECT what, added, dropped, occurred_at FROM rpt.fact_schema_change WHERE NOT withdrawn ORDER BY commit_lsn, what"
    )
    return found


def test_each_step_is_told_once_with_its_first_row(reporting: Any) -> None:
    reporting.worker(partitions=range(PARTITIONS))(ROWS)
    found = told(reporting)
    assert [row[:3] for row in found] == [
        ("columns.added", ["unit"], []),
        ("columns.dropped", [], ["unit"]),
        ("columns.added", ["note"], []),
        ("columns.replaced", ["comment", "unit"], ["note"]),
        ("columns.dropped", [], ["comment", "unit"]),
    ]
    first = reporting.rows("SELECT occurred_at FROM rpt.fact_row_change WHERE row_key = ANY(%s) ORDER BY 1",
                           [f"i{number}" for number in (3, 6, 9, 12, 15)])  # fmt: skip
    assert [row[3] for row in found] == [at for (at,) in first]


EXAMPLES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@st.composite
def arrivals(draw: st.DrawFn) -> Iterator[list[RawRecord]]:
    """Batches that keep the order of each partition, some of them coming again."""
    queues = [[row for row in ROWS if row.partition == number] for number in range(PARTITIONS)]
    order = draw(st.permutations([row.partition for row in ROWS]))
    heads = [iter(queue) for queue in queues]
    read = [next(heads[number]) for number in order]
    cuts = sorted(draw(st.sets(st.integers(1, len(read) - 1), max_size=8)))
    batches = [read[start:end] for start, end in zip([0, *cuts], [*cuts, len(read)], strict=True)]
    again = draw(st.lists(st.integers(0, len(batches) - 1), max_size=2))
    return [*batches, *(batches[number] for number in again)]  # type: ignore[return-value]


@EXAMPLES
@given(arrivals())
def test_any_order_any_cut_any_redelivery(shared_reporting: Any, in_order: Any, batches: list[list[RawRecord]]) -> None:
    shared_reporting.empty()
    land = shared_reporting.worker(partitions=range(PARTITIONS))
    for batch in batches:
        land(batch)
    assert shared_reporting.facts()["schema changes"] == in_order


@EXAMPLES
@given(arrivals())
def test_a_worker_for_each_partition(shared_reporting: Any, in_order: Any, batches: list[list[RawRecord]]) -> None:
    """None of them sees the others' rows but through the database, and each keeps what it knew before."""
    shared_reporting.empty()
    workers = [shared_reporting.worker(f"w{number}", partitions=[number]) for number in range(PARTITIONS)]
    for batch in batches:
        for number, land in enumerate(workers):
            if mine := [row for row in batch if row.partition == number]:
                land(mine)
    assert shared_reporting.facts()["schema changes"] == in_order


def test_workers_at_the_same_time(reporting: Any, in_order: Any) -> None:
    workers = [reporting.worker(f"w{number}", partitions=[number]) for number in range(PARTITIONS)]
    failed: list[BaseException] = []

    def land_all(number: int) -> None:
        try:
            for row in (row for row in ROWS if row.partition == number):
                workers[number]([row])
        except BaseException as error:
            failed.append(error)

    for _ in range(3):
        reporting.empty()
        workers = [reporting.worker(f"w{number}", partitions=[number]) for number in range(PARTITIONS)]
        threads = [threading.Thread(target=land_all, args=[number]) for number in range(PARTITIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        assert reporting.facts()["schema changes"] == in_order


def test_a_batch_that_waited_while_another_worker_saw_a_change_begins_anew(reporting: Any) -> None:
    """It fits what its worker knew, waits for the runs, and does not fit them any more."""
    first, second = (reporting.worker(f"w{number}", partitions=[number]) for number in (0, 1))
    first([ROWS[0]])
    with psycopg.connect(reporting.writer_dsn) as holder:
        holder.execute("LOCK TABLE rpt.fact_row_change IN SHARE MODE")  # written right after the shapes were locked
        threads = [threading.Thread(target=second, args=[[ROWS[4]]]), threading.Thread(target=first, args=[[ROWS[6]]])]
        for place, thread in enumerate(threads):
            thread.start()
            reporting.until_waiting(place + 1)
        holder.rollback()
    for thread in threads:
        thread.join()
    assert [row[:3] for row in told(reporting)] == [("columns.added", ["unit"], []), ("columns.dropped", [], ["unit"])]


def test_what_turns_out_to_have_been_two_steps_is_withdrawn_and_published_so(reporting: Any) -> None:
    land = reporting.worker(partitions=range(PARTITIONS))
    land([ROWS[3], ROWS[12]])
    (before,) = reporting.rows("SELECT added, revision, withdrawn FROM rpt.fact_schema_change")
    assert before == (["comment"], 1, False)
    land(ROWS[9:12])
    after = reporting.rows(
        "SELECT what, added, revision, withdrawn FROM rpt.fact_schema_change ORDER BY withdrawn, commit_lsn"
    )
    assert after == [
        ("columns.replaced", ["note"], 1, False),
        ("columns.replaced", ["comment", "unit"], 1, False),
        ("columns.added", ["comment"], 2, True),
    ]
    assert reporting.rows("SELECT count(*) FROM rpt.audit_outbox WHERE kind = 'schema_change'") == [(4,)]


def test_an_earlier_first_row_amends_in_place(reporting: Any) -> None:
    land = reporting.worker(partitions=range(PARTITIONS))
    land([ROWS[0], ROWS[5]])
    (late,) = reporting.rows("SELECT event_id, occurred_at, revision FROM rpt.fact_schema_change")
    land([ROWS[3]])
    (early,) = reporting.rows("SELECT event_id, occurred_at, revision FROM rpt.fact_schema_change")
    assert early[0] == late[0]
    assert early[1] < late[1]
    assert (late[2], early[2]) == (1, 2)


def test_a_row_that_comes_again_with_other_columns_is_no_schema_change(reporting: Any) -> None:
    """As after a change of the connector's column filter: what landed first of an event stands."""
    land = reporting.worker(partitions=range(PARTITIONS))
    land(ROWS[:2])
    assert land([msgspec.structs.replace(ROWS[0], value=(ROWS[0].value or b"").replace(b'"node"', b'"gnome"'))]).again
    assert reporting.rows("SELECT * FROM rpt.fact_schema_change") == []


def test_rows_without_a_shape_to_follow_land_all_the_same(reporting: Any, caplog: pytest.LogCaptureFixture) -> None:
    landing = Landing(reporting.connect, MAPPING, NAMES, reporting.ownership(partitions=range(PARTITIONS)))
    landing._shapes = Shapes(MAPPING.source, most_runs=3)
    for row in ROWS:
        landing.land(assemble([row], Decoder(MAPPING, NAMES)))
    assert reporting.rows("SELECT count(*) FROM rpt.fact_row_change") == [(len(ROWS),)]
    assert reporting.rows("SELECT count(*) FROM rpt.fact_schema_change") == [(2,)]
    assert caplog.messages == ["the columns of forecast.inputs changed 3 times and are not followed any more"]


def test_deletes_truncates_snapshots_and_partial_old_rows_are_no_schema_changes(reporting: Any) -> None:
    made = Transaction(1, T0_US, 5_000).insert(INPUTS, an_input("i1", "s1", "1"))
    made.update(INPUTS, {"input_id": "i1"}, an_input("i1", "s1", "2"))
    made.update(INPUTS, None, an_input("i1", "s1", "__debezium_unavailable_value"))
    made.delete(INPUTS, {"input_id": "i1", "made_up": 0})
    schema, name = INPUTS.split(".")
    source = {"ts_ms": T0_US // 1000, "ts_us": T0_US, "schema": schema, "table": name, "txId": 9, "lsn": 9_000}
    for op, snapshot, after in (("t", "false", None), ("r", "true", {"input_id": "i9", "scenario_id": "s1", "old": 1})):
        told = {"op": op, "before": None, "after": after, "source": {**source, "snapshot": snapshot}}
        made.records.append((NAMES.change(INPUTS), b"k", json.dumps(told).encode()))
    made.insert(INPUTS, an_input("i2", "s1", "1"))
    records = [RawRecord(*each[:1], 0, place, T0_US // 1000, *each[1:]) for place, each in enumerate(made.records)]
    reporting.worker()(records)
    assert reporting.rows("SELECT * FROM rpt.fact_schema_change") == []


def typed(number: int, row: dict[str, tuple[str, Any]]) -> RawRecord:
    """A node's row in a record with its schema."""
    made = Transaction(50 + number, T0_US + number * 1_000_000, 30_000 + number * 100)
    made.insert(NODES, {column: value for column, (_, value) in row.items()})
    ((topic, key, value),) = made.records
    fields = [{"field": column, "type": kind, "optional": True} for column, (kind, _) in row.items()]
    schema = {"type": "struct", "fields": [{"type": "struct", "field": "after", "fields": fields}]}
    whole = {"schema": schema, "payload": json.loads(value or b"")}
    return RawRecord(topic, 0, number, T0_US // 1000, key, json.dumps(whole).encode())


def test_a_changed_type_is_told_where_records_carry_schemas(reporting: Any) -> None:
    node = {"run_id": ("string", "r1"), "node": ("string", "n"), "status": ("string", "ok")}
    records = [
        typed(0, {**node, "tries": ("int32", 1)}),
        typed(1, {**node, "tries": ("int64", 1)}),
        typed(2, {**node, "tries": ("int64", 1), "more": ("string", "x")}),
    ]
    land = reporting.worker()
    land([records[0], records[2]])
    land([records[1]])
    assert reporting.rows(
        "SELECT what, added, retyped, commit_lsn, withdrawn FROM rpt.fact_schema_change ORDER BY 4, 5"
    ) == [
        ("types.changed", [], {"tries": ["int32", "int64"]}, 30_100, False),
        ("columns.added", ["more"], None, 30_200, False),
        ("types.changed", [], {"tries": ["int32", "int64"]}, 30_200, True),
    ]
