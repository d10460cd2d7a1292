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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import faust
from faust.app.base import BootStrategy

from clearsight.settings import Settings, load_settings
from stream_processors.connector_watch import EVERY_S, ConnectorWatch
from stream_processors.lane import Lane
from stream_processors.metrics import PipelineCollector, WorkerMetrics, serve
from stream_processors.worker import Worker, connector

log = logging.getLogger(__name__)

READY_FILE = "CLEARSIGHT_READY_FILE"
TICK_S = 1.0
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

    def _create_directories(self) -> None:
        """Faust would make a folder for its tables wherever the worker was started; there are none."""


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
    channel = app.channel(maxsize=1)
    landing, reading, timing, watching = (
        ThreadPoolExecutor(1, name) for name in ("landing", "reading", "timing", "watching")
    )
    lane = Lane(worker, channel, reading, landing)
    watch = ConnectorWatch(settings.connect, connector(settings))

    @app.agent(channel)  # type: ignore[untyped-decorator]
    async def land(batches: Any) -> None:
        async for found in batches:
            await lane.land(found)

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
                await lane.pump(lambda: bool(self.should_stop), _announce)
            except Exception as error:
                app.failure = error
                await self.crash(error)
            finally:
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
