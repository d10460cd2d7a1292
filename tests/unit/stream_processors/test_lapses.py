"""What two heartbeats say was not in the stream between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from clearsight.coverage import EVERY_CHANGE
from clearsight.events import SourceSign
from clearsight.origin import Identity, Origin
from stream_processors.lapses import Beat, Lapse, Return, between, is_known

pytestmark = pytest.mark.unit

HERE, RESTORED, ELSEWHERE = Identity("77", "00000001"), Identity("77", "00000002"), Identity("88", "00000001")
AS_REGISTERED = Origin(1, HERE)
TOPICS = {"app.plan": "t.plan", "app.input": "t.input"}
BOTH = {"app.plan": "1.2", "app.input": "1.3"}


@dataclass(frozen=True)
class Said:
    position: int
    identity: Identity = HERE
    registered: Origin | None = AS_REGISTERED
    tables: tuple[tuple[str, str], ...] = tuple(BOTH.items())
    appended_ms: int = 0

    @property
    def beat(self) -> Beat:
        sign = SourceSign(
            registered=self.registered,
            identity=self.identity,
            acknowledged=0,
            tables=dict(self.tables),
            appended_ms=self.appended_ms or self.position,
        )
        return Beat(self.position, self.position * 1000, sign)


FIRST, NEXT = Said(10), Said(20)


def found(last: Said | None, now: Said) -> list[Lapse | Return]:
    return list(between(last.beat if last else None, now.beat, TOPICS))


def tables(**ids: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"app.{name}", number) for name, number in ids.items())


@pytest.mark.parametrize("last", [None, FIRST])
def test_where_nothing_differs_nothing_was_missed(last: Said | None) -> None:
    assert found(last, NEXT) == []


def test_a_table_that_is_not_published_is_missing_from_the_last_time_that_it_was() -> None:
    (lapse,) = found(FIRST, replace(NEXT, tables=tables(plan="1.2")))
    assert isinstance(lapse, Lapse)
    assert (lapse.topic, lapse.kind, lapse.since) == ("t.input", "unpublished", 10)
    assert (lapse.after_us, lapse.before_us) == (10_000, None)


def test_a_dropped_publication_is_missing_for_every_table() -> None:
    assert {lapse.topic for lapse in found(FIRST, replace(NEXT, tables=()))} == set(TOPICS.values())


def test_before_the_first_heartbeat_it_is_not_known_since_when() -> None:
    (lapse,) = found(None, replace(NEXT, tables=tables(plan="1.2")))
    assert isinstance(lapse, Lapse)
    assert (lapse.since, lapse.after_us) == (0, None)


def test_a_table_that_is_published_again_was_missing_until_then() -> None:
    assert found(replace(FIRST, tables=tables(plan="1.2")), NEXT) == [Return("t.input", "unpublished", 20_000)]


def test_a_table_that_was_out_for_less_than_a_heartbeat_shows_by_its_id() -> None:
    (lapse,) = found(FIRST, replace(NEXT, tables=tables(plan="1.2", input="1.9")))
    assert isinstance(lapse, Lapse)
    assert (lapse.topic, lapse.after_us, lapse.before_us) == ("t.input", 10_000, 20_000)


def test_another_database_is_a_break_of_the_whole_stream_and_nothing_more() -> None:
    other = replace(NEXT, identity=ELSEWHERE, registered=Origin(2, ELSEWHERE), tables=tables(plan="5.6", input="5.7"))
    (lapse,) = found(FIRST, other)
    assert isinstance(lapse, Lapse)
    assert (lapse.topic, lapse.kind, lapse.after_us, lapse.before_us) == (EVERY_CHANGE, "stream", 10_000, 20_000)
    assert "system 88, timeline 1" in lapse.reason


def test_a_new_snapshot_is_a_break_of_the_whole_stream() -> None:
    (lapse,) = found(FIRST, replace(NEXT, registered=Origin(2, HERE)))
    assert isinstance(lapse, Lapse)
    assert (lapse.topic, lapse.cause) == (EVERY_CHANGE, "stream 10")


def test_a_database_that_was_not_registered_is_reported_until_it_is() -> None:
    strange = replace(NEXT, identity=RESTORED)
    kinds = [(type(each), each.kind) for each in found(FIRST, strange)]
    assert kinds == [(Lapse, "stream"), (Lapse, "unregistered")]
    still = replace(strange, position=30)
    assert [each.kind for each in found(strange, still)] == ["unregistered"]
    mended = replace(still, position=40, registered=Origin(2, RESTORED))
    assert Return(EVERY_CHANGE, "unregistered", 40_000) in found(still, mended)


def test_a_stream_without_header_says_nothing_of_its_registration() -> None:
    assert found(replace(FIRST, registered=None), NEXT) == []


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (NEXT, False),
        (replace(NEXT, position=5), True),  # the connector sent it again
        (replace(NEXT, position=10), True),
        (replace(NEXT, appended_ms=9), True),  # the worker read it again
        (replace(NEXT, position=5, identity=ELSEWHERE, appended_ms=20), False),  # restored: its log begins lower
        (replace(NEXT, position=5, identity=RESTORED, appended_ms=20), False),
    ],
)
def test_what_came_before_is_not_taken_for_news(now: Said, known: bool) -> None:
    shown = now if now.appended_ms else replace(now, appended_ms=20)
    assert is_known(FIRST.beat, shown.beat) is known


def test_a_heartbeat_of_the_timeline_before_is_not_taken_for_news() -> None:
    assert is_known(replace(NEXT, identity=RESTORED).beat, replace(FIRST, appended_ms=30).beat)
