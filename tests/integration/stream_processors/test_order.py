"""Commit times that stand against commit order: people see times, what is decided goes by the commit position."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise, permutations
from typing import Any

import pytest
from kit.arrival import facts_of
from kit.asked import answers
from kit.debezium import NAMES, T0_US, Transaction
from kit.reporting import Reporting
from kit.story import INPUTS, RUNS, SCENARIOS, Record, an_input, run, scenario
from pydantic import SecretStr

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import ReportSettings, Settings

pytestmark = pytest.mark.integration

SENT = "2026-11-22T23:20:00Z"


@pytest.fixture(scope="module")
def database(new_report_database: Callable[[], Any]) -> Any:
    return new_report_database()


@pytest.fixture(scope="module")
def reporting(database: Any) -> Iterator[Reporting]:
    mapping = load_mapping(DEFAULT_MAPPING)
    with closing(Reporting(database.owner_dsn, database.writer_dsn, mapping, NAMES)) as reporting:
        yield reporting


def committed(number: int, time_us: int) -> Transaction:
    """The transaction that committed at this place in the log, and at this time."""
    return Transaction(700 + number, time_us, 10_000 + number * 1_000).context(f"c{number}", "u1")


def history() -> list[list[Record]]:
    """A run starts between two changes of inputs; of both, and of an earlier run's success, the time tells the contrary."""
    at = T0_US + 2_000_000
    before = committed(1, T0_US).insert(SCENARIOS, scenario(1)).insert(RUNS, run("r0", "s1"))
    before.insert(INPUTS, an_input("i1", "s1", "1")).insert(INPUTS, an_input("i2", "s1", "1"))
    first = committed(2, at + 2_000).update(INPUTS, an_input("i1", "s1", "1"), an_input("i1", "s1", "6"))
    first.update(RUNS, run("r0", "s1"), run("r0", "s1", "succeeded"))
    started = committed(3, at + 1_000).insert(RUNS, run("r1", "s1"))
    later = committed(4, at).update(INPUTS, an_input("i2", "s1", "1"), an_input("i2", "s1", "9"))
    return [each.records for each in (before, first, started, later)]


def test_inputs_and_the_last_good_run_follow_the_commit_position_whatever_the_times(reporting: Reporting) -> None:
    expected = facts_of(reporting, [record for group in history() for record in group])
    r1 = next(row for row in expected["runs"] if row[0] == "r1")
    assert {key: found["value"] for key, found in r1[14].items()} == {"i1": "6", "i2": "1"}
    assert r1[15] == "r0"
    for groups in [*permutations(history())][5::6]:
        assert facts_of(reporting, *groups) == expected


async def test_the_trail_lists_by_time_and_tells_the_commit_position(reporting: Reporting, database: Any) -> None:
    facts_of(reporting, *history())
    settings = Settings(report=ReportSettings(api_dsn=SecretStr(database.api_dsn)))
    path = "/rca/scenario/s1/audit-trail?type=input.changed&type=run.started&from=2026-11-22T23:18:30Z"
    events = json.loads((await answers(settings, [path]))[path].text)["items"]
    assert [(event["event_type"], event["correlation_id"]) for event in events] == [
        ("input.changed", "c4"),
        ("run.started", "c3"),
        ("input.changed", "c2"),
    ]
    positions = (
        "SELECT correlation_id FROM rpt.view_scenario_audit_trail WHERE event_id = ANY(%s::uuid[]) ORDER BY commit_lsn"
    )
    ids = [event["event_id"] for event in events]
    assert reporting.rows(positions, ids) == [("c2",), ("c3",), ("c4",)]


def test_of_states_at_the_same_time_the_later_commit_is_the_later_state(reporting: Reporting, database: Any) -> None:
    """Their times are those of lifecycle columns; of one row, commits cannot stand against each other."""
    rows = [
        scenario(1),
        scenario(1, submitted_at=SENT),
        scenario(1, submitted_at=SENT, approved_at=SENT),
        scenario(1, submitted_at=SENT, approved_at=SENT, locked_at=SENT),
    ]
    groups = [committed(1, T0_US).insert(SCENARIOS, rows[0]).records]
    for number, (before, after) in enumerate(pairwise(rows), 2):
        groups.append(committed(number, T0_US - number).update(SCENARIOS, before, after).records)
    for order in (groups, groups[::-1]):
        states = facts_of(reporting, *order)["states"]
        assert {(row[2], row[3], row[5]) for row in states} == {
            (None, "created", None),
            ("created", "submitted", 20 * 60 * 1000),
            ("submitted", "approved", 0),
            ("approved", "locked", 0),
        }
