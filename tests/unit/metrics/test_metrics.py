"""What is told to Prometheus exists under the names that the board and the documents use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import psycopg
import pytest
from kit.ports import free_port
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import ApiMetrics
from api.queries.ledger import Ledger, OpenLetters, Waiting
from clearsight.settings import Settings, WorkerSettings
from connectors.cloudwatch.metrics import ForwarderMetrics
from stream_processors.metrics import PipelineCollector, WorkerMetrics, behind, serve

pytestmark = pytest.mark.unit

BOARD, DOCUMENT = Path("docs/grafana/clearsight.json"), Path("docs/METRICS.md")
GUIDE = Path("docs/FORWARDER.md")
FORWARDER = "clearsight_forwarder_"
NAME = re.compile(r"\bclearsight_[a-z_]+")
OF_HISTOGRAM, OF_COUNTER = ("_bucket", "_count", "_sum"), ("_total",)


class Connection:
    """Positions, then the lag."""

    def __init__(self, answers: list[list[tuple[Any, ...]]]) -> None:
        self._answers = answers

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, _query: str) -> Any:
        rows = self._answers.pop(0)
        return SimpleNamespace(fetchall=lambda: rows, fetchone=lambda: rows[0])


def collector(answers: list[list[tuple[Any, ...]]] | None = None) -> PipelineCollector:
    def connect() -> Any:
        if answers is None:
            raise psycopg.OperationalError("away")
        return Connection(list(answers))

    return PipelineCollector(connect, lambda: {"a/0": 10, "a/1": 4, "b/0": 7}, Settings())


def names(registry: CollectorRegistry) -> Iterator[str]:
    for family in registry.collect():
        endings = {"histogram": OF_HISTOGRAM, "counter": OF_COUNTER}.get(family.type, ("",))
        yield from (family.name + ending for ending in endings)


@pytest.fixture(scope="module")
def exported() -> set[str]:
    worker = WorkerMetrics()
    described = {family.name for family in collector().describe()}
    return {*names(worker.registry), *names(ApiMetrics().registry), *described}


def test_every_query_of_the_board_names_metrics_that_exist(exported: set[str]) -> None:
    board = json.loads(BOARD.read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 15
    for query in queries:
        found = NAME.findall(query)
        assert found, query
        assert set(found) <= exported, query
    places = [tuple(panel["gridPos"].values()) for panel in board["panels"]]
    assert len(set(places)) == len(places)


def test_the_document_names_every_metric_and_no_other(exported: set[str]) -> None:
    told = {name for name in NAME.findall(DOCUMENT.read_text()) if not name.startswith(FORWARDER)}
    assert told == {name for name in exported if not name.endswith(("_bucket", "_sum", "_count"))} | {
        name.removesuffix("_bucket") for name in exported if name.endswith("_bucket")
    }


def test_the_forwarder_guide_names_every_metric_of_it_and_the_list_no_other() -> None:
    exported = set(names(ForwarderMetrics().registry))
    families = {re.sub("_(bucket|count|sum)$", "", name).removeprefix(FORWARDER) for name in exported}
    assert families <= set(re.findall(r"`([a-z_]+)`", GUIDE.read_text()))
    told = {name for name in NAME.findall(DOCUMENT.read_text()) if name.startswith(FORWARDER)}
    assert told - {FORWARDER} <= exported


def test_every_metric_is_on_the_board(exported: set[str]) -> None:
    shown = set(NAME.findall(BOARD.read_text()))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported}
    assert families <= {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}


def test_a_partition_without_a_position_is_behind_by_all_it_holds() -> None:
    assert behind({"a/0": 10, "a/1": 4, "b/0": 7}, {"a/0": 8, "b/0": 9}) == {"a": 6, "b": 0}


def test_a_worker_serves_what_it_counted() -> None:
    metrics = WorkerMetrics()
    with metrics.step("land"):
        pass
    metrics.landed(changes=3, logs=4, again=1, letters=2)
    answers = [[("a/0", 8), ("b/0", 7)], [(1.5,)]]
    port = free_port()
    stop = serve(metrics, collector(answers), WorkerSettings(metrics_port=port))
    try:
        with closing(urlopen(f"http://127.0.0.1:{port}/metrics")) as answer:
            found = _samples(answer.read().decode())
    finally:
        stop()
    assert found["clearsight_worker_landed_total", "change"] == 3
    assert found["clearsight_worker_landed_total", "log"] == 4
    assert found["clearsight_worker_redelivered_total", ""] == 1
    assert found["clearsight_worker_dead_letters_total", ""] == 2
    assert found["clearsight_worker_batch_seconds_count", "land"] == 1
    assert found["clearsight_lag_events", "a"] == 6
    assert found["clearsight_lag_seconds", ""] == 1.5


def test_with_the_database_away_a_worker_still_tells_what_it_counted() -> None:
    metrics = WorkerMetrics()
    metrics.landed(changes=1, logs=0, again=0, letters=0)
    metrics.registry.register(collector())
    assert metrics.registry.get_sample_value("clearsight_worker_landed_total", {"kind": "change"}) == 1
    assert metrics.registry.get_sample_value("clearsight_lag_events", {"topic": "a"}) is None


def test_a_port_that_is_taken_stops_no_worker() -> None:
    port = free_port()
    stop = serve(WorkerMetrics(), collector([]), WorkerSettings(metrics_port=port))
    serve(WorkerMetrics(), collector([]), WorkerSettings(metrics_port=port))()
    stop()


def test_a_topic_whose_letters_are_closed_is_gone() -> None:
    metrics = ApiMetrics()
    now = SimpleNamespace()
    for letters in ([OpenLetters("a", 2, now), OpenLetters("b", 1, now)], [OpenLetters("a", 1, now)]):
        metrics._keep(Ledger(now, 1, letters, [Waiting("log lines", 1, 2, 3)]), 0.5)
    assert metrics.registry.get_sample_value("clearsight_dead_letters_open", {"topic": "a"}) == 1
    assert metrics.registry.get_sample_value("clearsight_dead_letters_open", {"topic": "b"}) is None
    waiting = {"what": "log lines", "age": "longer"}
    assert metrics.registry.get_sample_value("clearsight_pending_events", waiting) == 3


def _samples(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
