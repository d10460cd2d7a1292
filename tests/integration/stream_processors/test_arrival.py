"""Cases of arrival that were wrong once, each in both orders."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from kit.arrival import batches, facts_of, snapshot, transaction
from kit.debezium import NAMES, T0_US, log_line, partitioned
from kit.story import INPUTS, NODES, RUNS, SCENARIOS, an_input, run, scenario
from pydantic import SecretStr

from clearsight.errors import Fenced, Unavailable
from clearsight.settings import ReportSettings, Settings
from stream_processors.land import Landed
from stream_processors.worker import Worker

pytestmark = pytest.mark.integration


def test_inputs_of_a_snapshot_after_the_run(reporting: Any) -> None:
    started = transaction(5, "c").insert(RUNS, run("r1", "s1")).records
    seen = [snapshot(INPUTS, an_input("i1", "s1", "5"))]
    first, second = facts_of(reporting, seen, started), facts_of(reporting, started, seen)
    assert first["runs"] == second["runs"]
    assert first["runs"][0][14]["i1"]["value"] == "5"


def test_a_run_that_ended_before_the_capture_began(reporting: Any) -> None:
    old = run("old", "s1", "succeeded", finished_at="2026-11-22T23:00:09Z")
    ((run_id, _, status, outcome, *_),) = facts_of(reporting, [snapshot(RUNS, old)])["runs"]
    assert (run_id, status, outcome) == ("old", "succeeded", "succeeded")


def test_an_earlier_state_that_comes_late_amends_its_neighbour(reporting: Any) -> None:
    created = transaction(1, "c1").insert(SCENARIOS, scenario(1)).records
    sent = scenario(1, status="submitted", submitted_at="2026-11-22T23:20:00Z")
    submitted = transaction(2, "c2").update(SCENARIOS, scenario(1), sent).records
    facts_of(reporting, submitted, created)
    assert reporting.rows(
        "SELECT from_state, revision, event_id IN (SELECT event_id FROM rpt.audit_outbox)"
        " FROM rpt.fact_scenario_state_change WHERE to_state = 'submitted'"
    ) == [("created", 2, True)]


def test_a_line_that_names_its_scenario_loses_an_inferred_run(reporting: Any) -> None:
    line = [log_line(1, T0_US + 1, "x", correlation_id="c", scenario_id="s1")]
    one = transaction(1, "c").insert(RUNS, run("r1", "s1")).records
    other = transaction(2, "c").insert(RUNS, run("r2", "s1")).records
    assert facts_of(reporting, one, other, line)["logs"] == facts_of(reporting, one, line, other)["logs"]


def test_a_shared_line_stays_shared_when_a_worker_that_is_new_meets_its_run(reporting: Any) -> None:
    """It has a run and no scenario of its own, as a line has whose run has not told its scenario yet."""
    started = transaction(1, "c").insert(RUNS, run("r1", "s1")).records
    elsewhere = transaction(2, "c").insert(INPUTS, an_input("i1", "s2", "5")).records
    line = [log_line(1, T0_US + 1, "x", correlation_id="c")]
    ended = transaction(3, "d").update(RUNS, run("r1", "s1"), run("r1", "s1", "succeeded")).records
    *earlier, last = batches(started, elsewhere, line, ended)
    land = reporting.worker()
    for batch in earlier:
        land(batch)
    before = reporting.facts()["logs"]
    reporting.worker()(last)
    assert reporting.facts()["logs"] == before
    assert [(row[7], row[8], row[9]) for row in before] == [("shared", None, "r1")]


def test_a_change_that_belongs_to_no_scenario_joins_the_lines_of_its_correlation(reporting: Any) -> None:
    line = [log_line(1, T0_US + 1, "x", correlation_id="c")]
    alone = transaction(1, "c").insert(NODES, {"run_id": None, "node": "demand", "status": "ok"}).records
    first, second = facts_of(reporting, line, alone), facts_of(reporting, alone, line)
    assert first["logs"] == second["logs"]
    assert first["logs"][0][7:] == ("correlated", None, None)


def test_the_last_good_run_succeeded_before_this_one_started(reporting: Any) -> None:
    groups = [
        transaction(1, "a").insert(RUNS, run("r1", "s1")).records,
        transaction(2, "b").insert(RUNS, run("r2", "s1")).records,
        transaction(3, "a").update(RUNS, run("r1", "s1"), run("r1", "s1", "succeeded")).records,
        transaction(4, "c").insert(RUNS, run("r3", "s1")).records,
    ]
    cut, whole = facts_of(reporting, *groups), facts_of(reporting, [record for group in groups for record in group])
    assert cut["runs"] == whole["runs"]
    assert {row[0]: row[15] for row in cut["runs"]} == {"r1": None, "r2": None, "r3": "r1"}


def test_a_database_that_forgot_fences_the_worker(reporting: Any) -> None:
    """An older copy of the reporting database took over under a running worker."""
    records = partitioned([transaction(n).insert(INPUTS, an_input(f"i{n}", "s1", "1")).records[0] for n in range(6)])
    land = reporting.worker()
    land(records[:2])
    land(records[2:4])
    reporting.rows("UPDATE rpt.consumer_position SET next_offset = 2 WHERE next_offset = 4 RETURNING 1")
    with pytest.raises(Fenced, match="lost what had landed"):
        land(records[4:])


def test_a_line_and_the_place_of_its_run_land_at_the_same_time(reporting: Any) -> None:
    """Whoever gets the run's lock second sees the other; the first is held up inside its transaction by a lock of ours."""
    node = transaction(1, "c").insert(NODES, {"run_id": "r1", "node": "demand", "status": "ok"}).records
    started = transaction(0, "other").insert(RUNS, run("r1", "s1")).records
    line = [log_line(1, T0_US + 5, "computing", correlation_id="c")]
    nodes, starts, lines = batches(node, started, line)
    rows = reporting.worker("rows", [NAMES.change(table) for table in (RUNS, NODES)] + [NAMES.message])
    logs = reporting.worker("logs", [NAMES.logs])
    rows(nodes)
    with psycopg.connect(reporting.writer_dsn) as holder:
        holder.execute("LOCK TABLE rpt.row_snapshot IN ACCESS EXCLUSIVE MODE")  # read late, when a run is recomputed
        threads = [threading.Thread(target=rows, args=[starts]), threading.Thread(target=logs, args=[lines])]
        for thread in threads:
            thread.start()
            reporting.until_waiting(threads.index(thread) + 1)
        holder.rollback()
    for thread in threads:
        thread.join()
    assert [row[7:] for row in reporting.facts()["logs"]] == [("correlated", "s1", "r1")]


