"""Every kind of record that the real connector makes, and what becomes of it: docs/OUTCOMES.md, row by row."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from itertools import pairwise, permutations
from typing import Any

import pytest
from kit.contract import MAPPING, NAMES, Contract, Writers, said, value_of
from kit.contract_changes import MESSAGES, ROLLED_BACK, ROWS, SHAPES, TOAST, TYPES
from kit.reporting import Facts, Reporting
from kit.stacks import stack_of
from kit.waiting import until

from clearsight.errors import SourceError
from clearsight.events import Attempt, Context, Event, Passed, Rejected, RowChange, SnapshotRow, StreamPosition
from clearsight.instants import EARLIEST_US, clamp_us, parse_us
from clearsight.mapping_file import parse_mapping
from clearsight.stack import state
from clearsight.stack.supervisor import Stack
from clearsight.topics import RAW_MAX_BYTES
from clearsight.unavailable import is_unavailable
from connectors.debezium.source import prepare
from stream_processors.decode import Decoder
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

DECODE = Decoder(MAPPING, NAMES)


class Arrived:
    """The records that came, each with its event."""

    def __init__(self, records: list[RawRecord]) -> None:
        self.records = [record for record in records if record.topic != NAMES.heartbeat]
        self.events: list[tuple[RawRecord, Event]] = [(record, DECODE(record)) for record in self.records]

    def of(self, topic: str) -> list[tuple[dict[str, Any], Event]]:
        return [(value_of(record), event) for record, event in self.events if record.topic == topic]

    def changes(self, table: str, key: str | None = None) -> list[RowChange]:
        """Of a table of the contract, in commit order."""
        found = [event for _, event in self.of(NAMES.change(f"contract.{table}")) if isinstance(event, RowChange)]
        found.sort(key=lambda each: (each.commit_lsn, each.lsn, each.total_order, each.op != "d"))
        return [each for each in found if key is None or each.row_key == key]

    def said(self, correlation_id: str) -> list[Event]:
        return [event for record, event in self.events if f'"{correlation_id}"' in (said(record) or "")]


def seen(marker: str, table: str, count: int) -> Callable[[list[RawRecord]], bool]:
    """Whether this many snapshot rows of a table came with a marker ("" for any)."""

    def holds(records: list[RawRecord]) -> bool:
        rows = [value_of(record) for record in records if record.topic == NAMES.change(f"contract.{table}")]
        return sum(row.get("op") == "r" and marker in row["source"]["snapshot"] for row in rows) >= count

    return holds


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with stack_of(tmp_path_factory.mktemp("contract"), "postgres", "connect", "migrate") as stack:
        yield stack


@pytest.fixture(scope="module")
def contract(stack: Stack) -> Iterator[Contract]:
    with contextlib.closing(Contract(stack)) as contract:
        contract.prepare()
        contract.register()
        contract.until(seen("last", "evolving", 1))
        for change in (*ROWS, *TOAST, *TYPES, *SHAPES, *MESSAGES):
            contract.run(change)
        with contextlib.suppress(KeyError), contract.source.transaction():
            contract.run(*ROLLED_BACK)
            raise KeyError
        contract.caught_up()  # an incremental snapshot leaves out rows whose change it still meets in the stream
        contract.signal(**{"data-collections": ["contract.pair"], "type": "incremental"})
        contract.until(seen("incremental", "pair", 4))
        contract.signal(**{"data-collections": ["contract.evolving"], "type": "blocking"})
        contract.until(seen("", "evolving", 3 + 5))
        contract.caught_up()
        yield contract


@pytest.fixture(scope="module")
def arrived(contract: Contract) -> Arrived:
    return Arrived(contract.records)


def ops(changes: list[RowChange]) -> list[str]:
    return [each.op for each in changes]


def test_nothing_of_the_connector_is_undecodable(arrived: Arrived) -> None:
    assert [event.reason for _, event in arrived.events if isinstance(event, Rejected)] == []


def test_insert_update_delete_with_full_identity(arrived: Arrived) -> None:
    insert, update, *_ = arrived.changes("scenario", "10")
    assert (insert.op, insert.before, insert.after and insert.after["name"]) == ("c", None, "x")
    assert (update.op, update.changed) == ("u", ("name",))
    assert arrived.changes("scenario", "11")[-1].before == {**(update.after or {}), "id": 11}


def test_a_key_change_is_a_delete_and_a_create_at_one_position(arrived: Arrived) -> None:
    gone, made = arrived.changes("scenario", "10")[-1], arrived.changes("scenario", "11")[0]
    assert (gone.op, made.op) == ("d", "c")
    assert (gone.lsn, gone.transaction) == (made.lsn, made.transaction)
    assert gone.event_id != made.event_id


def test_tombstones_pass(arrived: Arrived) -> None:
    whys = [event.why for record, event in arrived.events if isinstance(event, Passed) and record.value is None]
    assert whys == ["tombstone"] * len(whys)
    assert len(whys) >= 8


def test_with_default_identity_only_the_key_of_before_is_known(arrived: Arrived) -> None:
    changes = arrived.changes("partial", "1") + arrived.changes("partial", "2")
    assert ops(changes) == ["c", "u", "d", "c", "d"]
    assert [each.before for each in changes] == [None, None, {"id": 1}, None, {"id": 2}]
    assert [each.changed for each in changes] == [()] * 5
    assert [each.scenario_id for each in changes] == ["4", "4", None, "4", None]
    raw = [value["before"] for value, _ in arrived.of(NAMES.change("contract.partial")) if value.get("op") == "d"]
    assert raw[0]["amount"] == "0.00", "the connector makes no value up any more"


def test_a_table_that_is_mapped_as_full_and_lost_that_says_only_what_is_new(arrived: Arrived) -> None:
    insert, whole, without, delete = arrived.changes("lapsed", "1")
    assert ops([insert, whole, without, delete]) == ["c", "u", "u", "d"]
    assert (whole.before, whole.changed) == ({"id": 1, "v": "a"}, ("v",))
    assert (without.before, without.after, without.changed) == (None, {"id": 1, "v": "c"}, ())
    assert delete.before == {"id": 1, "v": ""}, "a delete shows its made-up values now"


def test_unavailable_values_are_known_as_such(arrived: Arrived) -> None:
    (update,) = [each for each in arrived.changes("partial", "3") if each.op == "u"]
    assert update.after is not None
    assert {column for column, value in update.after.items() if is_unavailable(value)} == {
        *("body", "doc", "texts", "numbers")
    }
    assert update.after["blob"] is None, "bytes are told from null now"


def test_with_full_identity_no_value_is_unavailable(arrived: Arrived) -> None:
    update = arrived.changes("scenario", "20")[-1]
    assert update.changed == ("status",)
    assert update.after is not None
    assert update.after["name"] == "n" * 9000


def test_a_truncate_of_two_tables_is_an_event_of_each(arrived: Arrived) -> None:
    truncates = [each for name in ("partial", "run") for each in arrived.changes(name) if each.op == "t"]
    assert [(each.row_key, each.before, each.after) for each in truncates] == [("", None, None)] * 2
    assert len({each.event_id for each in truncates}) == 2


def test_composite_keys(arrived: Arrived) -> None:
    assert ops(arrived.changes("pair", "7/x/y")) == ["c", "u", "d"]
    assert ops(arrived.changes("pair", "7/z")) == ["c", "d"]


def test_a_keyless_table_is_refused_and_told_by_its_mapped_column_all_the_same(
    contract: Contract, arrived: Arrived
) -> None:
    with pytest.raises(SourceError, match=r"nothing makes id unique in contract\.keyless"):
        prepare(contract.settings.source, MAPPING)
    assert ops(arrived.changes("keyless", "1")) == ["c", "d"]
    assert ops(arrived.changes("keyless", "2")) == ["c", "u"]


def test_values_of_every_type(arrived: Arrived) -> None:
    (row,) = [each.after for each in arrived.changes("typed", "1")]
    assert row == {
        "id": 1,
        "exact": "1234567890123456789012345678.0123456789",
        "free": "0.10",
        "ratio": 0.1,
        "small_ratio": 0.1,
        "big": 9223372036854775807,
        "yes": True,
        "doc": '{"a": [1.10, null], "b": 1}',
        "plain": '{"b":1 }',
        "span": "P1Y2M3DT4H5M6.789S",
        "at_zone": "2026-03-29T00:30:00.123456Z",
        "at_naive": "2026-03-29T02:30:00.123456Z",
        "at_ms": "2026-03-29T02:30:00.123Z",
        "day": "2026-03-29Z",
        "clock": "02:30:00.123456Z",
        "numbers": [1, None, 3],
        "texts": ["a", None, "c d"],
        "days": ["2026-03-29Z"],
        "amounts": ["1.10", None],
        "feeling": "ok",
        "feelings": ["ok", "sad"],
        "bytes": "AP8=",
        "uid": "00000000-0000-0000-0000-000000000001",
        "address": "10.0.0.1/24",
        "span_of": '["2026-01-01 00:00:00+00",infinity)',
    }


def test_null_nan_and_infinity(arrived: Arrived) -> None:
    empty = arrived.changes("typed", "2")[0].after
    assert empty is not None
    assert set(empty.values()) == {2, None}
    insert, update = arrived.changes("typed", "3")
    row = insert.after
    assert row is not None
    assert (row["exact"], row["free"]) == ("NAN", "POSITIVE_INFINITY")
    assert (row["ratio"], row["small_ratio"]) == ("NaN", "-Infinity")
    assert [parse_us(row[column]) for column in ("at_zone", "at_naive", "at_ms", "day")] == [None] * 4
    assert update.changed == ("day",)


def test_a_date_before_christ_is_written_in_two_ways(arrived: Arrived) -> None:
    streamed = arrived.changes("typed", "4")[0].after
    (seen,) = [event for _, event in arrived.of(NAMES.change("contract.typed")) if isinstance(event, SnapshotRow)]
    assert streamed is not None
    assert (streamed["day"], seen.image["day"]) == ("-0043-03-15Z", "0044-03-15Z")
    assert parse_us(streamed["day"]) is None
    assert clamp_us(parse_us(seen.image["day"]) or 0) == EARLIEST_US


def test_added_dropped_and_renamed_columns(arrived: Arrived) -> None:
    updates = arrived.changes("evolving", "1")
    assert [each.changed for each in updates] == [("old_name",), ("old_name",), ("empty",), ("new_name",)]
    assert [set(each.after or ()) - {"id"} for each in updates] == [
        {"old_name", "gone", "added"},
        {"old_name", "gone", "added", "empty"},
        {"old_name", "added", "empty"},
        {"new_name", "added", "empty"},
    ]
    (before,), (after,) = arrived.changes("evolving", "8"), arrived.changes("evolving", "9")
    assert before.transaction == after.transaction
    assert set(after.after or ()) - set(before.after or ()) == {"within"}


def test_a_table_that_was_dropped_and_made_anew(arrived: Arrived) -> None:
    assert [each.after for each in arrived.changes("reborn", "1")] == [{"id": 1, "v": "a"}, {"id": 1, "w": "b"}]


def test_every_marker_of_a_snapshot_is_evidence(arrived: Arrived) -> None:
    rows = [(record, event) for record, event in arrived.events if value_of(record).get("op") == "r"]
    assert {type(event) for _, event in rows} == {SnapshotRow}
    assert {value_of(record)["source"]["snapshot"] for record, _ in rows} == {
        *("first", "true", "first_in_data_collection", "last_in_data_collection", "last", "incremental")
    }


def test_a_row_that_several_snapshots_saw_alike_is_one_piece_of_evidence(arrived: Arrived) -> None:
    rows = [event for _, event in arrived.of(NAMES.change("contract.pair")) if isinstance(event, SnapshotRow)]
    assert len([row for row in rows if row.row_key == "1/b"]) == 2
    assert len({row.snapshot_id for row in rows if row.row_key == "1/b"}) == 1


def test_messages(arrived: Arrived) -> None:
    (context,) = arrived.said("in-transaction")
    (change,) = arrived.changes("pair", "8/told")
    assert isinstance(context, Context)
    assert context.transaction == change.transaction
    assert [type(event) for event in arrived.said("outside")] == [Attempt]


def test_two_messages_of_a_transaction_stand_in_the_log_one_after_the_other(arrived: Arrived) -> None:
    (first,), (second,) = arrived.said("first-of-two"), arrived.said("second-of-two")
    (change,) = arrived.changes("pair", "8/told twice")
    assert isinstance(first, Context)
    assert isinstance(second, Context)
    assert first.transaction == second.transaction == change.transaction
    assert first.lsn < second.lsn


def test_of_a_rolled_back_transaction_only_its_attempt_comes(arrived: Arrived) -> None:
    assert arrived.said("rolled-back") == []
    assert [type(event) for event in arrived.said("attempt")] == [Attempt]
    assert arrived.changes("pair", "9/rolled back") == []


def test_begins_ends_and_heartbeats(arrived: Arrived) -> None:
    markers = arrived.of(NAMES.transaction)
    assert {type(event) for value, event in markers if value["status"] == "BEGIN"} == {Passed}
    assert {type(event) for value, event in markers if value["status"] == "END"} == {StreamPosition}
    beats = [
        event for value, event in arrived.of(NAMES.message) if value["message"]["prefix"] == "clearsight.heartbeat"
    ]
    assert {type(event) for event in beats} == {StreamPosition}


@pytest.fixture(scope="module")
def landed(stack: Stack, contract: Contract, arrived: Arrived) -> Iterator[tuple[Reporting, Facts]]:
    dsns = state.load(stack.home).settings["report"]
    with contextlib.closing(Reporting(dsns["owner_dsn"], dsns["writer_dsn"], MAPPING, NAMES)) as reporting:
        land = reporting.worker(partitions=(0, 1, 2))
        for record in arrived.records:  # each a batch of its own: nothing may be known only within one
            land([record])
        yield reporting, reporting.facts()


def test_a_run_that_was_deleted_keeps_what_was_known_of_it(landed: tuple[Reporting, Facts]) -> None:
    rows = landed[0].rows("SELECT status, outcome, left(error_message, 5), deleted FROM rpt.fact_run_diagnostic")
    assert rows == [("failed", "failed", "lost ", True)]


def test_a_name_is_kept_that_neither_an_update_nor_a_delete_tells(landed: tuple[Reporting, Facts]) -> None:
    assert landed[0].rows("SELECT left(name, 3), email FROM rpt.dim_user WHERE user_id = '1'") == [("Ada", "new")]


def test_the_first_of_two_messages_counts(landed: tuple[Reporting, Facts]) -> None:
    rows = landed[0].rows("SELECT correlation_id, link FROM rpt.fact_row_change WHERE row_key = '8/told twice'")
    assert rows == [("first-of-two", "correlated")]


def test_all_of_it_again_and_at_once_is_the_same(landed: tuple[Reporting, Facts], arrived: Arrived) -> None:
    reporting, facts = landed
    reporting.empty()
    land = reporting.worker(partitions=(0, 1, 2))
    land(arrived.records)
    land(arrived.records)
    for name, rows in reporting.facts().items():
        assert rows == facts[name], name


def test_schema_changes_are_facts_of_their_own(landed: tuple[Reporting, Facts]) -> None:
    rows = landed[0].rows(
        "SELECT table_name, what, added, dropped, change_event_id FROM rpt.fact_schema_change"
        " WHERE NOT withdrawn ORDER BY table_name, commit_lsn, lsn"
    )
    assert [row[:4] for row in rows] == [
        ("evolving", "columns.added", ["empty"], []),
        ("evolving", "columns.dropped", [], ["gone"]),
        ("evolving", "columns.replaced", ["new_name"], ["old_name"]),
        ("evolving", "columns.added", ["within"], []),
        ("reborn", "columns.replaced", ["w"], ["v"]),
    ]
    assert landed[0].rows("SELECT row_key FROM rpt.fact_row_change WHERE event_id = %s", rows[3][4]) == [("9",)]


ALTERS = (
    "ALTER TABLE contract.busy ADD a int",
    "ALTER TABLE contract.busy ADD b text DEFAULT 'b', DROP a",
    "ALTER TABLE contract.busy RENAME b TO c",
    "ALTER TABLE contract.busy ALTER n TYPE bigint",
    "ALTER TABLE contract.busy DROP c",
)


def test_schema_changes_under_load(stack: Stack, contract: Contract, landed: tuple[Reporting, Facts]) -> None:
    """Four sessions write while the table is altered; each partition lands by itself, one far ahead of the others."""
    have = len(contract.records)
    with Writers(
        state.load(stack.home).settings["source"]["admin_dsn"], "INSERT INTO contract.busy (n) VALUES (1)"
    ) as writers:
        for alter in ALTERS:
            writers.write(40)
            contract.run(alter)
        writers.write(40)
    contract.caught_up()
    rows = [record for record in contract.records[have:] if record.topic == NAMES.change("contract.busy")]
    assert {record.partition for record in rows} == {0, 1, 2}
    changes = Arrived(rows).changes("busy")
    steps = [new for old, new in pairwise(changes) if (old.after or {}).keys() != (new.after or {}).keys()]
    expected = [
        ("columns.added", ["a"], []),
        ("columns.replaced", ["b"], ["a"]),
        ("columns.replaced", ["c"], ["b"]),
        ("columns.dropped", [], ["c"]),
    ]
    reporting, _ = landed
    for order in permutations(range(3)):
        reporting.empty()
        workers = {number: reporting.worker(f"w{number}", partitions=[number]) for number in order}
        for number in order:
            mine = [record for record in rows if record.partition == number]
            for start in range(0, len(mine), 25):
                workers[number](mine[start : start + 25])
        found = reporting.rows(
            "SELECT what, added, dropped, change_event_id FROM rpt.fact_schema_change WHERE NOT withdrawn ORDER BY commit_lsn"
        )
        assert [row[:3] for row in found] == expected
        assert [row[3] for row in found] == [step.event_id for step in steps]


def test_so_is_a_scenarios(stack: Stack, landed: tuple[Reporting, Facts], arrived: Arrived) -> None:
    person = parse_mapping(
        """
        [source.scenario]
        table = "contract.person"
        key = "id"
        name = "name"
        status = "email"
        replica_identity = "default"
        """
    )
    landed[0].empty()
    dsns = state.load(stack.home).settings["report"]
    with contextlib.closing(Reporting(dsns["owner_dsn"], dsns["writer_dsn"], person, NAMES)) as reporting:
        land = reporting.worker(partitions=(0, 1, 2))
        for record in arrived.records:
            if record.topic == NAMES.change("contract.person"):
                land([record])
        rows = reporting.rows("SELECT left(name, 3), status, deleted FROM rpt.dim_scenario")
    assert rows == [("Ada", "new", True)]


def test_without_its_offsets_the_connector_begins_anew_and_leaves_out_what_was_in_between(
    contract: Contract, landed: object
) -> None:
    have = len(contract.records)
    contract.forget_offsets("UPDATE contract.pair SET v = 50 WHERE a = 2")
    contract.until(lambda records: seen("last", "evolving", 1)(records[have:]))
    contract.run("UPDATE contract.pair SET v = 77 WHERE a = 1")
    contract.caught_up()
    anew = Arrived(contract.records[have:])
    rows = [each for _, each in anew.of(NAMES.change("contract.pair")) if isinstance(each, SnapshotRow)]
    assert [row.image["v"] for row in rows if row.row_key == "2/b"] == [50]
    assert anew.changes("pair", "2/b") == []
    assert [each.changed for each in anew.changes("pair", "1/b")] == [("v",)]


def events_with(contract: Contract, **config: str) -> tuple[RawRecord, Event]:
    """A change of the typed table by a connector with another configuration, once it has taken it over."""
    contract.caught_up()
    have, wanted = len(contract.records), []

    def came(records: list[RawRecord]) -> bool:
        contract.run("UPDATE contract.typed SET yes = NOT yes WHERE id = 1")
        with_payload = config.get("value__converter__schemas__enable") == "true"
        decimals = config.get("decimal__handling__mode") == "precise"
        for record in records[have:]:
            if record.topic == NAMES.change("contract.typed") and value_of(record).get("op") == "u":
                exact = value_of(record)["after"]["exact"]
                if (b'"payload":' in (record.value or b""), "." not in exact) == (with_payload, decimals):
                    wanted.append(record)
        return bool(wanted)

    contract.register(**config)
    contract.until(came)
    return wanted[0], DECODE(wanted[0])


def test_records_with_their_schema(contract: Contract, landed: object) -> None:
    record, event = events_with(contract, value__converter__schemas__enable="true")
    assert isinstance(event, RowChange)
    assert event.changed == ("yes",)
    assert event.after is not None
    assert event.types is not None
    assert event.after == value_of(record)["after"]
    assert {column for column, _ in event.types} == event.after.keys()
    assert {
        "exact": "string",
        "doc": "io.debezium.data.Json",
        "days": "array of io.debezium.time.IsoDate",
    }.items() <= dict(event.types).items()


def test_a_changed_type_is_a_fact_where_records_carry_their_schema(
    contract: Contract, landed: tuple[Reporting, Facts]
) -> None:
    events_with(contract, value__converter__schemas__enable="true")
    contract.caught_up()
    have = len(contract.records)
    contract.run("UPDATE contract.typed SET yes = NOT yes WHERE id = 1")
    contract.run("ALTER TABLE contract.typed ALTER small_ratio TYPE double precision")
    contract.run("UPDATE contract.typed SET yes = NOT yes WHERE id = 1")
    contract.caught_up()
    reporting, _ = landed
    reporting.empty()
    reporting.worker(partitions=(0, 1, 2))(Arrived(contract.records[have:]).records)
    assert reporting.rows("SELECT what, retyped FROM rpt.fact_schema_change") == [
        ("types.changed", {"small_ratio": ["float", "double"]})
    ]


@pytest.mark.parametrize("schemas", ["true", "false"])
def test_decimals_as_bytes_are_refused(contract: Contract, landed: object, schemas: str) -> None:
    _, event = events_with(contract, value__converter__schemas__enable=schemas, decimal__handling__mode="precise")
    assert isinstance(event, Rejected)
    assert "decimal.handling.mode must be string" in event.reason


def test_a_message_larger_than_kafka_takes_fails_the_task_which_says_why(contract: Contract, landed: object) -> None:
    """The last: nothing comes after it."""
    contract.run(f"SELECT pg_logical_emit_message(true, 'clearsight', repeat('x', {RAW_MAX_BYTES}))")
    until(lambda: "RecordTooLargeException" in contract.failure(), "the task fails")
