"""Ids come from the event alone."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.identity import event_id, id_time_ms, row_change_id

pytestmark = pytest.mark.unit

times = st.integers(0, (1 << 48) - 1)
parts = st.lists(st.one_of(st.none(), st.text(), st.integers()), min_size=1, max_size=4)


@given(times, parts)
def test_is_a_version_8_uuid_with_its_time_in_front(time_ms: int, identity: list[object]) -> None:
    made = event_id(time_ms, *identity)
    assert made.version == 8
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == time_ms
    assert made == event_id(time_ms, *identity)


def test_ids_are_stable_across_releases() -> None:
    assert event_id(1_795_389_509_448, "forecast", "forecast.inputs", "u", 36688752, "k") == UUID(
        "01a2058d-cf48-8127-a965-ac438a5cac10"
    )


@given(parts, parts)
def test_other_parts_are_another_event(one: list[object], other: list[object]) -> None:
    same = [str(part) if part is not None else None for part in one] == [
        str(part) if part is not None else None for part in other
    ]
    assert (event_id(1, *one) == event_id(1, *other)) == same


def test_delete_and_create_at_one_lsn_are_two_events() -> None:
    ids = {row_change_id(1, "s", "a.b", op, 100, ("k",), 1) for op in "cd"}
    assert len(ids) == 2


def test_rows_of_one_copy_share_the_lsn_and_are_told_apart_by_key() -> None:
    assert len({row_change_id(1, "s", "a.b", "c", 100, (str(key),), 1) for key in range(1000)}) == 1000


def test_without_a_mapped_key_the_order_in_the_transaction_decides() -> None:
    assert len({row_change_id(1, "s", "a.b", "c", 100, None, order) for order in range(5)}) == 5


@given(st.integers(-(10**20), 10**20))
def test_any_time_fits(time_us: int) -> None:
    event_id(id_time_ms(time_us), "x")
