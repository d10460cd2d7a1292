"""One writer: a lease in the form of a consumer group over a topic with one partition, which Kafka gives to one member.

The forwarder needs Kafka anyway, so the lease is lost exactly where it could not deliver. It lasts `lease_s` beyond the
last sign of life; a member that ends in order gives it back at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaException, TopicPartition

from clearsight.callbacks import Callbacks
from connectors.cloudwatch import coordinator

log = logging.getLogger(__name__)

_POLL_S = 0.1
CLOSE_WITHIN_S = 5.0
_AGAIN_S = 1.0
PATIENCE_S = 3.0
"""To join takes a while even where nobody else is."""
_STATISTICS_MS = 1000
_AWAY = 2
"""Times the lease: who is silent for longer than it takes to let a member go that died is away."""


class Lease(Protocol):
    """A port: KafkaLease, and Granted where nobody else writes."""

    @property
    def term(self) -> int:
        """0 while the lease is not ours; else a number that is another one each time it was given to us."""

    @property
    def silent_s(self) -> float:
        """How long ago Kafka, which gives the lease, was last heard from."""

    @property
    def lasts_s(self) -> float:
        """How long it is ours beyond our last sign of life."""


class Granted:
    term = 1
    silent_s = 0.0
    lasts_s = 1.0


def is_away(lease: Lease) -> bool:
    """Whether nobody has it, because Kafka does not answer."""
    return lease.silent_s > _AWAY * lease.lasts_s


class KafkaLease:
    """`topic` must have one partition. Runs a thread of its own, so that long windows do not lose the lease.

    A process that was frozen asks Kafka before it believes that it still has the lease. What it had handed to its
    producer by then is sent all the same: lines of that moment can be on the topic twice, and land once.
    """

    def __init__(self, bootstrap_servers: str, topic: str, group: str, lease_s: float) -> None:
        self._topic = topic
        self.lasts_s = lease_s
        self._limit_s = lease_s / 2
        self._stopping = Event()
        self._assigned = False
        self._term = 0
        self._seen_s = 0.0
        self._heard_s = time.monotonic()
        self._config: dict[str, Any] = {
            "bootstrap.servers": bootstrap_servers,
            "group.id": group,
            "session.timeout.ms": int(lease_s * 1000),
            "heartbeat.interval.ms": int(lease_s * 250),
            "partition.assignment.strategy": "cooperative-sticky",  # who has it keeps it when another one joins
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            "statistics.interval.ms": _STATISTICS_MS,
            "stats_cb": self._hear,
            "log_level": 0,
        }
        self._callbacks = Callbacks()
        self._thread = Thread(target=self._run, name="lease", daemon=True)

    @property
    def term(self) -> int:
        return self._term if self._assigned and time.monotonic() - self._seen_s < self._limit_s else 0

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self._heard_s

    def start(self) -> None:
        self._heard_s = time.monotonic()
        self._thread.start()

    def close(self) -> None:
        """Give it back."""
        self._stopping.set()
        self._thread.join(CLOSE_WITHIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._take_part()
            except Exception as error:  # a thread that ended without a word would stand by for ever
                log.warning("the lease is asked for anew (%s)", _name_of(error))
                self._stopping.wait(_AGAIN_S)

    def _take_part(self) -> None:
        """Until asked to stop. Raises KafkaException, and whatever else was raised in a callback."""
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

    def _hear(self, statistics: str) -> None:
        idle_s = coordinator.idle_s(statistics)
        if idle_s is not None:
            self._heard_s = max(self._heard_s, time.monotonic() - idle_s)

    def _is_still_ours(self, consumer: Consumer) -> bool:
        """After a pause only the coordinator knows; it refuses a commit of one who is no member any more."""
        place = TopicPartition(self._topic, 0, 0)
        try:
            consumer.commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            log.warning("the lease was lost during a pause (%s)", error.args[0].name())
            return False
        return True


_STANDS_BY = "standing by: another forwarder writes, or its lease has not run out yet"
_NOBODY_WRITES = "Kafka does not answer: nothing is read on; reading goes on where it stopped once it is back"


class Leadership:
    """The lease as one loop sees it: it leads from `begin` until it is asked to stop or the lease is another one."""

    def __init__(self, lease: Lease, stopping: Event, patience_s: float = PATIENCE_S) -> None:
        self._lease = lease
        self._stopping = stopping
        self._patience_s = patience_s
        self._term = 0

    def begin(self, stands_by: Callable[[], None] = lambda: None) -> bool:
        """Wait for the lease; False when asked to stop before it came. `stands_by` is called once it is another's, which
        only Kafka can say."""
        said, since = None, time.monotonic()
        while not (term := self._lease.term):
            why = self._why_not() if time.monotonic() - since > self._patience_s else None
            if why is not None and why != said:
                said = why
                if why == _STANDS_BY:
                    log.info("%s", why)
                    stands_by()
                else:
                    log.warning("%s", why)
            if self._stopping.wait(_POLL_S):
                return False
        self._term = term
        return not self._stopping.is_set()

    def _why_not(self) -> str | None:
        """None while it cannot be told yet."""
        if is_away(self._lease):
            return _NOBODY_WRITES
        return _STANDS_BY if self._lease.silent_s < self._lease.lasts_s else None

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond being asked to stop."""
        self._stopping.wait(seconds)

    def over(self) -> bool:
        return self._stopping.is_set() or self._lease.term != self._term


def _name_of(error: Exception) -> str:
    return str(error.args[0].name()) if isinstance(error, KafkaException) else type(error).__name__
