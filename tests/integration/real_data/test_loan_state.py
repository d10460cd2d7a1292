"""The tables as they were at the end, rebuilt from the facts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from kit import loan
from kit.reporting import Reporting

from clearsight.unavailable import UNAVAILABLE

pytestmark = pytest.mark.integration

FIRST_SEEN = """
SELECT DISTINCT ON (table_name, row_key) table_name, row_key, image FROM rpt.row_snapshot
ORDER BY table_name, row_key, kafka_offset
"""
CHANGES = """
SELECT table_name, row_key, op, before, after, tx_id FROM rpt.fact_row_change
ORDER BY epoch, commit_lsn, lsn, total_order, op <> 'd'
"""

Tables = dict[str, dict[str, loan.Row]]


@pytest.fixture(scope="module")
def changes(landed: Reporting) -> list[tuple[Any, ...]]:
    return landed.rows(CHANGES)


@pytest.fixture(scope="module")
def rebuilt(landed: Reporting, changes: list[tuple[Any, ...]]) -> Tables:
    """The rows that a snapshot had seen first, and then every change in commit order."""
    tables: Tables = {name: {} for name in ("application", "offer", "work_item", "staff", "debezium_signal")}
    for name, key, image in landed.rows(FIRST_SEEN):
        tables[name][key] = image
    created = {(name, key) for name, key, op, *_ in changes if op == "c"}
    for name, key in created:
        tables[name].pop(key, None)
    for name, key, op, _, after, _ in changes:
        _apply(tables[name], key, op, after)
    return tables


def _apply(table: dict[str, loan.Row], key: str, op: str, after: loan.Row | None) -> None:
    if op == "t":
        table.clear()
    elif op == "d":
        del table[key]
    else:
        assert after is not None
        assert (key in table) == (op == "u")
        kept = {column: value for column, value in after.items() if value != UNAVAILABLE}
        table[key] = {**table.get(key, {}), **kept}


@pytest.mark.parametrize(("table", "count"), [("application", 690), ("offer", 395), ("work_item", 1508), ("staff", 52)])
def test_every_row_is_as_it_was_at_the_end(rebuilt: Tables, capture: loan.Capture, table: str, count: int) -> None:
    truth = capture.final_state()[table]
    assert len(truth) == count
    ours = {_key(table, row): row for row in rebuilt[table].values()}
    assert ours.keys() == {_key(table, row) for row in truth}
    wrong = [
        (row, column, ours[_key(table, row)].get(column))
        for row in truth
        for column, value in row.items()
        if column != "effort" and _read(column, ours[_key(table, row)].get(column)) != _read(column, value)
    ]
    assert wrong == []


def test_intervals_are_as_the_connector_rounded_them(rebuilt: Tables, capture: loan.Capture) -> None:
    """Time mode `adaptive` counts an interval's microseconds in a double and cuts: one is missing now and then. Our own
    connector sends intervals as text."""
    ours = {_key("work_item", row): row["effort"] for row in rebuilt["work_item"].values()}
    truth = {_key("work_item", row): row["effort"] for row in capture.final_state()["work_item"]}
    differences = [
        (_interval(effort) - _interval(ours[key])) // timedelta(microseconds=1)
        for key, effort in truth.items()
        if effort is not None
    ]
    assert set(differences) == {0, 1}
    assert sum(differences) == 45


def test_an_unchanged_long_value_is_kept_from_the_row_before(rebuilt: Tables, changes: list[tuple[Any, ...]]) -> None:
    """`terms` (9 kB, out of line) never comes with an update."""
    updates = [after for name, _, op, _, after, _ in changes if name == "offer" and op == "u"]
    assert {row["terms"] for row in updates} == {UNAVAILABLE}
    assert len(updates) == 1_359
    assert {len(row["terms"]) > 8_000 for row in rebuilt["offer"].values()} == {True}


def test_old_rows_are_whole_with_full_replica_identity_and_never_made_up_without(
    changes: list[tuple[Any, ...]],
) -> None:
    old = [(name, op, before) for name, _, op, before, _, _ in changes if op in ("u", "d")]
    full = [before for name, _, before in old if name in ("application", "work_item")]
    assert len(full) == 2_511 + 8_503 + 10 + 18
    assert all(before is not None and len(before) >= 9 for before in full)
    assert {before and tuple(before) for name, op, before in old if (name, op) == ("offer", "u")} == {None}
    assert {tuple(before) for name, op, before in old if (name, op) == ("offer", "d")} == {("id",)}


def test_a_changed_key_is_a_delete_and_a_create_in_one_transaction(changes: list[tuple[Any, ...]]) -> None:
    moved = [(tx_id, key, op) for _, key, op, _, _, tx_id in changes if tx_id in (33_366, 33_367, 33_368)]
    activities = ("W_Completeren aanvraag", "W_Nabellen offertes", "W_Valideren aanvraag")
    assert moved == [
        (tx_id, f"173688/{activity}/{number}", op)
        for tx_id, activity in zip((33_366, 33_367, 33_368), activities, strict=True)
        for number, op in ((1, "d"), (101, "c"))
    ]


def test_a_column_added_in_mid_stream_is_there_from_then_on(changes: list[tuple[Any, ...]]) -> None:
    rows = [(tx_id, "risk_band" in after) for name, _, _, _, after, tx_id in changes if name == "application" and after]
    first = next(place for place, (_, present) in enumerate(rows) if present)
    assert rows[first][0] == 25_960
    assert {present for _, present in rows[:first]} == {False}
    assert {present for _, present in rows[first:]} == {True}


def test_and_is_a_fact_of_its_own(landed: Reporting) -> None:
    assert landed.rows(
        "SELECT s.table_name, s.what, s.added, s.withdrawn, c.tx_id FROM rpt.fact_schema_change s"
        " LEFT JOIN rpt.fact_row_change c ON c.event_id = s.change_event_id"
    ) == [("application", "columns.added", ["risk_band"], False, 25_960)]


def test_the_truncation_left_nothing(rebuilt: Tables, changes: list[tuple[Any, ...]]) -> None:
    assert rebuilt["debezium_signal"] == {}
    assert [op for name, _, op, *_ in changes if name == "debezium_signal"] == ["c"] * 5 + ["t"]


def test_the_dimensions_are_as_the_tables_at_the_end(landed: Reporting, capture: loan.Capture) -> None:
    scenarios = landed.rows("SELECT scenario_id, status FROM rpt.dim_scenario WHERE NOT deleted")
    final = capture.final_state()
    assert dict(scenarios) == {str(row["id"]): row["status"] for row in final["application"]}
    assert landed.rows("SELECT count(*) FROM rpt.dim_scenario WHERE deleted") == [(10,)]
    users = {user for (user,) in landed.rows("SELECT user_id FROM rpt.dim_user WHERE as_of_commit_lsn >= 0")}
    assert users == {row["resource"] for row in final["staff"]}


def _key(table: str, row: loan.Row) -> tuple[Any, ...]:
    keys = {"work_item": ("application_id", "activity", "run_no"), "staff": ("resource",)}
    return tuple(row[column] for column in keys.get(table, ("id",)))


def _instant(value: Any) -> datetime:
    """timestamptz: ISO 8601 in UTC; timestamp(3): epoch milliseconds of a local time, which the final state has as text."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC)
    found = datetime.fromisoformat(value)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _interval(value: Any) -> timedelta:
    """Microseconds; the final state has PostgreSQL's text."""
    if isinstance(value, int):
        return timedelta(microseconds=value)
    found = re.fullmatch(r"(?:(\d+) days? ?)?(?:(-?\d+):(\d\d):([\d.]+))?", value)
    assert found, value
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


_TYPES: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("amount", "amount_requested", "review_share"), lambda value: Decimal(str(value))),
    **dict.fromkeys(("created_at", "updated_at", "registered_at", "last_event_at", "last_event_local"), _instant),
    **dict.fromkeys(("scheduled_at", "started_at", "completed_at", "first_seen"), _instant),
    "flags": lambda value: json.loads(value) if isinstance(value, str) else value,
}


def _read(column: str, value: Any) -> Any:
    """A value as its type, whichever of both forms it comes in."""
    return None if value is None else _TYPES.get(column, lambda same: same)(value)
