"""What is read of a partition that goes and comes back in the middle of a read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from confluent_kafka import TopicPartition

from clearsight.settings import KafkaSettings, WorkerSettings
from stream_processors.positions import Ownership, Partition
from stream_processors.source import Source

pytestmark = pytest.mark.unit

TOPIC = "one.partition"


class _Owner(Ownership):
    """Of whatever it is told, without a database."""

    def dealt(self) -> None:
        place = Partition(TOPIC, 0)
        self._epochs[place] = self._epochs.get(place, 0) + 1


class _Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def error(self) -> None:
        return None

    def topic(self) -> str:
        return TOPIC

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def key(self) -> None:
        return None

    value = headers = key

    def timestamp(self) -> tuple[int, int]:
        return 2, 1_000_000


class _Consumer:
    """Gives one record; then the group deals its partitions anew."""

    def __init__(self, offset: int, dealt_anew: Callable[[], None]) -> None:
        self._left = [_Message(offset)]
        self._dealt_anew = dealt_anew

    def poll(self, _timeout_s: float) -> _Message | None:
        return self._left.pop() if self._left else None

    def consume(self, _limit: int, _timeout_s: float) -> list[_Message]:
        self._dealt_anew()
        return []

    def get_watermark_offsets(self, _place: TopicPartition, cached: bool) -> tuple[int, int]:
        return 0, 2_000


def _connect() -> psycopg.Connection[Any]:
    raise AssertionError("no database is asked")


def test_a_record_of_before_a_rebalance_does_not_come_before_those_that_are_read_again() -> None:
    """It would land alone, and the position would pass those that have not landed."""
    owner = _Owner("worker")
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    source = Source(kafka, WorkerSettings(), [TOPIC], [TOPIC].index, owner, _connect)

    def begin() -> None:
        owner.dealt()
        source._in_step.begin(Partition(TOPIC, 0), 500, 2_000)

    def deal_anew() -> None:
        source._lose(source._consumer, [TopicPartition(TOPIC, 0)])
        begin()

    begin()
    source._consumer = _Consumer(1_000, deal_anew)  # type: ignore[assignment]
    source._read(5_000, 0)
    assert not source._in_step.waiting
