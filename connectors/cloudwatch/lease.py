"""One writer: a lease in the form of a consumer group over a topic with one partition, which Kafka gives to one member.

The forwarder needs Kafka anyway, so the lease is lost exactly where it could not deliver. It lasts `lease_s` beyond the
last sign of life; a member that ends in order gives it back at once.
"""

from __future__ import annotations

import logging
import time
from threading import Event, Thread
from typing import Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from clearsight.callbacks import Callbacks

log = logging.getLogger(__name__)

_POLL_S = 0.1
_CONFIRM_S = 5.0
_AGAIN_S = 1.0
PATIENCE_S = 3.0
"""To join takes a while even where nobody else is."""


class Lease(Protocol):
    """A port: KafkaLease, and Granted where nobody else writes."""

    @property
    def term(self) -> int:
        """0 while another one writes; else a number that is another one each time the lease was given to us."""


class Granted:
    term = 1


class KafkaLease:
    """`topic` must have one partition. Runs a thread of its own, so that long windows do not lose the lease.

    A process that was frozen asks Kafka before it believes that it still has the lease. What it had handed to its
    producer by then is sent all the same: lines of that moment can be on the topic twice, and land once.
    """

    def __init__(self, bootstrap_servers: str, topic: str, group: str, lease_s: float) -> None:
        self._topic = topic
        self._limit_s = lease_s / 2
        self._stopping = Event()
        self._assigned = False
        self._term = 0
        self._seen_s = 0.0
        self._config: dict[str, str | int | bool] = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "session.timeout.ms": int(lease_s * 1000),
            "heartbeat.interval.ms": int(lease_s * 250),
            "partition.assignment.strategy": "cooperative-sticky",  # who has it keeps it when another one joins
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            "log_level": 0,
        }
        self._callbacks = Callbacks()
        self._thread = Thread(target=self._run, name="lease", daemon=True)

    @property
    def term(self) -> int:
        return self._term if self._assigned and time.monotonic() - self._seen_s < self._limit_s else 0

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Give it back."""
        self._stopping.set()
        self._thread.join(_CONFIRM_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._take_part()
            except KafkaException as error:
                self._assigned = False
                log.warning("the lease is asked for anew (%s)", error.args[0].name())
                self._stopping.wait(_AGAIN_S)

    def _take_part(self) -> None:
        """Until asked to stop. Raises KafkaException."""
        consumer = Consumer(self._config)
        try:
            self._join(consumer)
            self._watch(consumer)
        finally:
            self._assigned = False
            consumer.close()

    def _watch(self, consumer: Consumer) -> None:
        while not self._stopping.is_set():
            consumer.poll(_POLL_S)
            self._callbacks.check()
            paused = self._assigned and time.monotonic() - self._seen_s > self._limit_s
            if paused and not self._is_still_ours(consumer):
                self._assigned = False
                self._join(consumer)
            self._seen_s = time.monotonic()

    def _join(self, consumer: Consumer) -> None:
        consumer.unsubscribe()
        given, taken = self._callbacks.keeping(self._given), self._callbacks.keeping(self._taken)
        consumer.subscribe([self._topic], on_assign=given, on_revoke=taken, on_lost=taken)

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        if partitions:
            consumer.pause(partitions)  # the records are nothing to us
            self._seen_s = time.monotonic()
            self._term += 1
            self._assigned = True

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if partitions:
            self._assigned = False

    def _is_still_ours(self, consumer: Consumer) -> bool:
        """After a pause only the coordinator knows; it refuses a commit of one who is no member any more."""
        place = TopicPartition(self._topic, 0, 0)
        try:
            consumer.commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            log.warning("the lease was lost during a pause (%s)", error.args[0].name())
            return False
        return True


class Leadership:
    """The lease as one loop sees it: it leads from `begin` until it is asked to stop or the lease is another one."""

    def __init__(self, lease: Lease, stopping: Event) -> None:
        self._lease = lease
        self._stopping = stopping
        self._term = 0

    def begin(self) -> bool:
        """Wait for the lease; False when asked to stop before it came."""
        said, since = False, time.monotonic()
        while not (term := self._lease.term):
            if not said and time.monotonic() - since > PATIENCE_S:
                log.info("standing by: another forwarder writes, or its lease has not run out yet")
                said = True
            if self._stopping.wait(_POLL_S):
                return False
        self._term = term
        return not self._stopping.is_set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond being asked to stop."""
        self._stopping.wait(seconds)

    def over(self) -> bool:
        return self._stopping.is_set() or self._lease.term != self._term
