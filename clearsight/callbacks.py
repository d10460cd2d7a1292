"""What is raised in a callback of Kafka's client is kept until the call that ran it is back.

The client cannot pass it on: an error of its own that leaves a callback becomes something that no `except` catches, not
even that of a thread pool (seen with confluent-kafka 2.16), and whoever waits for the thread waits for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition

Callback = Callable[[Consumer, list[TopicPartition]], None]


class Callbacks:
    """Those of one consumer."""

    def __init__(self) -> None:
        self._failure: Exception | None = None

    def keeping(self, callback: Callback) -> Callback:
        """The callback, which raises nothing."""

        def run(consumer: Consumer, partitions: list[TopicPartition]) -> None:
            try:
                callback(consumer, partitions)
            except Exception as error:
                self._failure = self._failure or error

        return run

    def check(self) -> None:
        """Raises what was raised first in one of them."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
