"""Who did what, transaction by transaction, as the truth list has it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from kit import loan
from kit.reporting import Reporting

pytestmark = pytest.mark.integration

CHANGES = """
SELECT f.tx_id, f.part, f.op, f.correlation_id, f.link, u.user_id, s.scenario_id, f.after
FROM rpt.fact_row_change f LEFT JOIN rpt.dim_user u USING (user_key) LEFT JOIN rpt.dim_scenario s USING (scenario_key)
ORDER BY f.epoch, f.commit_lsn, f.lsn, f.total_order, f.op <> 'd'
"""


@pytest.fixture(scope="module")
def committed(capture: loan.Capture) -> dict[int, loan.Row]:
    """The transactions that the stream holds, by id."""
    return {told["txid"]: told for told in capture.truth() if told["outcome"] == "commit" and told["in_stream"]}


@pytest.fixture(scope="module")
def changes(landed: Reporting) -> dict[int, list[tuple[Any, ...]]]:
    """(part, op, correlation id, link, user, scenario, row) in commit order, by transaction."""
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for tx_id, *change in landed.rows(CHANGES):
        found[tx_id].append(tuple(change))
    return found


def test_every_transaction_has_its_correlation_id_and_actor(landed: Reporting, committed: dict[int, loan.Row]) -> None:
    known = landed.rows(
        "SELECT tx_id, correlation_id, user_id FROM rpt.transaction_context WHERE correlation_id IS NOT NULL"
    )
    assert len(known) == 13_927
    assert {tx_id: rest for tx_id, *rest in known} == {
        tx_id: [told["correlation_id"], told["actor"]] for tx_id, told in committed.items()
    }


def test_every_change_has_those_of_its_transaction(
    changes: dict[int, list[tuple[Any, ...]]], committed: dict[int, loan.Row]
) -> None:
    wrong = []
    for tx_id, told in committed.items():
        expected = (told["correlation_id"], "correlated", told["actor"])
        wrong += [(tx_id, found) for found in changes[tx_id] if found[2:5] != expected]
    assert wrong == []


def test_what_came_without_context_is_out_of_band(
    changes: dict[int, list[tuple[Any, ...]]], committed: dict[int, loan.Row]
) -> None:
    """An added column that was filled, three changed keys, five signals to the connector and their truncation."""
    alone = [found for tx_id, rows in changes.items() if tx_id not in committed for found in rows]
    assert {found[2:5] for found in alone} == {(None, "unlinked", None)}
    assert sorted(found[:2] for found in alone) == sorted(
        [("scenario", "u")] * 5 + [("run", "d"), ("run", "c")] * 3 + [("other", "c")] * 5 + [("other", "t")]
    )


def test_every_change_belongs_to_the_case_of_its_transaction(
    changes: dict[int, list[tuple[Any, ...]]], committed: dict[int, loan.Row]
) -> None:
    wrong = [
        (tx_id, part, op, scenario)
        for tx_id, told in committed.items()
        for part, op, *_, scenario, _ in changes[tx_id]
        if scenario != (told["case_id"] if part in ("scenario", "input", "run") else None)
    ]
    assert wrong == [(33_375, "input", "d", None), (33_376, "input", "d", None)], (
        "of a deleted offer only its key is known"
    )


def test_the_activities_of_every_transaction_are_its_changes(
    changes: dict[int, list[tuple[Any, ...]]], committed: dict[int, loan.Row]
) -> None:
    told = {tx_id: one["activities"] for tx_id, one in committed.items() if one["activities"] != ["PURGE"]}
    assert len(told) == 13_917
    assert {tx_id: _activities(changes[tx_id]) for tx_id in told} == told


def test_a_purge_deletes_the_case_with_all_that_belongs_to_it(
    changes: dict[int, list[tuple[Any, ...]]], committed: dict[int, loan.Row]
) -> None:
    purges = [tx_id for tx_id, told in committed.items() if told["activities"] == ["PURGE"]]
    assert len(purges) == 10
    for tx_id in purges:
        *others, last = [(part, op) for part, op, *_ in changes[tx_id]]
        assert last == ("scenario", "d")
        assert {op for _, op in others} <= {"d"}


def _activities(rows: list[tuple[Any, ...]]) -> list[str]:
    done = []
    for part, _, *_, row in rows:
        if part == "run":
            done.append(f"{row['activity']}|{row['lifecycle']}")
        elif part in ("scenario", "input"):
            done.append(f"{row['status']}|COMPLETE")
    return done
