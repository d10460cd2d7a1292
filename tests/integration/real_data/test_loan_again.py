"""The capture read again, cut otherwise, interleaved otherwise and divided among workers: the same facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit import loan
from kit.batches import in_batches
from kit.reporting import Facts, Reporting

from clearsight.topics import PARTITIONS
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

Place = tuple[str, int]

ACROSS = range(PARTITIONS)


def test_everything_twice(landed: Reporting, loan_records: list[RawRecord]) -> None:
    before = landed.facts()
    land = landed.worker(partitions=ACROSS)
    for batch in in_batches(loan_records):
        again = land(batch)
        assert not again.changes
        assert not again.logs
    landed.settle_all()
    assert landed.facts() == before


@pytest.fixture(scope="module")
def some(capture: loan.Capture, stream: list[loan.Record]) -> list[RawRecord]:
    """The first cases, which were purged or had their keys changed at the end, and some from the middle."""
    cases = sorted({told["case_id"] for told in capture.truth()})
    found = loan.excerpt(capture, stream, {*cases[:25], *cases[300:330]})
    return [*loan.consumed(found.stream), *loan.log_records(found.log)]


@pytest.fixture(scope="module")
def reporting(new_report_database: Callable[[], Any]) -> Iterator[Reporting]:
    database = new_report_database()
    reporting = Reporting(database.owner_dsn, database.writer_dsn, loan.mapping(), loan.NAMES)
    yield reporting
    reporting.close()


@pytest.fixture(scope="module")
def in_order(reporting: Reporting, some: list[RawRecord]) -> Facts:
    """The facts when everything is read once, in order, in one batch."""
    reporting.worker(partitions=ACROSS)(some)
    reporting.settle_all()
    return reporting.facts()


def test_an_excerpt_is_the_same_as_those_cases_of_the_whole(in_order: Facts, landed: Reporting) -> None:
    assert len(in_order["changes"]) > 1_000
    facts = landed.facts()
    for kind in ("changes", "actions", "states", "logs", "runs"):
        ours = {row[0]: row for row in in_order[kind]}
        whole = {row[0]: row for row in facts[kind]}
        assert ours == {key: whole[key] for key in ours}, kind


def schedule(records: list[RawRecord], chance: Random) -> Iterator[list[RawRecord]]:
    """Batches that keep the order of each partition; some partitions run far ahead, some batches come again, and some
    partitions are read again from an earlier offset."""
    places: dict[Place, list[RawRecord]] = defaultdict(list)
    for record in records:
        places[record.topic, record.partition].append(record)
    ahead = {place: chance.choice((1, 1, 10, 100)) for place in places}
    reached = dict.fromkeys(places, 0)
    batch: list[RawRecord] = []
    while left := [place for place in places if reached[place] < len(places[place])]:
        place = chance.choices(left, [ahead[one] for one in left])[0]
        burst = places[place][reached[place] :][: chance.choice((1, 5, 200))]
        reached[place] += len(burst)
        batch += burst
        if chance.random() < 0.05:
            back = chance.choice(list(places))
            again = places[back][chance.randrange(reached[back] + 1) : reached[back]]
            yield from chance.choice(([batch], [batch], [batch, batch], [batch, again]))
            batch = []
    yield batch


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), workers=st.integers(1, 3))
def test_any_order_any_cut_any_redelivery_any_division(
    reporting: Reporting, some: list[RawRecord], in_order: Facts, seed: int, workers: int
) -> None:
    reporting.empty()
    chance = Random(seed)
    owner_of = {number: chance.randrange(workers) for number in ACROSS}
    land = {
        owner: reporting.worker(f"w{owner}", partitions=[number for number in ACROSS if owner_of[number] == owner])
        for owner in set(owner_of.values())
    }
    for batch in schedule(some, chance):
        for owner, one in land.items():
            mine = [record for record in batch if owner_of[record.partition] == owner]
            if mine:
                one(mine)
    reporting.settle_all()
    found = reporting.facts()
    for kind, rows in in_order.items():
        assert found[kind] == rows, kind
