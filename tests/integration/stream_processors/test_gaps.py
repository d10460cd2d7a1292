"""Between which times the events lie that a gap or a dead letter may hide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kit.debezium import NAMES, T0_US, Transaction, forwarder_state, log_line, partitioned
from kit.story import INPUTS, an_input

from clearsight.coverage import ENDED
from clearsight.instants import from_us
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors import gaps, marks
from stream_processors.positions import Gap, Identity, Ownership, Partition, Start
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
TOPIC = NAMES.change(INPUTS)
SECOND_US = 1_000_000


def changes(*seconds: int, offset: int = 0) -> list[RawRecord]:
    """Changes of one table, committed at these seconds, from this offset on."""
    made = []
    for second in seconds:
        transaction = Transaction(900 + second, T0_US + second * SECOND_US, 5_000 + 1000 * second)
        transaction.insert(INPUTS, an_input(f"i{second}", "s1", "1"))
        ((topic, key, value),) = transaction.records
        made.append(RawRecord(topic, 0, offset + len(made), T0_US // 1000 + 60_000, key, value))
    return made


def at(second: float) -> datetime:
    return from_us(T0_US) + timedelta(seconds=second)


def mark(reporting: Any, second: int, **offsets: int) -> None:
    with reporting.connect() as connection, connection.cursor() as cursor:
        through_us = T0_US + second * SECOND_US
        marks.keep_changes(cursor, MAPPING.source, through_us, 1, {f"{TOPIC}/0": offsets["inputs"]})


def lose(reporting: Any, topic: str, gap: Gap, identity: Identity | None = None) -> Ownership:
    """A worker takes the partition over and finds a gap."""
    found = identity or Identity("cluster", topic)
    ownership: Ownership = reporting.ownership()
    with reporting.connect() as connection, connection.transaction(), connection.cursor() as cursor:
        ownership.start(cursor, Partition(topic, 0), Start(gap.to_offset or 0, gap), found)
    return ownership


def bounds(reporting: Any) -> list[tuple[Any, ...]]:
    with reporting.connect() as connection:
        gaps.bound(connection, NAMES)
    found: list[tuple[Any, ...]] = reporting.rows("SELECT events_after, events_before FROM rpt.gap ORDER BY gap_id")
    return found


def test_a_gap_of_changes_lies_between_the_batches_around_it(reporting: Any) -> None:
    reporting.worker()(changes(1, 2, 3))
    lose(reporting, TOPIC, Gap(3, 10, "retention"))
    assert bounds(reporting) == [(at(3), None)]
    reporting.worker()(changes(7, 8, offset=10))
    assert bounds(reporting) == [(at(3), at(7))]
    reporting.worker()(changes(5, offset=12))
    assert bounds(reporting) == [(at(3), at(7))]


def test_what_the_connector_sends_again_after_the_gap_is_not_missing(reporting: Any) -> None:
    reporting.worker()(changes(1, 2, 3))
    lose(reporting, TOPIC, Gap(3, 10, "retention"))
    reporting.worker()(changes(5, 6, 7, offset=10))  # 4 was lost; from 5 on it is sent again
    assert bounds(reporting) == [(at(3), at(5))]


def test_a_mark_before_a_gap_is_nearer_than_the_last_batch_of_a_quiet_table(reporting: Any) -> None:
    reporting.worker()(changes(1, 2, 3))
    mark(reporting, 20, inputs=3)
    mark(reporting, 50, inputs=7)  # says nothing of what stands at 3
    lose(reporting, TOPIC, Gap(3, 10, "retention"))
    assert bounds(reporting) == [(at(20), None)]


def test_a_recreated_topic_knows_nothing_of_the_marks_before(reporting: Any) -> None:
    reporting.worker()(changes(1, 2, 3))
    mark(reporting, 50, inputs=0)  # of the new topic, before anybody found out
    gap = Gap(0, 0, "the topic or cluster was recreated")
    lose(reporting, TOPIC, gap, Identity("cluster", "another"))
    assert bounds(reporting) == [(at(3), None)]


def test_the_same_gap_found_twice_is_one_and_a_second_one_another(reporting: Any) -> None:
    gap = Gap(0, 0, "the topic or cluster was recreated")
    reporting.worker()(changes(1))
    lose(reporting, TOPIC, gap)
    lose(reporting, TOPIC, gap)
    assert len(bounds(reporting)) == 1
    reporting.worker()(changes(2))
    lose(reporting, TOPIC, gap)
    assert bounds(reporting) == [(at(1), at(2)), (at(2), None)]


def test_a_gap_of_log_lines_lies_between_the_checkpoint_before_it_and_its_discovery(reporting: Any) -> None:
    lines = [log_line(number, T0_US + number * SECOND_US, "x") for number in range(3)]
    reporting.worker()(partitioned([*lines, forwarder_state(T0_US + 2 * SECOND_US, {"0": 3})]))
    lose(reporting, NAMES.logs, Gap(3, 10, "retention"))
    ((after, before),) = bounds(reporting)
    assert after == at(2)
    assert abs(before - datetime.now(UTC)) < timedelta(minutes=5)


def waited_for(reporting: Any) -> list[datetime]:
    """Through when, of each log group that answers wait for."""
    newest = (
        "SELECT DISTINCT ON (name) through_at FROM rpt.watermark WHERE kind = 'logs' ORDER BY name, watermark_id DESC"
    )
    return [through for (through,) in reporting.rows(newest) if through < ENDED]


def test_a_log_group_that_was_deleted_is_not_waited_for_and_what_it_held_unread_is_a_gap(reporting: Any) -> None:
    lines = [log_line(number, T0_US + number * SECOND_US, "x") for number in range(3)]
    end = forwarder_state(T0_US + 2 * SECOND_US, {"0": 3}, "deleted", T0_US + 60 * SECOND_US)
    records = partitioned([*lines, forwarder_state(T0_US + SECOND_US, {"0": 2}), end])
    land = reporting.worker()
    land(records[:4])
    assert waited_for(reporting) == [at(1)]
    land(records[4:])
    assert waited_for(reporting) == []
    assert bounds(reporting) == [(at(2), at(60))]
    ((topic, reason),) = reporting.rows("SELECT topic, reason FROM rpt.gap")
    assert topic == NAMES.logs
    assert "/clearsight/test was deleted" in reason
    again = forwarder_state(T0_US + 2 * SECOND_US, {"0": 3}, "deleted", T0_US + 900 * SECOND_US)
    land(partitioned([*lines, end, end, again])[5:])
    assert bounds(reporting) == [(at(2), at(60))]
    back = partitioned([*lines, end, end, again, forwarder_state(T0_US + 90 * SECOND_US, {"0": 3})])
    land(back[6:])
    assert waited_for(reporting) == [at(90)]
    assert bounds(reporting) == [(at(2), at(60))]


def test_a_log_group_that_nobody_names_any_more_is_not_waited_for_and_no_gap(reporting: Any) -> None:
    states = [
        forwarder_state(T0_US + SECOND_US, {"0": 0}),
        forwarder_state(T0_US + SECOND_US, {"0": 0}, "unnamed", T0_US + 60 * SECOND_US),
    ]
    reporting.worker()(partitioned(states))
    assert waited_for(reporting) == []
    assert bounds(reporting) == []


def test_a_gap_from_before_this_was_known_stays_unbounded(reporting: Any) -> None:
    reporting.rows(
        "INSERT INTO rpt.gap (topic, kafka_partition, from_offset, reason) VALUES ('t', 0, 1, 'r') RETURNING 1"
    )
    assert bounds(reporting) == [(None, None)]


def test_a_dead_letter_happened_after_the_mark_before_it_and_before_it_was_appended(reporting: Any) -> None:
    mark(reporting, 20, inputs=5)
    mark(reporting, 40, inputs=7)
    land = reporting.worker()
    land([RawRecord(TOPIC, 0, 6, T0_US // 1000 + 30_000, None, b"{")])
    land([RawRecord(TOPIC, 0, 7, T0_US // 1000 + 45_000, None, b"{")])
    land([RawRecord(NAMES.logs, 0, 7, T0_US // 1000 + 45_000, None, b"{")])
    assert reporting.rows("SELECT events_after, appended_at FROM rpt.dead_letter ORDER BY dead_letter_id") == [
        (at(20), at(30)),
        (at(40), at(45)),
        (None, at(45)),
    ]
