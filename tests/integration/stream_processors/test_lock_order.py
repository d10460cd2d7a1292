"""Two workers whose batches amend the same facts: neither order of their locks ends in a deadlock or leaves a pair unjoined.

The first is held up inside its transaction by a lock of ours, until the second has come as far as it can.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from kit.debezium import NAMES, T0_US, Transaction, log_line, partitioned
from kit.story import NODES, RUNS, SCENARIOS, Record, run, scenario

from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

SHAPES = "SELECT 1 FROM rpt.row_shape FOR UPDATE"
"""Waited for after all other locks are taken."""
RECOMPUTED = "LOCK TABLE rpt.row_snapshot IN ACCESS EXCLUSIVE MODE"
"""Waited for after lines were placed."""

Step = Callable[[], Any]


def transaction(number: int, correlation_id: str | None = None) -> Transaction:
    made = Transaction(700 + number, T0_US + number * 1_000_000, 10_000 + number * 1_000)
    return made.context(correlation_id, "u1") if correlation_id else made


def batches(*groups: list[Record]) -> list[list[RawRecord]]:
    """The groups as batches with running offsets."""
    flat = iter(partitioned([record for group in groups for record in group]))
    return [[next(flat) for _ in group] for group in groups]


def race(reporting: Any, held_by: str, first: Step, second: Step) -> None:
    """Raises what either raised."""
    failed: list[BaseException] = []

    def guarded(step: Step) -> None:
        try:
            step()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=[step]) for step in (first, second)]
    with psycopg.connect(reporting.writer_dsn) as holder:
        holder.execute(held_by.encode())
        for place, thread in enumerate(threads):
            thread.start()
            reporting.until_waiting(place + 1)
        holder.rollback()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_a_context_and_an_earlier_state_of_the_same_scenario(reporting: Any) -> None:
    sent = scenario(1, status="submitted", submitted_at="2026-11-22T23:20:00Z")
    ended = run("r1", "s1", "succeeded")
    later = transaction(2, "c").update(SCENARIOS, scenario(1), sent).update(RUNS, run("r1", "s1"), ended).records
    early = transaction(1).insert(SCENARIOS, scenario(1)).insert(RUNS, run("r1", "s1")).records
    changed, context, before = batches(later[1:], later[:1], early)
    rows = reporting.worker("rows", [NAMES.change(table) for table in (RUNS, SCENARIOS)])
    contexts = reporting.worker("contexts", [NAMES.message])
    rows(changed)
    race(reporting, SHAPES, lambda: rows(before), lambda: contexts(context))
    states = reporting.rows(
        "SELECT to_state, from_state, link FROM rpt.fact_scenario_state_change ORDER BY occurred_at"
    )
    assert states == [("created", None, "pending"), ("submitted", "created", "correlated")]


def test_the_deadline_and_an_earlier_state_of_the_same_scenario(reporting: Any) -> None:
    sent = scenario(1, status="submitted", submitted_at="2026-11-22T23:20:00Z")
    changed, before = batches(
        transaction(2).update(SCENARIOS, scenario(1), sent).records,
        transaction(1).insert(SCENARIOS, scenario(1)).records,
    )
    rows = reporting.worker("rows")
    rows(changed)
    race(reporting, SHAPES, lambda: rows(before), reporting.settle)
    states = reporting.rows(
        "SELECT to_state, from_state, link FROM rpt.fact_scenario_state_change ORDER BY occurred_at"
    )
    assert states == [("created", None, "pending"), ("submitted", "created", "unlinked")]


def test_a_run_that_is_placed_while_its_lines_are_moved(reporting: Any) -> None:
    one = transaction(1, "c").insert(NODES, {"run_id": "r1", "node": "demand", "status": "ok"}).records
    line = [log_line(1, T0_US + 5, "computing", correlation_id="c")]
    other = transaction(2, "c").insert(NODES, {"run_id": "r2", "node": "demand", "status": "ok"}).records
    nodes, second, starts = batches(one + line, other, transaction(0).insert(RUNS, run("r1", "s1")).records)
    rows = reporting.worker("rows", [NAMES.change(NODES), NAMES.message, NAMES.logs])
    placing = reporting.worker("placing", [NAMES.change(RUNS)])
    rows(nodes)
    race(reporting, SHAPES, lambda: rows(second), lambda: placing(starts))
    assert [row[7:] for row in reporting.facts()["logs"]] == [("correlated", "s1", None)]


def test_a_line_of_several_runs_one_of_which_is_placed_at_the_same_time(reporting: Any) -> None:
    both = transaction(1, "c").insert(NODES, {"run_id": "r1", "node": "demand", "status": "ok"})
    both.insert(NODES, {"run_id": "r2", "node": "demand", "status": "ok"})
    line = [log_line(1, T0_US + 5, "computing", correlation_id="c")]
    nodes, starts, lines = batches(both.records, transaction(0).insert(RUNS, run("r1", "s1")).records, line)
    rows = reporting.worker("rows", [NAMES.change(table) for table in (RUNS, NODES)] + [NAMES.message])
    logs = reporting.worker("logs", [NAMES.logs])
    rows(nodes)
    race(reporting, RECOMPUTED, lambda: rows(starts), lambda: logs(lines))
    assert [row[7:] for row in reporting.facts()["logs"]] == [("correlated", "s1", None)]
