"""Any interleaving of the topics, any cut into batches, any redelivery and any division among workers: the same facts."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.debezium import T0_US, log_line, partitioned
from kit.story import tell

from stream_processors import left_over
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

RECORDS = partitioned([*tell(), log_line(7, T0_US + 4_100_000, "edited", correlation_id="c-edit-too")])
BY_TOPIC: dict[str, list[RawRecord]] = defaultdict(list)
for _record in RECORDS:
    BY_TOPIC[_record.topic].append(_record)


@pytest.fixture(scope="module")
def in_order(shared_reporting: Any) -> Any:
    """The facts when everything is read once, in order, in one batch."""
    shared_reporting.empty()
    shared_reporting.worker()(RECORDS)
    shared_reporting.settle()
    return shared_reporting.facts()


def test_the_story_is_told(in_order: Any) -> None:
    links = {(row[4], row[12]) for row in in_order["changes"]}
    assert ("i2", "unlinked") in links
    assert {link for _, link in links} == {"correlated", "unlinked"}
    logs = {row[3]: row[7:] for row in in_order["logs"]}
    assert logs == {
        "run started": ("direct", "s1", "r1"),
        "computing": ("correlated", "s1", "r1"),
        "nothing to join by": ("unlinked", None, None),
        "a wrong id": ("unlinked", None, None),
        "edited": ("correlated", "s1", None),
        "bulk edit of two": ("shared", None, None),
        "node demand failed": ("correlated", "s1", "r2"),
    }
    good, failed = in_order["runs"]
    assert (good[0], good[3], good[11]) == ("r1", "succeeded", 2)
    assert (failed[0], failed[3], failed[7], failed[8], failed[10]) == (
        "r2",
        "failed",
        "validation",
        "ValidationError",
        "demand",
    )
    assert failed[15] == "r1"
    assert {key: found["value"] for key, found in good[14].items()} == {"i1": "5", "i2": "7"}
    assert {key: found["value"] for key, found in failed[14].items()} == {"i1": "6", "i2": "-1"}
    assert in_order["scenarios"] == [("s1", "Plan A", "u1", "submitted", False), ("s2", "Plan B", "u1", "draft", True)]
    assert ("u1", "Anne", "a@x") in in_order["users"]
    submitted = next(row for row in in_order["states"] if row[3] == "submitted")
    assert (submitted[2], submitted[5]) == ("created", 20 * 60 * 1000)


@st.composite
def schedules(draw: st.DrawFn) -> list[list[RawRecord]]:
    """Batches that keep each topic's order, with some batches coming again."""
    order = draw(st.permutations([topic for topic, records in BY_TOPIC.items() for _ in records]))
    next_of = {topic: iter(records) for topic, records in BY_TOPIC.items()}
    read = [next(next_of[topic]) for topic in order]
    cuts = sorted(draw(st.sets(st.integers(1, len(read) - 1), max_size=12)))
    batches = [read[start:end] for start, end in zip([0, *cuts], [*cuts, len(read)], strict=True)]
    again = draw(st.lists(st.integers(0, len(batches) - 1), max_size=3))
    return [*batches, *(batches[number] for number in again)]


EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@EXAMPLES
@given(schedules())
def test_any_order_any_cut_any_redelivery(shared_reporting: Any, in_order: Any, batches: list[list[RawRecord]]) -> None:
    shared_reporting.empty()
    land = shared_reporting.worker()
    for batch in batches:
        land(batch)
    shared_reporting.settle()
    assert shared_reporting.facts() == in_order


@EXAMPLES
@given(schedules())
def test_any_order_where_a_transaction_amends_one_fact_at_once(
    shared_reporting: Any, in_order: Any, batches: list[list[RawRecord]]
) -> None:
    """What one transaction leaves over, later ones do."""
    shared_reporting.empty()
    land = shared_reporting.worker()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(left_over, "AT_ONCE", 1)
        for batch in batches:
            land(batch)
        shared_reporting.settle_all()
    assert shared_reporting.facts() == in_order


@EXAMPLES
@given(schedules(), st.lists(st.integers(0, 2), min_size=len(BY_TOPIC), max_size=len(BY_TOPIC)))
def test_any_division_among_workers(
    shared_reporting: Any, in_order: Any, batches: list[list[RawRecord]], owners: list[int]
) -> None:
    shared_reporting.empty()
    owner_of = dict(zip(BY_TOPIC, owners, strict=True))
    workers = {
        number: shared_reporting.worker(f"w{number}", [topic for topic, owner in owner_of.items() if owner == number])
        for number in set(owners)
    }
    for batch in batches:
        for number, land in workers.items():
            mine = [record for record in batch if owner_of[record.topic] == number]
            if mine:
                land(mine)
    shared_reporting.settle()
    assert shared_reporting.facts() == in_order


def test_the_whole_topic_twice(reporting: Any, in_order: Any) -> None:
    land = reporting.worker()
    first = land(RECORDS)
    again = land(RECORDS)
    reporting.settle()
    assert reporting.facts() == in_order
    assert first.changes
    assert not again.changes
    assert {kind for kind, *_ in again.again} == {"change", "log"}
