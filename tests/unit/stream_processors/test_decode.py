"""What each record becomes."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.debezium import NAMES, T0_US, Transaction, log_line, partitioned

from clearsight.actions import action_of
from clearsight.events import (
    Attempt,
    Context,
    Event,
    LogEvent,
    Passed,
    Rejected,
    RowChange,
    SnapshotRow,
    StreamPosition,
    TransactionKey,
)
from clearsight.instants import EARLIEST_US
from clearsight.logline import LogError
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping, parse_mapping
from clearsight.origin import Identity, Origin, lsn_of
from stream_processors.decode import Decoder
from stream_processors.records import RawRecord

pytestmark = pytest.mark.unit

DECODE = Decoder(load_mapping(DEFAULT_MAPPING), NAMES)
INPUT = {"input_id": "i1", "scenario_id": "s1", "node": "demand", "name": "base", "value_number": "5.0"}


def decoded(transaction: Transaction) -> list[Event]:
    return [DECODE(record) for record in partitioned(transaction.records)]


def transaction() -> Transaction:
    return Transaction(tx_id=846, committed_us=T0_US, commit_lsn=1000)


def test_an_update() -> None:
    (change,) = decoded(transaction().update("forecast.inputs", INPUT, {**INPUT, "value_number": "6.0"}))
    assert isinstance(change, RowChange)
    assert (change.op, change.part, change.row_key, change.scenario_id, change.node) == (
        "u",
        "input",
        "i1",
        "s1",
        "demand",
    )
    assert change.changed == ("value_number",)
    assert change.transaction == TransactionKey(846, T0_US)
    assert (change.commit_lsn, change.lsn, change.total_order) == (1000, 1110, 1)
    assert change.event_id.int >> 80 == T0_US // 1000


def test_an_unchanged_toast_value_is_not_a_change() -> None:
    after = {**INPUT, "value_text": "__debezium_unavailable_value"}
    (change,) = decoded(transaction().update("forecast.inputs", {**INPUT, "value_text": "long"}, after))
    assert isinstance(change, RowChange)
    assert change.changed == ()


def test_a_delete_is_known_by_its_before() -> None:
    (change,) = decoded(transaction().delete("forecast.run_nodes", {"run_id": "r1", "node": "price", "status": "ok"}))
    assert isinstance(change, RowChange)
    assert (change.op, change.row_key, change.run_id, change.node) == ("d", "r1/price", "r1", "price")


def test_a_context_message() -> None:
    (context,) = decoded(transaction().context("c-1", user="u1"))
    assert isinstance(context, Context)
    assert (context.transaction, context.correlation_id, context.user_id) == (TransactionKey(846, T0_US), "c-1", "u1")


def test_rows_and_message_of_a_transaction_have_the_same_key_though_their_transaction_id_differs() -> None:
    change, context = decoded(transaction().insert("forecast.inputs", INPUT).context("c-1"))
    assert isinstance(change, RowChange)
    assert isinstance(context, Context)
    assert change.transaction == context.transaction


def test_the_end_of_a_transaction() -> None:
    (end,) = decoded(transaction().end())
    assert isinstance(end, StreamPosition)
    assert (end.position, end.occurred_us) == (1100, T0_US)


def test_an_error_line_gets_its_category() -> None:
    error = LogError(type="ZeroDivisionError", message="float division by zero")
    (record,) = partitioned([log_line(1, T0_US, "node price failed", level="ERROR", error=error, correlation_id="c")])
    event = DECODE(record)
    assert isinstance(event, LogEvent)
    assert (event.category, event.occurred_us) == ("calculation", T0_US)


def change_value(**changes: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(transaction().insert("forecast.inputs", INPUT).records[0][2] or b"")
    for path, new in changes.items():
        place = value
        *parents, last = path.split("__")
        for parent in parents:
            place = place[parent]
        place[last] = new
    return value


def decode_value(value: Any, topic: str = "clearsight.forecast.inputs") -> Event:
    return DECODE(RawRecord(topic, 0, 7, T0_US // 1000, None, json.dumps(value).encode()))


def test_a_snapshot_row_is_evidence_not_a_change() -> None:
    row = decode_value(change_value(op="r", source__txId=None, source__lsn=None, source__snapshot="incremental"))
    assert isinstance(row, SnapshotRow)
    assert (row.part, row.row_key, row.scenario_id) == ("input", "i1", "s1")


def test_records_with_their_schema_are_opened() -> None:
    assert isinstance(decode_value({"schema": {}, "payload": change_value()}), RowChange)
    end = {"schema": {}, "payload": {"status": "END", "id": "7:900", "ts_ms": T0_US // 1000}}
    position = decode_value(end, NAMES.transaction)
    assert isinstance(position, StreamPosition)
    assert position.position == 900


def test_without_a_commit_before_it_a_change_was_committed_where_it_stands() -> None:
    change = decode_value(change_value(source__sequence='[null,"1110"]'))
    assert isinstance(change, RowChange)
    assert change.commit_lsn == change.lsn == 1110


def with_origin(record: RawRecord, origin: str) -> RawRecord:
    return msgspec.structs.replace(record, headers=(("clearsight.origin", origin.encode()),))


def test_a_change_of_a_later_epoch_comes_later_wherever_its_log_begins() -> None:
    (old,) = partitioned(transaction().update("forecast.inputs", INPUT, INPUT).records)
    low = Transaction(tx_id=1, committed_us=T0_US, commit_lsn=3)
    (new,) = partitioned(low.update("forecast.inputs", INPUT, INPUT).records)
    before, after = DECODE(with_origin(old, "1/77/00000001")), DECODE(with_origin(new, "2/88/00000001"))
    assert isinstance(before, RowChange)
    assert isinstance(after, RowChange)
    assert (before.epoch, before.commit_lsn) == (1, 1000)
    assert after.epoch == 2
    assert after.commit_lsn > before.commit_lsn
    assert lsn_of(after.commit_lsn) == 3


def test_a_foreign_origin_is_a_dead_letter() -> None:
    (record,) = partitioned(transaction().update("forecast.inputs", INPUT, INPUT).records)
    assert isinstance(DECODE(with_origin(record, "nonsense")), Rejected)


def test_a_heartbeat_tells_what_the_source_says_of_itself() -> None:
    told = {"system": "77", "timeline": "00000002", "acknowledged": 900, "tables": [["app", "my.table", "5.6"]]}
    (record,) = partitioned(transaction().heartbeat(told).records)
    beat = DECODE(with_origin(record, "3/77/00000002"))
    assert isinstance(beat, StreamPosition)
    assert beat.sign is not None
    assert beat.sign.registered == Origin(3, beat.sign.identity)
    assert beat.sign.identity == Identity("77", "00000002")
    assert lsn_of(beat.sign.acknowledged or 0) == 900
    assert beat.sign.acknowledged != 900
    assert beat.sign.tables == {'app."my.table"': "5.6"}


@pytest.mark.parametrize("content", ["2026-11-22 23:18:29+00", {"system": "77"}])
def test_a_heartbeat_of_another_query_tells_its_position_alone(content: object) -> None:
    (record,) = partitioned(transaction().heartbeat(content).records)
    beat = DECODE(record)
    assert isinstance(beat, StreamPosition)
    assert (beat.position, beat.sign) == (1110, None)


@pytest.mark.parametrize(
    ("marker", "sequence", "lsn", "began_at"),
    [
        ("first", '[null,"700"]', 700, 700),
        ("last_in_data_collection", '[null,"700"]', 700, 700),
        ("first", '["690","700"]', 700, None),  # a snapshot in mid-stream, by signal
        ("incremental", '["690","700"]', None, None),
        ("incremental", None, None, None),
    ],
)
def test_a_snapshot_that_follows_no_commit_begins_the_stream_anew(
    marker: str, sequence: str | None, lsn: int | None, began_at: int | None
) -> None:
    row = change_value(op="r", before=None, source__snapshot=marker, source__sequence=sequence, source__lsn=lsn)
    snapshot = decode_value(row)
    assert isinstance(snapshot, SnapshotRow)
    assert snapshot.began_at == began_at


def test_a_truncate_has_no_row() -> None:
    change = decode_value(change_value(op="t", before=None, after=None))
    assert isinstance(change, RowChange)
    assert (change.op, change.row_key, change.scenario_id) == ("t", "", None)


def test_a_time_of_year_1_is_clamped_and_says_so() -> None:
    change = decode_value(change_value(source__ts_us=-62_135_596_800_000_000))
    assert isinstance(change, RowChange)
    assert change.flags == ("odd_time",)
    assert change.occurred_us == EARLIEST_US


def message(prefix: str, content: Any, **source: Any) -> dict[str, Any]:
    value = json.loads(transaction().context("c").records[0][2] or b"")
    value["source"].update(source)
    return {**value, "message": {"prefix": prefix, "content": content}}


@pytest.mark.parametrize(
    ("value", "topic", "reason"),
    [
        (change_value(op="x"), "clearsight.forecast.inputs", "unknown op"),
        (change_value(source__lsn=None), "clearsight.forecast.inputs", "without LSN"),
        (change_value(after=None), "clearsight.forecast.inputs", "without before and after"),
        (change_value(after={"x": 1}), "clearsight.forecast.inputs", "no column 'input_id'"),
        (change_value(source__table="secrets"), "clearsight.forecast.inputs", "does not name the table"),
        ({"x": 1}, "clearsight.forecast.inputs", "no source"),
        ([], "clearsight.forecast.inputs", "Expected"),
        (message("clearsight", "%%"), NAMES.message, "not base64"),
        (message("clearsight", base64.b64encode(b'{"correlation_id":" "}').decode()), NAMES.message, "1 to 256"),
        (message("clearsight", base64.b64encode(b"{}").decode()), NAMES.message, "correlation_id"),
        (message("clearsight", base64.b64encode(b'{"correlation_id":[1]}').decode()), NAMES.message, "neither text"),
        ({"status": "END", "id": "x", "ts_ms": 1}, NAMES.transaction, "not txId:lsn"),
        ({"id": "7:900"}, NAMES.transaction, "no status"),
        ({"event_id": "1"}, NAMES.logs, "missing"),
        ("\x00", NAMES.logs, "NUL"),
        ("\\\x00", NAMES.logs, "NUL"),
        (change_value(source__sequence='["x","1"]'), "clearsight.forecast.inputs", "invalid literal"),
        (message("clearsight", "ä"), NAMES.message, "ASCII"),
        (
            message("clearsight", base64.b64encode(b'{"correlation_id":"c","user":"' + b"u" * 600 + b'"}').decode()),
            NAMES.message,
            "512",
        ),
        (change_value(after__input_id=""), "clearsight.forecast.inputs", "empty key"),
        (change_value(after__scenario_id="s" * 600), "clearsight.forecast.inputs", "512"),
    ],
)
def test_what_cannot_be_decoded_says_why(value: Any, topic: str, reason: str) -> None:
    event = decode_value(value, topic)
    assert isinstance(event, Rejected)
    assert reason in event.reason
    assert (event.at.topic, event.at.partition, event.at.offset) == (topic, 0, 7)


def test_an_escaped_backslash_before_u0000_is_only_text() -> None:
    change = decode_value(change_value(after__name="\\u0000"))
    assert isinstance(change, RowChange)


def test_tombstones_begins_and_others_messages_pass() -> None:
    assert isinstance(DECODE(RawRecord("clearsight.forecast.inputs", 0, 1, 0, b"{}", None)), Passed)
    assert isinstance(decode_value({"status": "BEGIN", "id": "1:2", "ts_ms": 1}, NAMES.transaction), Passed)
    assert isinstance(decode_value(message("audit", ""), NAMES.message), Passed)


def test_a_heartbeat_says_how_far_the_stream_is() -> None:
    beat = decode_value(message("clearsight.heartbeat", ""), NAMES.message)
    assert isinstance(beat, StreamPosition)
    assert beat.commit_lsn == 1000


FOREIGN = parse_mapping(
    """
