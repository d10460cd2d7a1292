"""Which stream a record came by: epochs count on where log positions begin anew, and order everything after that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.origin import Identity, Origin, lsn_of, position
from connectors.debezium import origin

pytestmark = pytest.mark.unit

HERE, RESTORED, ELSEWHERE = Identity("77", "00000001"), Identity("77", "00000002"), Identity("88", "00000001")
lsns = st.integers(0, 2**48 - 1)
epochs = st.integers(1, 2**15 - 1)


@given(epochs, lsns, epochs, lsns)
def test_positions_grow_with_the_epoch_and_then_with_the_log(epoch: int, lsn: int, other: int, further: int) -> None:
    assert (position(epoch, lsn) < position(other, further)) == ((epoch, lsn) < (other, further))
    assert lsn_of(position(epoch, lsn)) == lsn
    assert 0 <= position(epoch, lsn) < 2**63


def test_positions_of_the_first_epoch_are_those_of_the_log() -> None:
    assert position(1, 0x16B374D848) == 0x16B374D848


def test_an_origin_is_read_as_it_was_written() -> None:
    assert Origin.parse(str(Origin(3, RESTORED))) == Origin(3, RESTORED)
    assert origin.configured(origin.settings(Origin(3, RESTORED))) == Origin(3, RESTORED)


@pytest.mark.parametrize("text", ["", "1", "1/2", "x/77/1", "1/77/1/2"])
def test_anything_else_is_none(text: str) -> None:
    assert origin.configured({origin.ORIGIN: text}) is None


@pytest.mark.parametrize(
    ("before", "identity", "anew", "epoch"),
    [
        (None, HERE, False, 1),
        (None, HERE, True, 1),
        (Origin(4, HERE), HERE, False, 4),
        (Origin(4, HERE), HERE, True, 5),
        (Origin(4, HERE), RESTORED, False, 5),
        (Origin(4, HERE), ELSEWHERE, False, 5),
        (Origin(4, HERE), ELSEWHERE, True, 5),
    ],
)
def test_another_database_and_a_stream_that_begins_anew_are_the_next_epoch(
    before: Origin | None, identity: Identity, anew: bool, epoch: int
) -> None:
    assert origin.following(before, identity, anew) == Origin(epoch, identity)
