"""Records that Debezium 3.7.0.Final wrote for the tables of tests/data/contract.sql: what is read from them, and what not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kit.contract import MAPPING, NAMES

from clearsight.actions import action_of
from clearsight.events import Event, Rejected, RowChange
from clearsight.instants import parse_us
from clearsight.runs import LogCounts, as_known, is_partial, run_state
from clearsight.unavailable import is_unavailable, known
from stream_processors.decode import Decoder
from stream_processors.records import RawRecord

pytestmark = pytest.mark.unit

RECORDS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "debezium" / "records-3.7.0.json").read_text()
)
DECODE = Decoder(MAPPING, NAMES)


def decoded(name: str) -> Event:
    record = RECORDS[name]
    return DECODE(RawRecord(record["topic"], 0, 0, 1_795_404_150_000, None, json.dumps(record["value"]).encode()))


def change(name: str) -> RowChange:
    event = decoded(name)
    assert isinstance(event, RowChange), event
    return event


def after(name: str) -> dict[str, Any]:
    image = change(name).after
    assert image is not None
    return image


def test_a_value_that_the_wal_does_not_hold_is_known_by_its_form() -> None:
    image = after("update with every kind of TOAST value, default identity")
    assert {column for column, value in image.items() if is_unavailable(value)} == {"body", "doc", "texts", "numbers"}
    assert known(image).keys() == {"id", "scenario_id", "amount", "day", "note", "blob"}


def test_an_input_whose_value_may_be_such_a_one_did_not_change() -> None:
    assert action_of(change("update with every kind of TOAST value, default identity")) is None


def test_a_runs_error_is_not_such_a_value_but_what_was_known_of_it() -> None:
    table = MAPPING.run
    assert table is not None
    image = {**after("update of a row with a TOAST value, default identity"), "status": "failed"}
    assert is_partial(image, table)
    assert run_state(image, table, LogCounts(), ()).error_message is None
    inserted = {**image, "status": "running", "error": "out of memory"}
    state = run_state(as_known([inserted, image]), table, LogCounts(), ())
    assert (state.outcome, state.error_message) == ("failed", "out of memory")


def test_a_deleted_run_ends_as_it_was_known() -> None:
    table, gone = MAPPING.run, change("delete, default identity").before
    assert table is not None
    assert gone == {"id": 1}
    assert is_partial(gone, table)
    failed = {"id": 1, "scenario_id": 1, "status": "failed", "error": "out of memory"}
    assert not is_partial(failed, table)
    assert run_state(as_known([failed, gone]), table, LogCounts(), ()).outcome == "failed"


def test_times_of_every_type() -> None:
    image = after("values of every type")
    assert parse_us(image["at_zone"]) == 1_774_744_200_123_456
    assert parse_us(image["at_naive"]) == 1_774_751_400_123_456
    assert parse_us(image["at_ms"]) == 1_774_751_400_123_000
    assert parse_us(image["day"]) == 1_774_742_400_000_000


@pytest.mark.parametrize("name", ["values at the ends of their types", "numbers for times"])
def test_infinity_is_no_time(name: str) -> None:
    image = after(name)
    assert [parse_us(image[column]) for column in ("at_zone", "at_naive", "at_ms")] == [None, None, None]


@pytest.mark.parametrize("name", ["decimals as bytes", "decimals as bytes with their schema"])
def test_decimals_as_bytes_are_refused(name: str) -> None:
    event = decoded(name)
    assert isinstance(event, Rejected)
    assert event.reason == "decimals came as bytes: the connector's decimal.handling.mode must be string"


def test_text_that_looks_like_such_a_decimal_is_text() -> None:
    record = RECORDS["values of every type"]
    text = json.dumps({**record["value"], "after": {"id": 1, "plain": '{"a":{"scale":1,"value":"AQ=="}}'}})
    assert isinstance(DECODE(RawRecord(record["topic"], 0, 0, 0, None, text.encode())), RowChange)


def test_a_record_of_a_schema_registry_says_which_converter_is_needed() -> None:
    event = DECODE(RawRecord(NAMES.change("contract.pair"), 0, 0, 0, None, b"\x00\x00\x00\x00\x01\x02\x06abc"))
    assert isinstance(event, Rejected)
    assert "value.converter must be" in event.reason
