from __future__ import annotations

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from clearsight.callbacks import Callbacks

pytestmark = pytest.mark.unit

CONSUMER = Consumer({"group.id": "g"})


def test_what_was_raised_first_is_told_once() -> None:
    callbacks = Callbacks()
    seen: list[str] = []

    def first(_: Consumer, places: list[TopicPartition]) -> None:
        seen.extend(place.topic for place in places)
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    def second(_: Consumer, __: list[TopicPartition]) -> None:
        raise RuntimeError

    callbacks.check()
    callbacks.keeping(first)(CONSUMER, [TopicPartition("t", 0)])
    callbacks.keeping(second)(CONSUMER, [])
    assert seen == ["t"]
    with pytest.raises(KafkaException):
        callbacks.check()
    callbacks.check()
