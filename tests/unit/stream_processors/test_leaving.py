"""A worker that is told to stop ends, whatever Kafka does meanwhile."""

from __future__ import annotations

import threading

import pytest
from confluent_kafka import KafkaError, KafkaException

from stream_processors.consumer import leave

pytestmark = pytest.mark.unit


class Consumer:
    def __init__(self, answer: threading.Event, error: Exception | None = None) -> None:
        self._answer = answer
        self._error = error

    def close(self) -> None:
        self._answer.wait()
        if self._error:
            raise self._error


@pytest.fixture
def answered() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


def test_it_tells_that_it_left(answered: threading.Event) -> None:
    assert leave(Consumer(answered), timeout_s=10)


def test_an_assignment_that_comes_while_leaving_is_nothing(answered: threading.Event) -> None:
    assert leave(Consumer(answered, KafkaException(KafkaError(KafkaError._STATE))), timeout_s=10)


def test_a_consumer_that_never_closes_is_left_behind() -> None:
    never = threading.Event()
    assert not leave(Consumer(never), timeout_s=0.05)
    never.set()
