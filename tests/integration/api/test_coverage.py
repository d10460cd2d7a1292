"""What is read of the reporting database for an answer's coverage, against a model of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from kit.server import Server
from psycopg.types.json import Jsonb

from api.callers import Caller
from api.database import question, single_engine
from api.queries.coverage import coverage
from clearsight.coverage import CLOCK_SKEW, ENDED, Acknowledged, Coverage
from clearsight.settings import Settings

pytestmark = pytest.mark.integration

T0 = datetime(2026, 11, 22, 12, tzinfo=UTC)
INSTANTS = st.integers(0, 5).map(lambda minutes: T0 + timedelta(minutes=minutes))
MAYBE = st.one_of(st.none(), INSTANTS)
PLACES = ("t/0", "t/1", "u/0")
EXAMPLES = examples(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@dataclass(frozen=True)
class Hidden:
    """Something that may hide events between two times; `open`: nobody has said why."""

    after: datetime | None
    before: datetime | None
    open: bool

    def touches(self, since: datetime | None, until: datetime | None) -> bool:
        begins_in_time = self.after is None or until is None or self.after <= until + CLOCK_SKEW
        ends_in_time = self.before is None or since is None or self.before >= since - CLOCK_SKEW
        return begins_in_time and ends_in_time


HIDDEN = st.lists(st.builds(Hidden, MAYBE, MAYBE, st.booleans()), max_size=4)
OFFSETS = st.dictionaries(st.sampled_from(PLACES), st.integers(0, 5), min_size=1)
MARKS = st.one_of(
    st.tuples(st.just("changes"), INSTANTS, OFFSETS),
    st.tuples(st.just("logs"), st.one_of(INSTANTS, st.just(ENDED)), OFFSETS),
)


@pytest.fixture(scope="module")
def owner(server: Server) -> Any:
    with psycopg.connect(server.dsn("clearsight_owner", "clearsight"), autocommit=True) as connection:
        yield connection


@pytest.fixture(autouse=True)
def emptied(owner: Any) -> Any:
    _empty(owner)
    yield
    _empty(owner)


def _empty(owner: Any) -> None:
    for table in ("gap", "dead_letter", "watermark", "consumer_position"):
        owner.execute(f"DELETE FROM rpt.{table}")


def ask(
    settings: Settings, since: datetime | None = None, until: datetime | None = None, caller: Caller | None = None
) -> Coverage:
    async def asked() -> Coverage:
        async with question(single_engine(settings), caller) as connection:
            return await coverage(connection, (), until, since=since)

    return asyncio.run(asked())


@EXAMPLES
@given(HIDDEN, HIDDEN, MAYBE, MAYBE)
def test_only_what_may_hide_something_of_the_questions_time_counts(
    owner: Any,
    settings: Settings,
    gaps: list[Hidden],
    letters: list[Hidden],
    since: datetime | None,
    until: datetime | None,
) -> None:
    _empty(owner)
    for number, gap in enumerate(gaps):
        owner.execute(
            "INSERT INTO rpt.gap (topic, kafka_partition, from_offset, reason, events_after, events_before, acknowledged_at,"
            " acknowledged_by, acknowledged_because) VALUES ('t', 0, %s, 'r', %s, %s, %s, 'ann', 'x')",
            (number, gap.after, gap.before, None if gap.open else T0),
        )
    for number, letter in enumerate(letters):
        state, closed = ("open", None) if letter.open else ("dismissed", T0)
        owner.execute(
            "INSERT INTO rpt.dead_letter (topic, kafka_partition, kafka_offset, headers, reason, events_after, appended_at,"
            " first_seen_at, state, closed_at) VALUES ('t', 0, %s, '{}', 'r', %s, %s, %s, %s, %s)",
            (number, letter.after, letter.before, T0 + timedelta(days=9), state, closed),
        )
    found = ask(settings, since, until)
    shown = {gap.from_offset: gap for gap in found.gaps}
    assert set(shown) == {number for number, gap in enumerate(gaps) if gap.touches(since, until)}
    assert all((shown[number].acknowledged is None) == gaps[number].open for number in shown)
    assert found.dead_letters == sum(letter.open and letter.touches(since, until) for letter in letters)


@EXAMPLES
@given(OFFSETS, st.lists(MARKS, max_size=6))
def test_a_mark_holds_when_every_partition_has_landed_up_to_it(
    owner: Any,
    server: Server,
    settings: Settings,
    positions: dict[str, int],
    marks: list[tuple[str, datetime, dict[str, int]]],
) -> None:
    _empty(owner)
    for place, offset in positions.items():
        topic, number = place.split("/")
        owner.execute(
            "INSERT INTO rpt.consumer_position (topic, kafka_partition, next_offset, owner_epoch, cluster_id, topic_id)"
            " VALUES (%s, %s, %s, 1, 'c', 'i')",
            (topic, number, offset),
        )
    through: dict[str, datetime] = {}
    for kind, time, offsets in marks:
        owner.execute(
            "INSERT INTO rpt.watermark (kind, name, through_at, position, offsets) VALUES (%s, 'n', %s, 1, %s)",
            (kind, time, Jsonb(offsets)),
        )
        if all(positions.get(place, -1) >= offset for place, offset in offsets.items()):
            through[kind] = time
    if through.get("logs") == ENDED:
        del through["logs"]  # read no longer: nobody waits for it
    found = ask(settings)
    assert found.changes.through == through.get("changes")
    assert [group.through for group in found.logs] == [time for kind, time in through.items() if kind == "logs"]
    assert told_to_power_bi(server) == tuple(
        time.replace(microsecond=0, tzinfo=None) if time else None
        for time in (found.changes.through, min((group.through for group in found.logs if group.through), default=None))
    )


def told_to_power_bi(server: Server) -> tuple[datetime | None, ...]:
    """Through when changes and logs have landed, as whole seconds of UTC."""
    with psycopg.connect(server.dsn("clearsight_bi", "clearsight")) as connection:
        (told,) = connection.execute("SELECT changes_through, logs_through FROM bi.data_freshness").fetchall()
    return told


def test_what_never_reached_a_topic_has_no_offsets(owner: Any, settings: Settings) -> None:
    owner.execute(
        "INSERT INTO rpt.gap (topic, cause, reason) VALUES ('forecast.inputs', 'tables', 'it is not published')"
    )
    (found,) = ask(settings).gaps
    assert (found.topic, found.partition, found.from_offset, found.reason) == (
        "forecast.inputs",
        None,
        None,
        "it is not published",
    )


def test_a_viewer_hears_that_something_is_missing_and_not_why(owner: Any, settings: Settings) -> None:
    owner.execute(
        "INSERT INTO rpt.gap (topic, cause, reason, events_after, acknowledged_at, acknowledged_by, acknowledged_because)"
        " VALUES ('forecast.inputs', 'tables', 'the slot was lost', %s, %s, 'ann', 'disk of db-7 full')",
        (T0, T0),
    )
    told = ask(settings, caller=Caller("viewer", "u-1"))
    (found,) = told.gaps
    assert not told.complete
    assert (found.topic, found.events_after, found.reason) == ("forecast.inputs", T0, None)
    assert found.acknowledged == Acknowledged(T0, None, None)
    (whole,) = ask(settings, caller=Caller("analyst")).gaps
    assert (whole.reason, whole.acknowledged) == ("the slot was lost", Acknowledged(T0, "ann", "disk of db-7 full"))


def test_a_letter_without_append_time_is_as_old_as_its_first_sight(owner: Any, settings: Settings) -> None:
    owner.execute(
        "INSERT INTO rpt.dead_letter (topic, kafka_partition, kafka_offset, headers, reason, first_seen_at)"
        " VALUES ('t', 0, 1, '{}', 'r', %s)",
        (T0,),
    )
    assert ask(settings, since=T0 + timedelta(minutes=5)).dead_letters == 0
    assert ask(settings, since=T0 - timedelta(minutes=5), until=T0 - timedelta(minutes=4)).dead_letters == 1
