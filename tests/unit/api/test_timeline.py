"""Which kinds of events a filter leaves, and what its parameters are."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.queries.branch import Keys, TrailFilter, parameters, shape
from api.queries.timeline import BRANCHES

pytestmark = pytest.mark.unit

TEXTS = st.lists(st.sampled_from(["log", "input.changed", "scenario.locked", "nonsense"]), max_size=2).map(tuple)
FILTERS = st.builds(
    TrailFilter,
    since=st.none() | st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    types=TEXTS,
    users=TEXTS,
    correlation_id=st.none() | st.text(min_size=1),
    q=st.none() | st.text(min_size=1),
)


def kinds(**filters: tuple[str, ...]) -> list[str]:
    return [branch.kind for branch in BRANCHES if branch.may_match(TrailFilter(**filters))]


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({}, ["action", "change", "state_change", "log"]),
        ({"types": ("log.error",)}, ["log"]),
        ({"types": ("log", "action")}, ["action", "log"]),
        ({"types": ("scenario.locked",)}, ["action", "change", "state_change"]),
        ({"levels": ("ERROR",)}, ["log"]),
        ({"categories": ("timeout",), "types": ("input.changed",)}, []),
        ({"types": ("nonsense",)}, []),
    ],
)
def test_only_kinds_that_can_match_are_read(filters: dict[str, tuple[str, ...]], left: list[str]) -> None:
    assert kinds(**filters) == left


@settings(deadline=None)
@given(FILTERS)
def test_filters_of_one_shape_make_one_text(filters: TrailFilter) -> None:
    same = shape(filters)
    assert shape(same) == same
    for branch in BRANCHES:
        assert str(branch.events(filters)) == str(branch.events(same))


@given(st.text(min_size=1))
def test_what_is_looked_for_has_no_wildcards(text: str) -> None:
    pattern = parameters(TrailFilter(q=text), Keys(None, None))["q"]
    assert pattern[0] == pattern[-1] == "%"
    plain = pattern[1:-1].replace("//", "").replace("/%", "").replace("/_", "")
    assert not set(plain) & set("%_/")