[source.scenario]
table = "loan.application"
key = "id"
status = "status"
[source.input]
table = "loan.offer"
key = "id"
scenario = "application_id"
value = "amount"
replica_identity = "default"
[source.context]
prefix = "audit"
user = "actor"
scenario = "case_id"
"""
)


def foreign(value: Any, topic: str = NAMES.message) -> Event:
    return Decoder(FOREIGN, NAMES)(RawRecord(topic, 0, 7, T0_US // 1000, None, json.dumps(value).encode()))


def audit(**source: Any) -> dict[str, Any]:
    content = b'{"correlation_id":"c-1","actor":112,"case_id":"173688"}'
    return message("audit", base64.b64encode(content).decode(), **source)


def test_a_context_message_of_an_application_with_its_own_words() -> None:
    context = foreign(audit())
    assert isinstance(context, Context)
    assert (context.correlation_id, context.user_id, context.use_case) == ("c-1", "112", None)
    assert isinstance(foreign(message("clearsight", "")), Passed)


def test_a_context_message_outside_a_transaction_is_an_attempt() -> None:
    attempt = foreign(audit(txId=None))
    assert isinstance(attempt, Attempt)
    assert (attempt.correlation_id, attempt.user_id, attempt.scenario_id) == ("c-1", "112", "173688")


def test_without_full_replica_identity_nothing_is_read_from_made_up_values() -> None:
    made_up = {"id": "o1", "application_id": 0, "amount": "0.00", "status": ""}
    value = change_value(op="d", before=made_up, after=None, source__schema="loan", source__table="offer")
    change = foreign(value, NAMES.change("loan.offer"))
    assert isinstance(change, RowChange)
    assert (change.row_key, change.scenario_id, change.before, change.before_json) == (
        "o1",
        None,
        {"id": "o1"},
        '{"id":"o1"}',
    )


def test_what_an_input_held_before_is_not_told_where_nobody_knows() -> None:
    after = {"id": "o1", "application_id": 5, "amount": "7.00"}
    value = change_value(op="u", before=None, after=after, source__schema="loan", source__table="offer")
    change = foreign(value, NAMES.change("loan.offer"))
    assert isinstance(change, RowChange)
    action = action_of(change)
    assert action is not None
    assert action.details["label"] == "o1 → 7.00"


topics = st.sampled_from(NAMES.consumed(load_mapping(DEFAULT_MAPPING).tables()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(topics, st.one_of(st.binary(), json_values.map(lambda value: json.dumps(value).encode())))
def test_never_raises(topic: str, value: bytes) -> None:
    event = DECODE(RawRecord(topic, 0, 0, T0_US // 1000, None, value))
    assert event.at.topic == topic


def test_deep_nesting_is_rejected_not_fatal() -> None:
    value = b'{"op":"c","source":{"ts_ms":1,"lsn":1,"schema":"forecast","table":"inputs"},"after":' + b"[" * 100_000
    assert isinstance(DECODE(RawRecord("clearsight.forecast.inputs", 0, 0, 0, None, value)), Rejected)
