"""Batches are read ahead of the one that lands, land in order, and none after one that failed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kit.waiting import until

from stream_processors.batch import Batch, assemble
from stream_processors.lane import AHEAD, InFlight, Lane
from stream_processors.records import RawRecord

pytestmark = pytest.mark.unit

LIMIT_S = 60.0
MANY = 6


class _Worker:
    """Reads MANY batches of one record, then none; landing waits until it may."""

    assigned = True

    def __init__(self, *, fails: int | None = None, may_land: bool = True) -> None:
        self.source = self
        self.read_offsets: list[int] = []
        self.landed: list[int] = []
        self.most_ahead = 0
        self.on_their_way = 0
        self.may_land = threading.Event()
        self._fails = fails
        if may_land:
            self.may_land.set()

    def landing(self) -> None:
        self.on_their_way += 1

    def gone(self) -> None:
        self.on_their_way -= 1

    def read(self) -> Batch:
        offset = len(self.read_offsets)
        if offset == MANY:
            return assemble([], _never)
        self.read_offsets.append(offset)
        self.most_ahead = max(self.most_ahead, len(self.read_offsets) - len(self.landed))
        return assemble([RawRecord("t", 0, offset, 0, None, None)], lambda record: _Nothing(record.at))  # type: ignore[arg-type, return-value]

    def land(self, batch: Batch) -> None:
        assert self.may_land.wait(LIMIT_S)
        offset = batch.records[0].offset
        self.gone()
        if offset == self._fails:
            raise ValueError(f"batch {offset}")
        self.landed.append(offset)


class _Nothing:
    def __init__(self, at: Any) -> None:
        self.at = at


def _never(_: RawRecord) -> Any:
    raise AssertionError


def run(worker: _Worker, stop_when: Callable[[], bool], meanwhile: Callable[[], None] = lambda: None) -> list[str]:
    """Until it stops; what was announced."""
    announced: list[str] = []

    async def work() -> None:
        channel: asyncio.Queue[InFlight] = asyncio.Queue(1)
        lane = Lane(worker, channel, reading, landing)

        async def agent() -> None:
            while True:
                await lane.land(await channel.get())
                channel.task_done()

        landing_task = asyncio.create_task(agent())
        beside = asyncio.get_running_loop().run_in_executor(None, meanwhile)
        try:
            await asyncio.wait_for(lane.pump(stop_when, lambda: announced.append("assigned")), LIMIT_S)
        finally:
            await asyncio.wait_for(channel.join(), LIMIT_S)  # the agent takes whatever it had been handed
            landing_task.cancel()
            await beside

    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(1) as landing:
        asyncio.run(work())
    return announced


def test_all_land_in_order_and_the_worker_is_announced_once() -> None:
    worker = _Worker()
    assert run(worker, lambda: len(worker.landed) == MANY) == ["assigned"]
    assert worker.landed == list(range(MANY))


def test_so_many_are_read_ahead_and_not_more() -> None:
    worker = _Worker(may_land=False)

    def look() -> None:
        until(lambda: len(worker.read_offsets) == AHEAD + 1)
        worker.may_land.set()

    run(worker, lambda: len(worker.landed) == MANY, look)
    assert worker.landed == list(range(MANY))
    assert worker.most_ahead == AHEAD + 1


def test_none_lands_after_one_that_failed() -> None:
    worker = _Worker(fails=0, may_land=False)

    def look() -> None:
        until(lambda: len(worker.read_offsets) == AHEAD + 1)
        worker.may_land.set()

    with pytest.raises(ValueError, match="batch 0"):
        run(worker, lambda: False, look)
    assert worker.landed == []
    assert worker.on_their_way == 0, "a revocation would wait for ever"


def test_what_was_taken_lands_before_it_stops() -> None:
    worker = _Worker(may_land=False)
    stopping = threading.Event()

    def stop() -> None:
        until(lambda: len(worker.read_offsets) == AHEAD + 1)
        stopping.set()
        worker.may_land.set()

    run(worker, stopping.is_set, stop)
    assert worker.landed[:1] == [0]
    assert worker.landed == list(range(len(worker.landed)))
