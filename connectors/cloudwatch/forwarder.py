"""The loop: polls every group, checkpoints after delivery, and starts anew from Kafka when a delivery failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event

from clearsight.errors import Unavailable
from clearsight.settings import ForwarderSettings
from clearsight.topics import TopicNames
from connectors.cloudwatch.backoff import Backoff
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.deliver import DeliveryFailed, Outbox
from connectors.cloudwatch.pull import GroupPull, Stopped
from connectors.cloudwatch.state import encode_state, read_states, rebuild_seen
from connectors.cloudwatch.topic_reader import TopicReader
from connectors.cloudwatch.window import Progress, Tier

LEAP_MS = 60_000
"""A checkpoint that moves this far ahead does not wait: while catching up, a restart would read it all again."""

log = logging.getLogger(__name__)


def tiers(settings: ForwarderSettings) -> tuple[Tier, Tier]:
    """The poll, which reads back as far as lines normally come late, and the sweep, which reads the whole overlap."""
    return (
        Tier(back_ms=settings.settle_ms, every_ms=settings.poll_interval_ms),
        Tier(back_ms=int(settings.overlap_s * 1000), every_ms=int(settings.sweep_interval_s * 1000)),
    )


class Forwarder:
    """One writer of `topics.logs`. `clock` is CloudWatch's, in epoch milliseconds."""

    def __init__(
        self,
        pulls: Sequence[GroupPull],
        outbox: Outbox,
        reader: TopicReader,
        *,
        topics: TopicNames,
        settings: ForwarderSettings,
        clock: Callable[[], int],
        stopping: Event,
        ready: Callable[[], None],
    ) -> None:
        self._pulls = pulls
        self._outbox = outbox
        self._reader = reader
        self._topics = topics
        self._settings = settings
        self._clock = clock
        self._stopping = stopping
        self._ready = ready
        self._backoffs = {pull.origin.group: Backoff() for pull in pulls}
        self._written: dict[str, tuple[float, int]] = {}

    def run(self) -> None:
        """Until `stopping` is set; what was read by then is delivered and checkpointed. Raises Unavailable at start."""
        self.recover()
        is_ready = False
        while not self._stopping.is_set():
            started = time.monotonic()
            succeeded = self._cycle()
            if succeeded and not is_ready:
                is_ready = True
                self._ready()
            if not any(pull.progress.behind(self._clock()) for pull in self._due(started)):
                self._stopping.wait(max(0.0, started + self._settings.poll_interval_ms / 1000 - time.monotonic()))
        self._close()

    def recover(self) -> None:
        """Take up from what Kafka holds: the checkpoints, and the ids behind them. Raises Unavailable."""
        groups = {pull.origin.group for pull in self._pulls}
        states = read_states(self._reader, self._topics.forwarder_state, groups)
        beginning = self._clock() - int(self._settings.start_back_s * 1000)
        progresses = {
            group: Progress(
                tiers(self._settings),
                states[group].through if group in states else beginning,
                self._settings.settle_ms,
            )
            for group in groups
        }
        horizons = {group: progress.horizon for group, progress in progresses.items()}
        checkpoints = [{int(p): offset for p, offset in state.offsets.items()} for state in states.values()]
        seen = rebuild_seen(self._reader, self._topics.logs, horizons, checkpoints)
        ends = self._reader.end_offsets(self._topics.logs)
        for pull in self._pulls:
            group = pull.origin.group
            pull.resume(progresses[group], seen[group], ends)
            where = "goes on" if group in states else "begins"
            log.info("%s: %s at event time %d, %d ids known", group, where, progresses[group].through, len(seen[group]))

    def _cycle(self) -> bool:
        """Poll every group that is due once; whether each of them has been read or cannot be read for now."""
        succeeded = True
        for pull in self._due(time.monotonic()):
            try:
                succeeded &= self._poll(pull)
            except Stopped:
                return False
            except DeliveryFailed as error:
                self._start_again(error)
                return False
        return succeeded

    def _due(self, now: float) -> list[GroupPull]:
        return [pull for pull in self._pulls if self._backoffs[pull.origin.group].due(now)]

    def _poll(self, pull: GroupPull) -> bool:
        backoff = self._backoffs[pull.origin.group]
        try:
            pull.poll()
        except DeliveryFailed:
            raise
        except Unavailable as error:
            message = backoff.failed(error, time.monotonic())
            if message:
                log.warning("%s: %s", pull.origin.group, message)
            return isinstance(error, CloudWatchFailure) and error.kind in ("missing", "denied")
        message = backoff.succeeded()
        if message:
            log.warning("%s: %s", pull.origin.group, message)
        self._checkpoint(pull)
        return True

    def _checkpoint(self, pull: GroupPull, *, at_once: bool = False) -> None:
        now, group, through = time.monotonic(), pull.origin.group, pull.progress.through
        written, written_through = self._written.get(group, (0.0, 0))
        due = now - written >= self._settings.state_interval_ms / 1000 or through - written_through >= LEAP_MS
        if not due and not at_once:
            return
        self._written[group] = now, through
        self._outbox.send(self._topics.forwarder_state, group.encode(), encode_state(pull.state()), None, None)

    def _start_again(self, error: Unavailable) -> None:
        """After a failed delivery only Kafka knows what it has: read it, as after a crash."""
        backoff = Backoff()
        failure: Unavailable | None = error
        while failure is not None and not self._stopping.is_set():
            message = backoff.failed(failure, time.monotonic())
            if message:
                log.warning("%s", message)
            while not backoff.due(time.monotonic()) and not self._stopping.wait(0.1):
                pass
            failure = self._tried_again()
        if failure is None:
            log.warning("%s", backoff.succeeded())

    def _tried_again(self) -> Unavailable | None:
        try:
            self._outbox.renew()
            self.recover()
        except Unavailable as error:
            return error
        return None

    def _close(self) -> None:
        try:
            for pull in self._pulls:
                self._checkpoint(pull, at_once=True)
            self._outbox.settle()
        except DeliveryFailed as error:
            log.warning("stopped without a last checkpoint: %s", error.message)
