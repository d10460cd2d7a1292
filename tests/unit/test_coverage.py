from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from clearsight.coverage import Counts, Gap, Watermark, coverage, position_text

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOTHING = Counts(pending=0, pending_since=None, unlinked=0, dead_letters=0)


def marks(changes_s=1, api_s=1, engine_s=1):
    return [
        Watermark("changes", "forecast", NOW - timedelta(seconds=changes_s), 0x16B374D848),
        Watermark("logs", "/api", NOW - timedelta(seconds=api_s)),
        Watermark("logs", "/engine", NOW - timedelta(seconds=engine_s)),
    ]


def ask(watermarks=None, counts=NOTHING, gaps=(), until=None):
    return coverage(marks() if watermarks is None else watermarks, counts, gaps, ("/api", "/engine"), NOW, until)


def test_all_landed_through_the_end_of_the_question_is_complete():
    found = ask(until=NOW - timedelta(seconds=2))
    assert found.complete
    assert found.changes.position == "16/B374D848"
    assert found.changes.lag_s == 1.0
    assert [group.group for group in found.logs] == ["/api", "/engine"]


@pytest.mark.parametrize("late", [{"changes_s": 9}, {"api_s": 9}, {"engine_s": 9}])
def test_one_that_lags_behind_the_end_makes_it_incomplete(late):
    assert not ask(marks(**late), until=NOW - timedelta(seconds=5)).complete


def test_a_group_that_never_reported_is_listed_and_makes_it_incomplete():
    found = ask(marks()[:2])
    assert not found.complete
    assert [(group.group, group.through is None) for group in found.logs] == [("/api", False), ("/engine", True)]


def test_without_watermark_of_the_source_nothing_is_claimed():
    found = ask(marks()[1:])
    assert not found.complete
    assert (found.changes.through, found.changes.position, found.changes.lag_s) == (None, None, None)


def test_the_slowest_of_several_sources_counts():
    found = ask([*marks(), Watermark("changes", "other", NOW - timedelta(minutes=5), 1)])
    assert found.changes.lag_s == 300


def test_an_event_that_waits_counts_only_up_to_the_end():
    waiting = Counts(pending=3, pending_since=NOW - timedelta(seconds=3), unlinked=0, dead_letters=0)
    assert not ask(counts=waiting, until=NOW - timedelta(seconds=2)).complete
    assert ask(counts=waiting, until=NOW - timedelta(seconds=4)).complete
    assert not ask(counts=waiting).complete


def test_a_gap_or_a_dead_letter_could_hide_anything():
    assert not ask(gaps=[Gap(1, "t", 0, 5, 9, "topic recreated", NOW)]).complete
    assert not ask(counts=Counts(0, None, 0, 1)).complete


def test_changes_without_context_are_told_but_not_missing():
    assert ask(counts=Counts(0, None, 7, 0)).complete


def test_position_as_postgresql_writes_it():
    assert position_text(0) == "0/0"
    assert position_text(0x1_00000000) == "1/0"
