"""Where a worker starts: nothing is skipped in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_processors.positions import Identity, Landed, Log, start_of

pytestmark = pytest.mark.unit

HERE, ELSEWHERE = Identity("cluster", "topic"), Identity("cluster", "recreated")


@pytest.mark.parametrize(
    ("landed", "log", "offset", "gap"),
    [
        (None, Log(0, 100, None), 0, None),
        (None, Log(0, 100, 60), 0, None),  # an empty or restored reporting database is filled again
        (None, Log(20, 100, None), 20, (0, 20)),
        (Landed(50, HERE, 40), Log(0, 100, 50), 50, None),
        (Landed(50, HERE, 40), Log(0, 100, 45), 45, None),  # landed, and died before the commit to Kafka
        (Landed(50, HERE, 40), Log(0, 100, 70), 50, None),  # restored from an older backup
        (Landed(50, HERE, 40), Log(0, 100, None), 40, None),
        (Landed(50, HERE, None), Log(0, 100, None), 50, None),
        (Landed(50, HERE, 40), Log(60, 100, 50), 60, (50, 60)),
        (Landed(50, HERE, 40), Log(60, 100, 45), 60, (50, 60)),  # what had landed is not missing
        (Landed(50, HERE, 40), Log(60, 100, None), 60, (50, 60)),
        (Landed(50, HERE, 40), Log(60, 100, 70), 60, (50, 60)),
        (Landed(50, HERE, 40), Log(48, 100, 45), 48, None),  # all of what retention deleted had landed
        (Landed(50, HERE, 40), Log(50, 50, 45), 50, None),
        (Landed(50, HERE, 40), Log(45, 100, None), 45, None),
        (Landed(50, ELSEWHERE, 40), Log(0, 10, None), 0, (0, 0)),
        (Landed(50, HERE, 40), Log(0, 10, 10), 0, (10, 50)),
    ],
)
def test_start(landed: Landed | None, log: Log, offset: int, gap: tuple[int, int] | None) -> None:
    start = start_of(landed, log, HERE)
    assert start.offset == offset
    assert (start.gap[:2] if start.gap else None) == gap


logs = st.tuples(st.integers(0, 50), st.integers(0, 50), st.one_of(st.none(), st.integers(0, 100))).map(
    lambda found: Log(found[0], found[0] + found[1], found[2])
)
positions = st.one_of(
    st.none(),
    st.builds(
        Landed, st.integers(0, 120), st.sampled_from([HERE, ELSEWHERE]), st.one_of(st.none(), st.integers(0, 120))
    ),
)


@given(positions, logs)
def test_exactly_what_is_not_read_again_and_has_not_landed_is_a_gap(landed: Landed | None, log: Log) -> None:
    start = start_of(landed, log, HERE)
    same = landed is not None and landed.identity == HERE and landed.next_offset <= log.high
    reached = landed.next_offset if same and landed else 0
    assert log.low <= start.offset
    assert same or start.offset == log.low
    lost = max(0, log.low - reached)
    if same or landed is None:
        assert (start.gap is not None) == (lost > 0)
        assert start.gap is None or start.gap[:2] == (reached, log.low)
    else:
        assert start.gap is not None
