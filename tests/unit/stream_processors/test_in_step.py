"""Contexts before rows, rows before log lines, each partition in order, and everything in the end."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.debezium import NAMES

from stream_processors.in_step import ALL_BYTES, BATCH_BYTES, FULL, FULL_BYTES, SLACK_MS, WAIT_MS, InStep
from stream_processors.positions import Partition
from stream_processors.records import RawRecord

pytestmark = pytest.mark.unit

ROWS = NAMES.change("forecast.inputs")
TOPICS = (NAMES.message, ROWS, NAMES.logs)


def record(topic: str, offset: int, appended_ms: int, partition: int = 0, commit_lsn: int | None = None) -> RawRecord:
    sequence = "" if commit_lsn is None else json.dumps({"sequence": f'["{commit_lsn}","9"]'}, separators=(",", ":"))
    return RawRecord(topic, partition, offset, appended_ms, None, sequence.encode())


def in_step_of(*places: tuple[str, int]) -> InStep:
    made = InStep(NAMES.rank, 2_000)
    for topic, number in places:
        made.begin(Partition(topic, number), 0)
    return made


def ends_of(rows: int, contexts: int = 10) -> Callable[[Partition], int]:
    return lambda place: {ROWS: rows, NAMES.message: contexts}.get(place.topic, 0)


def test_a_partition_of_which_nothing_came_yet_holds_the_others_back() -> None:
    in_step = in_step_of((NAMES.message, 0), (ROWS, 0))
    in_step.add(record(ROWS, 0, 900))
    assert in_step.take(10, ends_of(rows=1)) == []
    assert in_step.waiting
    assert len(in_step.take(10, ends_of(rows=1), whatever=True)) == 1


def test_rows_wait_for_contexts_that_are_still_to_be_read() -> None:
    in_step = in_step_of(*((topic, 0) for topic in TOPICS))
    in_step.add(record(NAMES.message, 0, 1_000))
    for offset in range(5):
        in_step.add(record(ROWS, offset, 900 + offset * 100))
    more_contexts = in_step.take(100, ends_of(rows=10))
    assert [found.appended_ms for found in more_contexts if found.topic == ROWS] == []
    in_step.add(record(NAMES.message, 1, 1_000 + WAIT_MS))
    assert [found.appended_ms for found in in_step.take(100, ends_of(rows=10)) if found.topic == ROWS] == [900, 1_000]


def test_a_context_that_was_appended_a_little_later_goes_first() -> None:
    """Else each cut into batches would separate rows from contexts that have been read."""
    in_step = in_step_of(*((topic, 0) for topic in TOPICS))
    in_step.add(record(ROWS, 0, 1_000))
    in_step.add(record(NAMES.message, 0, 1_000 + SLACK_MS))
    in_step.add(record(ROWS, 1, 1_001))
    in_step.add(record(NAMES.message, 1, 1_000 + 2 * SLACK_MS))
    in_step.add(record(NAMES.logs, 0, 900))
    taken = [(found.topic, found.offset) for found in in_step.take(100, lambda place: 0)]
    assert taken == [(NAMES.message, 0), (ROWS, 0), (ROWS, 1), (NAMES.logs, 0), (NAMES.message, 1)]


def test_what_kafka_has_not_told_of_yet_is_known_from_the_start() -> None:
    in_step = InStep(NAMES.rank, 2_000)
    in_step.begin(Partition(NAMES.message, 0), 0, end=1)
    in_step.begin(Partition(ROWS, 0), 0, end=1)
    in_step.add(record(ROWS, 0, 1_000, commit_lsn=10))
    assert in_step.take(10, lambda place: -1001) == []
    in_step.add(record(NAMES.message, 0, 1_500, commit_lsn=10))
    assert len(in_step.take(10, lambda place: -1001)) == 2


def test_rows_wait_by_commit_order_and_contexts_go_where_nothing_else_can() -> None:
    """A context far behind its rows: neither may wait for the other."""
    in_step = in_step_of((NAMES.message, 0), (ROWS, 0))
    in_step.add(record(ROWS, 0, 1_000, commit_lsn=10))
    in_step.add(record(ROWS, 1, 1_001, commit_lsn=20))
    in_step.add(record(NAMES.message, 0, 9_000, commit_lsn=10))
    taken = in_step.take(10, ends_of(rows=9))
    assert [(one.topic, one.offset) for one in taken] == [(ROWS, 0), (NAMES.message, 0)]
    in_step.add(record(NAMES.message, 1, 9_001, commit_lsn=15))
    assert [one.offset for one in in_step.take(10, ends_of(rows=9))] == [1]
    in_step.add(record(NAMES.message, 2, 9_002, commit_lsn=20))
    assert len(in_step.take(10, ends_of(rows=9))) == 2


def test_contexts_of_rows_that_go_go_with_them_however_late_they_were_appended() -> None:
    in_step = in_step_of((NAMES.message, 0), (ROWS, 0), (ROWS, 1))
    for offset in range(4):
        in_step.add(record(NAMES.message, offset, 9_000 + offset, commit_lsn=offset * 10))
        in_step.add(record(ROWS, offset, 1_000 + offset, offset % 2, commit_lsn=offset * 10))
    assert [(one.topic, one.offset) for one in in_step.take(3, lambda place: 0)] == [
        *((ROWS, offset) for offset in range(3)),
        *((NAMES.message, offset) for offset in range(3)),
    ]
    assert len(in_step.take(3, lambda place: 0)) == 2


def test_a_partition_that_is_caught_up_holds_nobody_back() -> None:
    in_step = in_step_of(*((topic, 0) for topic in TOPICS))
    in_step.add(record(NAMES.message, 0, 1_000))
    in_step.add(record(ROWS, 0, 9_000))
    in_step.add(record(NAMES.logs, 0, 9_500))
    assert len(in_step.take(100, lambda place: 1)) == 3


def test_what_is_full_is_paused_and_read_again_when_there_is_room() -> None:
    in_step = in_step_of(*((topic, 0) for topic in TOPICS))
    in_step.add(record(NAMES.message, 0, 0))
    for offset in range(FULL):
        in_step.add(record(ROWS, offset, 5_000))
    assert in_step.pauses() == ({Partition(ROWS, 0)}, set())
    assert [found.topic for found in in_step.take(FULL, ends_of(rows=FULL + 1))] == [NAMES.message]
    in_step.add(record(NAMES.message, 1, 9_000))
    assert len(in_step.take(FULL, ends_of(rows=FULL + 1))) == FULL
    assert in_step.pauses() == (set(), {Partition(ROWS, 0)})


def test_dropped_partitions_are_forgotten() -> None:
    in_step = in_step_of(*((topic, 0) for topic in TOPICS))
    in_step.add(record(ROWS, 0, 1))
    in_step.drop([Partition(ROWS, 0)])
    assert in_step.take(10, ends_of(rows=10)) == []


arrivals = st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(0, 2), st.integers(0, 5_000)), max_size=60)


@given(arrivals, st.lists(st.integers(0, 20), max_size=20), st.integers(1, 7))
def test_everything_is_taken_once_and_in_order_of_its_partition(
    found: list[tuple[str, int, int]], chunks: list[int], at_most: int
) -> None:
    logs: dict[Partition, list[RawRecord]] = {}
    for topic, number, appended_ms in found:
        log = logs.setdefault(Partition(topic, number), [])
        time_ms = max(appended_ms, log[-1].appended_ms if log else 0)
        log.append(record(topic, len(log), time_ms, number, commit_lsn=time_ms // 7))
    unread = {place: list(log) for place, log in logs.items()}
    in_step, taken = in_step_of(*logs), []

    def end_of(place: Partition) -> int:
        return len(logs[place])

    for step, chunk in enumerate([*chunks, *[20] * 30]):
        places = sorted(place for place, log in unread.items() if log)
        if places:
            place = places[step % len(places)]
            for _ in range(min(chunk, len(unread[place]))):
                in_step.add(unread[place].pop(0))
        taken += in_step.take(at_most, end_of)
    while more := in_step.take(at_most, end_of):
        taken += more
    if any(unread.values()):
        return  # not read to the end: nothing to claim
    assert sorted(taken, key=lambda one: (one.topic, one.partition, one.offset)) == [
        one for place in sorted(logs) for one in logs[place]
    ]
    for place, log in logs.items():
        assert [one for one in taken if Partition(one.topic, one.partition) == place] == log


def test_a_partition_of_large_records_is_paused_by_their_size() -> None:
    in_step = in_step_of((ROWS, 0))
    large = b"x" * (FULL_BYTES // 4)
    for offset in range(4):
        assert in_step.pauses() == (set(), set())
        in_step.add(RawRecord(ROWS, 0, offset, 0, None, large))
    assert in_step.pauses() == ({Partition(ROWS, 0)}, set())
    for _ in range(2):
        in_step.take(1, ends_of(rows=4), whatever=True)
        assert in_step.pauses() == (set(), set())
    in_step.take(1, ends_of(rows=4), whatever=True)
    assert in_step.pauses() == (set(), {Partition(ROWS, 0)})


def test_a_batch_of_large_records_ends_by_their_size() -> None:
    in_step = in_step_of((ROWS, 0))
    large = b"x" * (BATCH_BYTES // 2)
    for offset in range(5):
        in_step.add(RawRecord(ROWS, 0, offset, 0, None, large))
    sizes = [len(in_step.take(10, ends_of(rows=5), whatever=True)) for _ in range(4)]
    assert sizes == [2, 2, 1, 0]


def test_a_record_that_only_looks_like_one_of_the_connector_is_no_trouble() -> None:
    in_step = in_step_of((NAMES.message, 0), (ROWS, 0))
    strange = b'{"source":{"sequence":"[\\"' + b"9" * 5_000 + b'\\"]"}}'
    in_step.add(RawRecord(ROWS, 0, 0, 0, None, strange))
    in_step.add(RawRecord(NAMES.message, 0, 0, 0, None, strange))
    assert len(in_step.take(10, ends_of(rows=1, contexts=1))) == 2


def test_many_partitions_together_have_a_limit_of_their_own() -> None:
    places = [(ROWS, number) for number in range(40)]
    in_step = in_step_of(*places, (NAMES.logs, 0))
    for _, number in places:
        in_step.add(RawRecord(ROWS, number, 0, 0, None, b"x" * (ALL_BYTES // len(places) + 1)))
    assert in_step.pauses() == ({Partition(*place) for place in places}, set())
    emptied = {Partition(found.topic, found.partition) for found in in_step.take(40, ends_of(rows=1), whatever=True)}
    assert in_step.pauses() == (set(), emptied)
    while in_step.waiting:
        in_step.take(40, ends_of(rows=1), whatever=True)
    assert in_step.pauses() == (set(), {Partition(*place) for place in places} - emptied)
