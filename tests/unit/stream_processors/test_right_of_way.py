"""The thread that lands goes first, and nobody waits for it for ever."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from stream_processors.right_of_way import LONGEST_S, STEP, RightOfWay

pytestmark = pytest.mark.unit

LIMIT_S = 60.0


def test_all_items_come_in_their_order() -> None:
    assert list(RightOfWay().paced(range(1000))) == list(range(1000))


def test_others_stand_back_while_it_is_taken_and_go_on_when_it_is_given() -> None:
    way = RightOfWay(LIMIT_S)
    done: list[int] = []
    started, given = Event(), Event()

    def work() -> None:
        for item in way.paced(range(10 * STEP)):
            done.append(item)
            if item == STEP - 1:
                started.set()
                given.wait(LIMIT_S)

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work)
        assert started.wait(LIMIT_S)
        with way.taken():
            given.set()
            with pytest.raises(TimeoutError):
                working.result(0.05)
            assert len(done) == STEP
            with way.given():
                working.result(LIMIT_S)
        assert len(done) == 10 * STEP


def test_a_landing_that_is_stuck_slows_the_others_and_does_not_stop_them() -> None:
    way = RightOfWay()
    began = time.monotonic()
    with way.taken():
        assert len(list(way.paced(range(3 * STEP)))) == 3 * STEP
    assert time.monotonic() - began >= 2 * LONGEST_S


@pytest.mark.timeout(60)
def test_it_is_free_after_a_failure() -> None:
    way = RightOfWay(LIMIT_S)
    with pytest.raises(RuntimeError), way.taken(), way.given():
        raise RuntimeError
    assert len(list(way.paced(range(100 * STEP)))) == 100 * STEP
