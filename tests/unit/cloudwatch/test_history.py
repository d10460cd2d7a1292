"""A stretch of the past is read whole and once, in slices, whatever is in it and wherever it goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.cloudwatch.history import MOST_LINES, History
from connectors.cloudwatch.window import SLICE_MS

pytestmark = pytest.mark.unit

SINCE = 1_795_000_000_000
DAY_MS = 86_400_000


@given(
    st.integers(0, 20 * DAY_MS),
    st.booleans(),
    st.lists(st.sampled_from([0, 10, MOST_LINES * 3, None, "again"]), max_size=60),
)
def test_every_millisecond_once(length_ms: int, newest_first: bool, plan: list[int | str | None]) -> None:
    history = History(SINCE, SINCE + length_ms, newest_first=newest_first)
    read: list[tuple[int, int]] = []
    for outcome in [*plan, *[0] * 60]:
        window = history.next()
        if window is None:
            break
        if outcome is None:
            history.failed()
        elif outcome == "again":
            history = History(SINCE, SINCE + length_ms, newest_first=newest_first, position=history.position)
        else:
            read.append((window.start, window.end))
            history.complete(window, int(outcome))
    assert history.next() is None
    assert history.share_done == 1.0
    read.sort()
    covered = [SINCE, *[end + 1 for _, end in read]]
    assert [start for start, _ in read] == covered[:-1]
    assert covered[-1] == SINCE + length_ms


@pytest.mark.parametrize("newest_first", [True, False])
def test_full_slices_become_shorter(newest_first: bool) -> None:
    history = History(SINCE, SINCE + DAY_MS, newest_first=newest_first)
    lengths = []
    for _ in range(3):
        window = history.next()
        assert window is not None
        lengths.append(window.end - window.start + 1)
        history.complete(window, 2 * MOST_LINES)
    assert lengths == [SLICE_MS, SLICE_MS // 2, SLICE_MS // 4]


def test_the_newest_slice_comes_first_where_asked() -> None:
    window = History(SINCE, SINCE + DAY_MS, newest_first=True).next()
    assert window is not None
    assert window.end == SINCE + DAY_MS - 1


def test_nothing_to_read() -> None:
    assert History(SINCE, SINCE - 5, newest_first=False).next() is None
