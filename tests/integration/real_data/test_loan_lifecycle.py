"""States of cases and pieces of work, against a plain replay of the capture."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kit import loan
from kit.loan_replay import Replay, Run, Step
from kit.reporting import Reporting

pytestmark = pytest.mark.integration

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

STATES = """
SELECT s.scenario_id, f.from_state, f.to_state, f.occurred_at, f.ms_in_state_before, f.how_known
FROM rpt.fact_scenario_state_change f JOIN rpt.dim_scenario s USING (scenario_key)
ORDER BY f.occurred_at, f.epoch, f.commit_lsn, f.lsn
"""
RUNS = """
SELECT r.run_id, s.scenario_id, f.status, f.outcome, f.started_at, f.finished_at, f.duration_ms, f.deleted,
       f.inputs_at_start, g.run_id
FROM rpt.fact_run_diagnostic f JOIN rpt.dim_run r ON r.run_key = f.run_key
JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key LEFT JOIN rpt.dim_run g ON g.run_key = f.last_good_run_key
"""


@pytest.fixture(scope="module")
def replay(stream: list[loan.Record]) -> Replay:
    return Replay(stream)


@pytest.fixture(scope="module")
def states(landed: Reporting) -> list[tuple[Any, ...]]:
    return landed.rows(STATES)


@pytest.fixture(scope="module")
def runs(landed: Reporting) -> dict[str, tuple[Any, ...]]:
    return {run: tuple(rest) for run, *rest in landed.rows(RUNS)}


def test_every_step_of_every_case_in_commit_order(states: list[tuple[Any, ...]], replay: Replay) -> None:
    assert len(replay.steps) == 1373 + 880 + 253
    assert [(case, before, status, at) for case, before, status, at, _, _ in states] == [
        (step.case, step.status_before, step.status, EPOCH + timedelta(microseconds=step.committed_us))
        for step in replay.steps
    ]
    assert {how for *_, how in states} == {"status"}


def test_the_time_in_the_state_before(states: list[tuple[Any, ...]], replay: Replay) -> None:
    steps: dict[str, list[Step]] = defaultdict(list)
    expected = []
    for step in replay.steps:
        known = steps[step.case]
        expected.append((step.committed_us - known[-1].committed_us) / 1000 if known else None)
        known.append(step)
    ours = [ms for *_, ms, _ in states]
    assert [ms is None for ms in ours] == [ms is None for ms in expected]
    assert max(abs(ms - told) for ms, told in zip(ours, expected, strict=True) if told is not None) <= 0.5


def test_every_run_is_as_its_row_was_last(runs: dict[str, tuple[Any, ...]], replay: Replay) -> None:
    assert runs.keys() == replay.runs.keys()
    assert len(runs) == 115 + 1_411
    assert {run: found[:7] for run, found in runs.items()} == {run: _last(told) for run, told in replay.runs.items()}


def test_the_inputs_of_every_run_are_those_of_its_start(runs: dict[str, tuple[Any, ...]], replay: Replay) -> None:
    """An incremental snapshot in mid-stream shows offers as they were later, and offers that came later. Two pieces of work
    that were seen for the first time when their case was purged still show the offer purged with it: its delete does not
    say whose it was."""
    expected = {run: told.start.inputs for run, told in replay.runs.items() if told.start}
    ours = {run: {offer: one["value"] for offer, one in (runs[run][7] or {}).items()} for run in expected}
    wrong = {run: (ours[run], told) for run, told in expected.items() if ours[run] != told}
    assert wrong == {
        "173715/W_Completeren aanvraag/1": ({"01f04ef9-e7b5-5f09-b801-5957f63c84c4": "45000.00"}, {}),
        "173721/W_Completeren aanvraag/1": ({"45fcca5b-014a-568b-9f31-bbfd12085f03": "9000.00"}, {}),
    }
    assert sum(bool(told) for told in expected.values()) > 500


def test_the_last_good_run_of_every_run(runs: dict[str, tuple[Any, ...]], replay: Replay) -> None:
    expected = {run: replay.last_good(run) for run, told in replay.runs.items() if told.start}
    assert {run: runs[run][8] for run in expected} == expected
    assert sum(good is not None for good in expected.values()) > 500


def _last(told: Run) -> tuple[Any, ...]:
    duration = (told.finished - told.started) // timedelta(milliseconds=1) if told.started and told.finished else None
    outcome = "succeeded" if told.status == "COMPLETE" else "running"
    return (told.case, told.status, outcome, told.started, told.finished, duration, told.deleted)
