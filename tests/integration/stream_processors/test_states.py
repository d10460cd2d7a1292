"""The same transition, seen by a snapshot and in the stream, is one fact; what the stream knows of it replaces the rest."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from kit.arrival import facts_of, snapshot, transaction
from kit.story import SCENARIOS, Record, scenario

pytestmark = pytest.mark.integration

SENT = scenario(1, status="submitted", submitted_at="2026-11-22T23:20:00Z")
IMAGE = [snapshot(SCENARIOS, SENT)]


def live() -> tuple[list[Record], list[Record]]:
    """The context and the update that set the lifecycle column."""
    made = transaction(2, "c2").update(SCENARIOS, scenario(1), SENT)
    return made.records[:1], made.records[1:]


def submitted(reporting: Any) -> list[tuple[Any, ...]]:
    return reporting.rows(  # type: ignore[no-any-return]
        """SELECT f.from_state, f.how_known, f.correlation_id, f.link, u.user_id, f.tx_id, f.commit_lsn,
                  f.change_event_id = (SELECT event_id FROM rpt.fact_row_change)
           FROM rpt.fact_scenario_state_change f LEFT JOIN rpt.dim_user u USING (user_key) WHERE f.to_state = 'submitted'"""
    )


def test_what_the_stream_knows_of_a_transition_replaces_what_a_snapshot_does(reporting: Any) -> None:
    context, change = live()
    expected = facts_of(reporting, IMAGE + context + change)
    alone = [("created", "column", "c2", "correlated", "u1", 702, 12_000, True)]
    assert submitted(reporting) == alone
    assert len(expected["states"]) == 2
    for groups in permutations((IMAGE, context, change)):
        assert facts_of(reporting, *groups, IMAGE) == expected
        assert submitted(reporting) == alone


def test_until_then_it_is_known_by_the_snapshot_alone(reporting: Any) -> None:
    facts_of(reporting, IMAGE)
    assert submitted(reporting) == [("created", "snapshot", None, "direct", None, None, 0, None)]


def test_better_evidence_amends_in_place(reporting: Any) -> None:
    revision = "SELECT event_id, revision FROM rpt.fact_scenario_state_change WHERE to_state = 'submitted'"
    facts_of(reporting, IMAGE)
    ((event, _),) = reporting.rows(revision)
    context, change = live()
    facts_of(reporting, IMAGE, context + change, IMAGE)
    assert reporting.rows(revision) == [(event, 2)]
