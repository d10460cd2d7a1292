from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearsight.coverage import ENDED, Counts, Gap, Watermark, coverage, position_text

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


def test_a_group_that_is_no_longer_read_holds_nothing_back():
    left = Watermark("logs", "/left", NOW - timedelta(days=30))
    found = ask([*marks(), left], until=NOW - timedelta(seconds=2))
    assert found.complete
    assert [group.group for group in found.logs] == ["/api", "/engine"]


def test_a_group_that_has_ended_holds_nothing_back_where_the_groups_are_not_known():
    ended = [*marks(), Watermark("logs", "/deleted", ENDED)]
    found = coverage(ended, NOTHING, (), (), NOW, NOW - timedelta(seconds=2))
    assert found.complete
    assert [group.group for group in found.logs] == ["/api", "/engine"]


def test_where_the_groups_are_not_known_those_that_reported_count():
    found = coverage(marks(), NOTHING, (), (), NOW, None)
    assert [group.group for group in found.logs] == ["/api", "/engine"]


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


INSTANTS = st.integers(-600, 600).map(lambda seconds: NOW + timedelta(seconds=seconds))
MARKS = st.lists(
    st.builds(
        Watermark,
        st.sampled_from(["changes", "logs"]),
        st.sampled_from(["/api", "/engine", "other"]),
        INSTANTS,
        st.one_of(st.none(), st.integers(0, 2**63 - 1)),
    ),
    unique_by=lambda mark: (mark.kind, mark.name),
)
COUNTS = st.builds(Counts, st.integers(0, 9), st.one_of(st.none(), INSTANTS), st.integers(0, 9), st.integers(0, 2))
GAPS = st.lists(st.builds(Gap, st.just(1), st.just("t"), st.just(0), st.just(0), st.none(), st.just("r"), INSTANTS), max_size=2)  # fmt: skip


@given(MARKS, COUNTS, GAPS, INSTANTS)
def test_complete_says_that_nothing_is_missing_up_to_the_end(watermarks, counts, gaps, until):
    found = ask(watermarks, counts, gaps, until)
    if found.complete:
        assert not gaps
        assert not counts.dead_letters
        assert all(mark.through_at >= until for mark in watermarks)
        assert {mark.name for mark in watermarks if mark.kind == "logs"} >= {"/api", "/engine"}
        assert any(mark.kind == "changes" for mark in watermarks)
        assert counts.pending_since is None or counts.pending_since > until


@given(MARKS, COUNTS, GAPS, INSTANTS, INSTANTS)
def test_what_is_complete_stays_so_for_an_earlier_end_and_for_later_marks(watermarks, counts, gaps, until, other):
    if ask(watermarks, counts, gaps, max(until, other)).complete:
        assert ask(watermarks, counts, gaps, min(until, other)).complete
        later = [replace(mark, through_at=mark.through_at + timedelta(seconds=9)) for mark in watermarks]
        assert ask(later, counts, gaps, max(until, other)).complete


@given(MARKS, COUNTS, GAPS, st.one_of(st.none(), INSTANTS))
def test_one_more_thing_missing_never_makes_it_complete(watermarks, counts, gaps, until):
    if not ask(watermarks, counts, gaps, until).complete:
        gap = Gap(2, "t", 0, 0, 1, "r", NOW)
        assert not ask(watermarks, counts, [*gaps, gap], until).complete
        assert not ask(watermarks, replace(counts, dead_letters=counts.dead_letters + 1), gaps, until).complete
