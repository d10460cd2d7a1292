"""What a worker tells Prometheus: how long each step of a batch took, what landed, how far behind it is.

Counters are kept as batches land; how far behind the pipeline is, and what the source keeps for it, is asked at each scrape.
"""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg import Connection

from clearsight.settings import Settings, WorkerSettings

log = logging.getLogger(__name__)

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SOURCE_LIMIT_S = 2
_POSITIONS = "SELECT topic || '/' || kafka_partition, next_offset FROM rpt.consumer_position"
_LAG_S = """
SELECT greatest(extract(epoch FROM now() - max(through_at)), 0)::float8 FROM rpt.watermark WHERE kind = 'changes'
"""
_SLOT = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8, active FROM pg_replication_slots WHERE slot_name = %s
"""


class Meter(Protocol):
    """What a worker tells while it works."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step of a batch: decode, land or publish."""

    def landed(self, changes: int, logs: int, again: int, letters: int) -> None:
        """What a batch left: new row changes and log lines, events that had landed before, dead letters."""


class Unmetered:
    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        yield

    def landed(self, changes: int, logs: int, again: int, letters: int) -> None:
        pass


class WorkerMetrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._steps = Histogram(
            "clearsight_worker_batch_seconds",
            "Time of a batch by step",
            ["step"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._landed = Counter(
            "clearsight_worker_landed", "Events that landed, each once", ["kind"], registry=self.registry
        )
        self._again = Counter("clearsight_worker_redelivered", "Events that had landed before", registry=self.registry)
        self._letters = Counter(
            "clearsight_worker_dead_letters", "Records kept as dead letters", registry=self.registry
        )

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with self._steps.labels(name).time():
            yield

    def landed(self, changes: int, logs: int, again: int, letters: int) -> None:
        self._landed.labels("change").inc(changes)
        self._landed.labels("log").inc(logs)
        self._again.inc(again)
        self._letters.inc(letters)


class PipelineCollector(Collector):
    """How far behind the pipeline is. Each look is bounded; what does not answer is left out of the scrape."""

    def __init__(
        self, connect: Callable[[], Connection[Any]], end_offsets: Callable[[], dict[str, int]], settings: Settings
    ) -> None:
        self._connect = connect
        self._end_offsets = end_offsets
        self._source = settings.source

    def describe(self) -> Iterable[Metric]:
        return [self._lag_events({}), self._lag_seconds(None), *self._slot(None)]

    def collect(self) -> Iterable[Metric]:
        try:
            with self._connect() as connection:
                positions = dict(connection.execute(_POSITIONS).fetchall())
                (lag_s,) = connection.execute(_LAG_S).fetchone() or (None,)
            yield self._lag_seconds(lag_s)
            yield self._lag_events(behind(self._end_offsets(), positions))
        except (psycopg.Error, KafkaException) as error:
            log.warning("the lag is not known now: %s", type(error).__name__)
        yield from self._slot(self._look_at_slot())

    def _look_at_slot(self) -> tuple[float, bool] | None:
        """WAL that the source keeps for the connector, in bytes; None where this worker may not look."""
        if self._source.dsn is None:
            return None
        try:
            with psycopg.connect(self._source.dsn.get_secret_value(), connect_timeout=SOURCE_LIMIT_S) as connection:
                connection.execute(f"SET statement_timeout = '{SOURCE_LIMIT_S}s'".encode())
                row = connection.execute(_SLOT, [self._source.slot]).fetchone()
        except psycopg.Error as error:
            log.warning("the slot's size is not known now: %s", type(error).__name__)
            return None
        return (row[0] or 0.0, row[1]) if row else None

    def _lag_events(self, lag: dict[str, int]) -> Metric:
        family = GaugeMetricFamily("clearsight_lag_events", "Records that have not landed yet", labels=["topic"])
        for topic, events in sorted(lag.items()):
            family.add_metric([topic], events)
        return family

    def _lag_seconds(self, lag_s: float | None) -> Metric:
        family = GaugeMetricFamily("clearsight_lag_seconds", "Age of the newest change up to which all has landed")
        if lag_s is not None:
            family.add_metric([], lag_s)
        return family

    def _slot(self, found: tuple[float, bool] | None) -> list[Metric]:
        size = GaugeMetricFamily("clearsight_slot_bytes", "WAL that the source keeps for the slot", labels=["slot"])
        active = GaugeMetricFamily("clearsight_slot_active", "1 while the connector reads the slot", labels=["slot"])
        if found is not None:
            size.add_metric([self._source.slot], found[0])
            active.add_metric([self._source.slot], float(found[1]))
        return [size, active]


def behind(ends: dict[str, int], positions: dict[str, int]) -> dict[str, int]:
    """Records after the positions, by topic; both by "topic/partition". A partition without position is behind by all."""
    lag: Tally[str] = Tally()
    for place, end in ends.items():
        lag[place.rpartition("/")[0]] += max(end - positions.get(place, 0), 0)
    return dict(lag)


def serve(metrics: WorkerMetrics, collector: Collector, worker: WorkerSettings) -> Callable[[], None]:
    """Serve /metrics on its own port until the returned function is called. A port that is taken is no reason not to land."""
    if worker.metrics_port is None:
        return lambda: None
    metrics.registry.register(collector)
    try:
        server, thread = start_http_server(worker.metrics_port, addr=worker.metrics_host, registry=metrics.registry)
    except OSError as error:
        log.warning("no metrics: port %d of %s: %s", worker.metrics_port, worker.metrics_host, error.strerror)
        return lambda: None
    log.info("metrics on http://%s:%d/metrics", worker.metrics_host, server.server_port)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
