"""From reading to landing: batches are read and decoded ahead of the one that lands, and land one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any, Protocol

from stream_processors.batch import Batch

AHEAD = 2
"""Batches that land or are ready to: batches differ in size, and who lands must not wait for who decodes."""


class InFlight:
    """A batch on its way to the agent, and the future that tells when it has landed."""

    def __init__(self, batch: Batch) -> None:
        self._batch: Batch | None = batch
        self.landed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def taken(self) -> bool:
        return self._batch is None

    def take(self) -> Batch:
        """Once. Whoever takes it has it alone: its memory is free as soon as it has landed."""
        assert self._batch is not None
        batch, self._batch = self._batch, None
        return batch

    async def wait(self, stopping: Callable[[], bool]) -> None:
        """Until it has landed; a stopping worker's agent may never take it, and then it is read again."""
        while not self.landed.done() and (self.taken or not stopping()):
            await asyncio.wait([self.landed], timeout=0.2)
        if self.landed.done():
            self.landed.result()


class Channel(Protocol):
    """To the agent."""

    async def put(self, value: Any) -> Any: ...


class Reader(Protocol):
    @property
    def assigned(self) -> bool: ...

    def landing(self) -> None: ...

    def gone(self) -> None: ...


class Lands(Protocol):
    """A worker: `read` and `land` block, each in a thread of its own."""

    @property
    def source(self) -> Reader: ...

    def read(self) -> Batch: ...

    def land(self, batch: Batch) -> None: ...


class Lane:
    """After a batch that failed none lands any more: what follows it is read again."""

    def __init__(self, worker: Lands, channel: Channel, reading: Executor, landing: Executor) -> None:
        self._worker = worker
        self._channel = channel
        self._reading = reading
        self._landing = landing
        self._is_over = False

    async def land(self, found: InFlight) -> None:
        """What the agent does with each."""
        if self._is_over:
            self._worker.source.gone()  # a revocation waits for whatever is on its way
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._landing, self._worker.land, found.take())
        except Exception as error:
            self._is_over = True
            found.landed.set_exception(error)
        else:
            found.landed.set_result(None)

    async def pump(self, stopping: Callable[[], bool], assigned: Callable[[], None]) -> None:
        """Read until asked to stop; `assigned` is told once, when the first partitions are there. What was taken by then has
        landed. Raises what reading and landing raise."""
        in_flight: deque[InFlight] = deque()
        announced = False
        try:
            while not stopping():
                batch = await self._read(in_flight)
                while in_flight and (len(in_flight) >= AHEAD or in_flight[0].landed.done()):
                    await in_flight.popleft().wait(stopping)
                if self._worker.source.assigned and not announced:
                    announced = True
                    assigned()
                if batch.records and not stopping():
                    self._worker.source.landing()
                    in_flight.append(InFlight(batch))
                    del batch
                    await self._channel.put(in_flight[-1])
            while in_flight:
                await in_flight.popleft().wait(stopping)
        finally:
            self._is_over = True

    async def _read(self, in_flight: Iterable[InFlight]) -> Batch:
        """Where that fails, a batch that failed before may be why: then what that raised."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, self._worker.read)
        except Exception:
            for found in in_flight:
                if found.landed.done():
                    found.landed.result()
            raise