class _Source:
    """Counts what is committed to Kafka."""

    def __init__(self) -> None:
        self.committed: list[int] = []

    def landed(self, spans: list[Any]) -> None:
        self.committed += [span.next_offset for span in spans]

    def gone(self) -> None:
        pass


class _Publisher:
    """Fails once, when told to."""

    def __init__(self) -> None:
        self.may_fail = threading.Event()
        self.published: list[Landed] = []
        self.calls = 0

    def landed(self, _connection: Any, landed: Landed) -> None:
        self.calls += 1
        if self.calls == 1:
            self.may_fail.wait(60)
            raise Unavailable("publishing failed", "mend it")
        self.published.append(landed)

    def outbox(self, _connection: Any) -> int:
        return 0


def test_after_a_batch_that_could_not_be_published_nothing_is_committed(reporting: Any) -> None:
    worker = Worker(Settings(report=ReportSettings(writer_dsn=SecretStr(reporting.writer_dsn))))
    source, publisher = _Source(), _Publisher()
    worker.source, worker._publisher = source, publisher  # type: ignore[assignment]
    worker._landing._ownership = reporting.ownership()
    records = partitioned([transaction(n).insert(INPUTS, an_input(f"i{n}", "s1", "1")).records[0] for n in range(3)])
    worker.land(worker.decoded(records[:1]))
    worker.land(worker.decoded(records[1:2]))
    publisher.may_fail.set()
    with pytest.raises(Unavailable, match="publishing failed"):
        worker.land(worker.decoded(records[2:]))
    with pytest.raises(Unavailable, match="publishing failed"):
        worker.tick()  # also where no further batch comes
    assert (source.committed, publisher.published) == ([], [])
