"""An id tells when its event happened, and a range of times is a range of ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.identity import event_id, id_range, id_time_ms, id_time_us
from clearsight.instants import to_us

pytestmark = pytest.mark.unit

TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC))


@given(TIMES, st.text())
def test_the_time_is_read_from_the_id(at: datetime, part: str) -> None:
    assert id_time_us(str(event_id(id_time_ms(to_us(at)), part))) == to_us(at) // 1000 * 1000


@given(TIMES, st.integers(0, 10_000_000), st.integers(-10_000_000, 20_000_000), st.text())
def test_an_event_between_two_times_has_an_id_between_two_ids(
    first: datetime, length_us: int, place_us: int, part: str
) -> None:
    last, at = first + timedelta(microseconds=length_us), first + timedelta(microseconds=place_us)
    lowest, highest = id_range(first, last)
    identifier = event_id(id_time_ms(to_us(at)), part)
    if first <= at <= last:
        assert lowest <= identifier <= highest
    if abs(place_us) > 1000 and (at < first or at > last + timedelta(milliseconds=1)):
        assert not lowest <= identifier <= highest
