"""One forecast run: started, computed, stored, finished.

Three transactions: the run is running; the results of its nodes, each stored under a lock on the inputs it was computed
from; the run has succeeded or failed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from logging import Logger
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from clearsight.demo.application import ForecastApplication, read_inputs
from clearsight.demo.engine import NODES, Budget, Inputs, Node, Results
from clearsight.demo.tables import inputs, run_nodes, runs


class Failure(NamedTuple):
    node: str
    error: BaseException

    @property
    def message(self) -> str:
        """One line, as the run's row keeps it."""
        first = (str(self.error).splitlines() or [""])[0]
        return f"node {self.node} failed: {type(self.error).__name__}: {first}"


@dataclass(frozen=True)
class NodeResult:
    node: str
    result: float | None
    duration_ms: float
    failure: Failure | None = None


class StoreFailed(Exception):
    """The database refused to store a node's result."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def run_forecast(application: ForecastApplication, run_id: UUID, scenario_id: UUID, user_id: UUID) -> Failure | None:
    """Run the scenario as its inputs are in the database now; returns why it failed, None where it succeeded."""
    log = application.logs.engine
    extra = {"run_id": str(run_id), "scenario_id": str(scenario_id)}
    _start(application, run_id, scenario_id, user_id)
    log.info("run started", extra=extra)
    with application.engine.connect() as connection:
        values = read_inputs(connection, scenario_id)
    results = compute_nodes(values, log, extra)
    failure = next((result.failure for result in results if result.failure), None)
    unstored: NodeResult | None = None
    try:
        _store(application, run_id, scenario_id, results)
    except StoreFailed as refused:
        failure = refused.failure
        unstored = NodeResult(failure.node, None, 0.0, failure)
        _log_failure(log, failure, extra)
    _finish(application, run_id, failure, unstored)
    if failure:
        log.error("run failed: %s", failure.message, extra={**extra, "node": failure.node})
    else:
        log.info("run finished", extra=extra)
    _notify(application, run_id, "failed" if failure else "succeeded")
    return failure


def compute_nodes(values: Mapping[str, Inputs], log: Logger, extra: Mapping[str, str]) -> list[NodeResult]:
    """All nodes in order, up to the first that fails."""
    done: dict[str, float] = {}
    results: list[NodeResult] = []
    for node in NODES:
        log.info("computing node %s", node.name, extra={**extra, "node": node.name})
        result = _compute(node, values.get(node.name, {}), done)
        results.append(result)
        if result.failure:
            _log_failure(log, result.failure, extra)
            break
        if result.result is not None:
            done[node.name] = result.result
    return results


def _compute(node: Node, values: Inputs, done: Results) -> NodeResult:
    started_s = time.perf_counter()
    result, failure = None, None
    try:
        result = node.compute(values, done, Budget())
    except Exception as error:  # a node fails with whatever its arithmetic raises
        failure = Failure(node.name, error)
    return NodeResult(node.name, result, (time.perf_counter() - started_s) * 1000, failure)


def _start(application: ForecastApplication, run_id: UUID, scenario_id: UUID, user_id: UUID) -> None:
    with application.transaction(run_id) as connection:
        row = {"run_id": run_id, "scenario_id": scenario_id, "started_by": user_id, "status": "running"}
        connection.execute(insert(runs).values(row))


def _store(application: ForecastApplication, run_id: UUID, scenario_id: UUID, results: list[NodeResult]) -> None:
    node = results[0].node
    try:
        with application.transaction() as connection:
            for result in results:
                node = result.node
                _lock_inputs(connection, scenario_id, node)
                connection.execute(insert(run_nodes).values(_node_row(run_id, result)))
    except DBAPIError as error:
        raise StoreFailed(Failure(node, error.orig or error)) from error


def _lock_inputs(connection: Connection, scenario_id: UUID, node: str) -> None:
    """Nobody may change a node's inputs while its result is stored."""
    own = (inputs.c.scenario_id == scenario_id) & (inputs.c.node == node)
    connection.execute(select(inputs.c.input_id).where(own).order_by(inputs.c.input_id).with_for_update(read=True))


def _finish(
    application: ForecastApplication, run_id: UUID, failure: Failure | None, unstored: NodeResult | None
) -> None:
    values = {
        "status": "failed" if failure else "succeeded",
        "finished_at": func.clock_timestamp(),
        "error_message": failure.message if failure else None,
        "failed_node": failure.node if failure else None,
    }
    with application.transaction() as connection:
        if unstored:
            connection.execute(insert(run_nodes).values(_node_row(run_id, unstored)))
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(values))


def _node_row(run_id: UUID, result: NodeResult) -> dict[str, object]:
    return {
        "run_id": run_id,
        "node": result.node,
        "status": "failed" if result.failure else "succeeded",
        "result": None if result.result is None else round(result.result, 6),
        "duration_ms": round(result.duration_ms, 3),
        "error": result.failure.message if result.failure else None,
    }


def _log_failure(log: Logger, failure: Failure, extra: Mapping[str, str]) -> None:
    log.error("node %s failed", failure.node, exc_info=failure.error, extra={**extra, "node": failure.node})


def _notify(application: ForecastApplication, run_id: UUID, status: str) -> None:
    """A Lambda function tells the user; the runtime's own lines know its request only."""
    log = application.logs.notifier
    request = {"request_id": str(run_id)}
    platform = {**request, "platform": True}
    log.info("START RequestId: %s Version: $LATEST", run_id, extra=platform)
    log.info("run %s %s, user notified", run_id, status, extra=request)
    log.info("END RequestId: %s", run_id, extra=platform)
