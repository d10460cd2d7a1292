"""The Faust app: it runs the worker. `faust -A stream_processors.app worker` and `clearsight worker` are the same.

Faust gives the runtime: agents, services, timers, signals. Its own consumer is off (docs/decisions/0003): a service reads
batches with confluent-kafka and hands each to an agent by a channel. A batch that fails stops the worker: it is read again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy

from clearsight.settings import Settings, load_settings
from stream_processors.batch import Batch
from stream_processors.connector_watch import EVERY_S, ConnectorWatch
from stream_processors.metrics import PipelineCollector, WorkerMetrics, serve
from stream_processors.worker import Worker, connector

log = logging.getLogger(__name__)

READY_FILE = "CLEARSIGHT_READY_FILE"
TICK_S = 1.0
AHEAD = 2
"""Batches that land or are ready to: batches differ in size, and who lands must not wait for who decodes."""
STOP_LIMIT_S = 120.0


class _WithoutConsumer(BootStrategy):  # type: ignore[misc]
    enable_kafka_consumer = False

    def kafka_conductor(self) -> list[Any]:
        return []

    def tables(self) -> list[Any]:
        return []


class AuditApp(faust.App):  # type: ignore[misc]
    BootStrategy = _WithoutConsumer
    failure: BaseException | None = None
    """Why the worker stopped, where it did not stop by request."""
    landing_is_over = False
    """A batch failed, or the worker stops: those after it are read again."""

    def _create_directories(self) -> None:
        """Faust would make a folder for its tables wherever the worker was started; there are none."""


class _InFlight:
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

    async def wait(self, service: Any) -> None:
        """Until it has landed; a stopping worker's agent may never take it, and then it is read again."""
        while not self.landed.done() and (self.taken or not service.should_stop):
            await asyncio.wait([self.landed], timeout=0.2)
        if self.landed.done():
            self.landed.result()


def create_app(settings: Settings) -> AuditApp:
    """The app of one worker process. Raises Unavailable where what it needs is not there to begin with."""
    _collect_rarely()
    _hand_over_quickly()
    metrics = WorkerMetrics()
    worker = Worker(settings, meter=metrics)
    worker.check()
    app = AuditApp(
        "clearsight",
        broker=f"kafka://{settings.kafka.bootstrap_servers}",
        env_prefix="CLEARSIGHT_FAUST_",
        agent_supervisor="mode.CrashingSupervisor",
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
    )
    lane = app.channel(maxsize=1)
    landing, reading, timing, watching = (
        ThreadPoolExecutor(1, name) for name in ("landing", "reading", "timing", "watching")
    )
    watch = ConnectorWatch(settings.connect, connector(settings))

    @app.agent(lane)  # type: ignore[untyped-decorator]
    async def land(batches: Any) -> None:
        async for found in batches:
            if app.landing_is_over:
                continue
            try:
                await asyncio.get_running_loop().run_in_executor(landing, worker.land, found.take())
            except Exception as error:
                app.landing_is_over = True
                found.landed.set_exception(error)
            else:
                found.landed.set_result(None)

    @app.service
    class Batches(faust.Service):  # type: ignore[misc]
        """Reads and decodes the next batches while the ones before land."""

        def __post_init__(self) -> None:
            self.stop_metrics = _nothing
            self.pumped = asyncio.Event()
            self.pumped.set()

        async def on_start(self) -> None:
            app.flow_control.resume()  # else a put on the channel waits for ever
            behind = PipelineCollector(connector(settings), worker.source.topics.end_offsets, settings)
            self.stop_metrics = serve(metrics, behind, settings.worker)
            await asyncio.get_running_loop().run_in_executor(reading, worker.source.open)

        async def on_stop(self) -> None:
            loop = asyncio.get_running_loop()
            self.stop_metrics()
            await asyncio.wait_for(self.pumped.wait(), STOP_LIMIT_S)
            for pool in (landing, timing, watching):
                await loop.run_in_executor(pool, _nothing)  # each has one thread: this waits for what it is doing
            watch.close()
            await loop.run_in_executor(reading, worker.close)

        @faust.Service.task  # type: ignore[untyped-decorator]
        async def pump(self) -> None:
            self.pumped.clear()
            try:
                await _pump(self, worker, lane, reading)
            except Exception as error:
                app.failure = error
                await self.crash(error)
            finally:
                app.landing_is_over = True
                self.pumped.set()

    @app.timer(TICK_S)  # type: ignore[untyped-decorator]
    async def tick() -> None:
        if worker.source.assigned and not app.should_stop:
            try:
                await asyncio.get_running_loop().run_in_executor(timing, worker.tick)
            except Exception as error:
                app.failure = error
                await app.crash(error)

    @app.timer(EVERY_S)  # type: ignore[untyped-decorator]
    async def watch_connector() -> None:
        if not app.should_stop:
            await asyncio.get_running_loop().run_in_executor(watching, watch.look)

    return app


async def _pump(service: Any, worker: Worker, lane: Any, reading: ThreadPoolExecutor) -> None:
    loop = asyncio.get_running_loop()
    in_flight: deque[_InFlight] = deque()
    announced = False
    while not service.should_stop:
        batch = await loop.run_in_executor(reading, worker.read)
        while in_flight and (len(in_flight) >= AHEAD or in_flight[0].landed.done()):
            await in_flight.popleft().wait(service)
        if worker.source.assigned and not announced:
            announced = True
            _announce()
        if batch.records and not service.should_stop:
            worker.source.landing()
            in_flight.append(_InFlight(batch))
            del batch
            await lane.put(in_flight[-1])
    while in_flight:
        await in_flight.popleft().wait(service)


def _hand_over_quickly() -> None:
    """Three threads share the interpreter. The one that lands asks PostgreSQL something fifty times a batch, and after each
    answer would wait 5 ms for one that decodes or publishes, if it does not stand back (right_of_way.py) just then."""
    sys.setswitchinterval(0.0001)


def _collect_rarely() -> None:
    """A batch is thousands of objects without cycles, freed by their counts: looking for cycles cost a quarter of Python's."""
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def _nothing() -> None:
    pass


def _announce() -> None:
    """Tell whoever started this worker that it owns partitions and reads."""
    path = os.environ.get(READY_FILE)
    if path:
        Path(path).write_text("ready\n", encoding="utf-8")


def __getattr__(name: str) -> Any:
    """`app`, made when Faust's own command asks for it."""
    if name == "app":
        return create_app(load_settings())
    raise AttributeError(name)
