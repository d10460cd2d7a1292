"""The loop of one account and region: polls every group, delivers what is pushed, checkpoints after delivery, and
starts anew from Kafka when a delivery failed or the lease came back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from clearsight import readable
from clearsight.errors import Unavailable
from clearsight.instants import from_us
from clearsight.logline import Ended
from clearsight.settings import ForwarderSettings
from clearsight.topics import TopicNames
from connectors.cloudwatch.backoff import Backoff
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.deliver import DeliveryFailed, Outbox
from connectors.cloudwatch.health import Health
from connectors.cloudwatch.inbox import Inbox, Routes
from connectors.cloudwatch.lease import Leadership
from connectors.cloudwatch.pull import GroupPull, Stopped
from connectors.cloudwatch.recovery import Recovery
from connectors.cloudwatch.slices import is_lasting
from connectors.cloudwatch.state import encode_state

LEAP_MS = 60_000
"""A checkpoint that moves this far ahead does not wait: while catching up, a restart would read it all again."""

PARKED_S = 60.0
"""A group that is not there, or may not be read, is tried again this rarely; the others go on."""

DISCOVER_S = 60.0
LONGEST_WAIT_S = 1.0

log = logging.getLogger(__name__)


class Discovery(NamedTuple):
    """Log groups that a prefix finds."""

    new: Callable[[], Sequence[GroupPull]]
    """Those that were not given before. Raises CloudWatchFailure."""
    forget: Callable[[str], None]
    """One is gone: `new` gives it again when it is there again."""
    why_not: Callable[[str], Ended | None]
    """Why a group that had been read is not there to be read; None where others have to say."""


NOTHING_TO_FIND = Discovery(tuple, lambda name: None, lambda name: None)


class Forwarder:
    """One writer of `topics.logs`. `clock` is CloudWatch's, in epoch milliseconds; `real_wait_s` says how long
    milliseconds of it last. `discovery` finds groups of `place`."""

    def __init__(
        self,
        pulls: Sequence[GroupPull],
        outbox: Outbox,
        recovery: Recovery,
        *,
        topics: TopicNames,
        settings: ForwarderSettings,
        clock: Callable[[], int],
        real_wait_s: Callable[[float], float],
        leadership: Leadership,
        inbox: Inbox,
        routes: Routes,
        health: Health,
        ready: Callable[[], None],
        discovery: Discovery = NOTHING_TO_FIND,
        place: str = "",
    ) -> None:
        self._pulls = list(pulls)
        self._outbox = outbox
        self._recovery = recovery
        self._topics = topics
        self._settings = settings
        self._clock = clock
        self._real_wait_s = real_wait_s
        self._leadership = leadership
        self._inbox = inbox
        self._routes = routes
        self._health = health
        self._ready = ready
        self._discovery = discovery
        self._what_is_looked_for = f"the log groups of {place}"
        self._discovered = 0.0
        self._found: list[GroupPull] = []
        self._found_by_prefix: set[str] = set()
        self._backoffs: dict[str, Backoff] = {}
        self._written: dict[str, tuple[float, int]] = {}
        self._is_ready = False
        self._is_routed = False
        self._others_ended = False

    def run(self) -> None:
        """Until asked to stop; what was read by then is delivered and checkpointed."""
        while self._leadership.begin(self._stand_by):
            is_recovered = self._start_again(None)
            while is_recovered and not self._leadership.over():
                is_recovered = self.cycle()
            if self._leadership.stopping:
                self._close(is_recovered)
            else:
                log.warning("the lease is lost: nothing is read on until it is back")
                self._outbox.renew()

    def _stand_by(self) -> None:
        """How far the groups are is another forwarder's to say."""
        for pull in self._pulls:
            pull.stand_by()
            self._health.succeeded(pull.name)

    def recover(self) -> None:
        """Take up from what Kafka holds: the checkpoints, and the ids behind them. Raises Unavailable."""
        self._take_up(self._pulls)

    def cycle(self) -> bool:
        """Deliver what was pushed, poll every group that is due once, and wait for what comes first. False where a delivery
        failed and what Kafka has could not be read before the lead was over."""
        try:
            self._look_for_groups()
            self._deliver_pushed()
            polled = [self._poll(pull) for pull in self._due(time.monotonic())]
        except Stopped:
            return True
        except DeliveryFailed as error:
            return self._start_again(error)
        if all(polled) and not self._is_ready:
            self._is_ready = True
            self._ready()
        self._inbox.wait(self._idle_s())
        return True

    def look_again(self) -> None:
        """Look for log groups in the next cycle, without waiting for the minute."""
        self._discovered = 0.0

    def _take_up(self, pulls: Sequence[GroupPull]) -> None:
        self._recovery.resume(pulls, self._clock())
        for pull in pulls:
            self._backoffs.setdefault(pull.name, Backoff())
            self._health.settled(pull.name, pull.progress.through, pull.swept())
            self._routes.add(pull.origin, self._inbox)

    def _idle_s(self) -> float:
        now, due = self._clock(), self._due(time.monotonic())
        wait_ms = min((pull.progress.wait_ms(now) for pull in due), default=self._settings.poll_interval_ms)
        return min(LONGEST_WAIT_S, self._real_wait_s(wait_ms))

    def _due(self, now: float) -> list[GroupPull]:
        return [pull for pull in self._pulls if self._backoffs[pull.name].due(now)]

    def _poll(self, pull: GroupPull) -> bool:
        """Whether the group has been read or cannot be read for now."""
        self._deliver_pushed()
        if self._leadership.over():
            raise Stopped
        backoff = self._backoffs[pull.name]
        try:
            polled = pull.poll()
        except DeliveryFailed:
            raise
        except Unavailable as error:
            return self._set_aside(pull, error)
        if polled is None:
            return True
        if pull.progress.is_failing:
            backoff.succeeded_in_part()
        elif message := backoff.succeeded():
            log.warning("%s: %s", pull.name, message)
        self._health.settled(pull.name, pull.progress.through, pull.swept())
        self._checkpoint(pull)
        return True

    def _set_aside(self, pull: GroupPull, error: Unavailable) -> bool:
        kind = _kind_of(error)
        if kind == "missing" and pull.name in self._found_by_prefix:
            self._let_go(pull)
            return True
        parked = kind in ("missing", "denied", "expired")
        message = self._backoffs[pull.name].failed(error, time.monotonic(), PARKED_S if parked else None)
        if message:
            log.warning("%s: %s", pull.name, message)
        self._health.failed(pull.name, kind, error.message)
        return parked

    def _let_go(self, pull: GroupPull) -> None:
        """A group that nobody named was deleted. Should it come back, it is found, and goes on from its checkpoint."""
        log.warning(
            "%s was deleted at CloudWatch: it is no longer read; what it held after %s and was not read yet is gone",
            pull.name,
            readable.clock(from_us(pull.progress.through * 1000)),
        )
        pull.let_go()
        self._checkpoint(pull, at_once=True)
        self._outbox.settle()
        self._pulls = [other for other in self._pulls if other is not pull]
        self._found_by_prefix.discard(pull.name)
        self._routes.remove(pull.origin)
        self._health.succeeded(pull.name)
        self._discovery.forget(pull.name)

    def _deliver_pushed(self) -> None:
        """Also between two polls: whoever pushed waits for the answer, and a poll can take long."""
        while not self._leadership.over() and (batch := self._inbox.take()) is not None:
            named = (batch.account, batch.group)
            pull = next((p for p in self._pulls if (p.origin.account, p.origin.group) == named), None)
            if pull is None:
                batch.refused("its log group is not read now")
                continue
            try:
                pull.push(batch.events)
            except DeliveryFailed:
                batch.refused("Kafka did not take it")
                raise
            batch.delivered()

    def _look_for_groups(self) -> None:
        if time.monotonic() - self._discovered < DISCOVER_S and self._discovered:
            return
        self._discovered = time.monotonic()
        try:
            self._found += self._discovery.new()
            if self._found:
                self._take_up(self._found)
        except Unavailable as error:
            log.warning("%s are not looked for now: %s", self._what_is_looked_for, error.message)
            self._health.failed(self._what_is_looked_for, _kind_of(error), error.message)
            if is_lasting(error):
                self._know_routes()
            return
        self._health.succeeded(self._what_is_looked_for)
        self._found_by_prefix.update(pull.name for pull in self._found)
        self._pulls += self._found
        self._found = []
        self._know_routes()
        if not self._others_ended:
            self._end_others()

    def _know_routes(self) -> None:
        """What is pushed for none of the groups that are known now is of no use to this loop: it need not come again."""
        if not self._is_routed:
            self._is_routed = True
            self._routes.complete()

    def _end_others(self) -> None:
        """Groups that were read before this start and are not any more: nobody is to wait for them."""
        read = {pull.name for pull in self._pulls}
        try:
            states = self._recovery.states()
        except Unavailable as error:
            log.warning("groups of before are looked at later: %s", error.message)
            return
        for state in states:
            if state.group in read or state.ended or not (why := self._discovery.why_not(state.group)):
                continue
            log.warning("%s is no longer read (%s)", state.group, why)
            ended = msgspec.structs.replace(state, ended=why, written=self._clock())
            self._outbox.send(self._topics.forwarder_state, state.group.encode(), encode_state(ended), None, None)
        self._outbox.settle()
        self._others_ended = True

    def _checkpoint(self, pull: GroupPull, *, at_once: bool = False) -> None:
        now, through = time.monotonic(), pull.progress.through
        written, written_through = self._written.get(pull.name, (0.0, 0))
        due = now - written >= self._settings.state_interval_ms / 1000 or through - written_through >= LEAP_MS
        if not due and not at_once:
            return
        self._written[pull.name] = now, through
        self._outbox.send(self._topics.forwarder_state, pull.name.encode(), encode_state(pull.state()), None, None)

    def _start_again(self, failure: Unavailable | None) -> bool:
        """After a failed delivery, or another writer, only Kafka knows what it has: read it, as after a crash. False where
        the lead was over before it could be read."""
        backoff = Backoff()
        failure = failure or self._tried_again()
        while failure is not None and not self._leadership.over():
            message = backoff.failed(failure, time.monotonic())
            if message:
                log.warning("%s", message)
            self._health.failed("Kafka", "away", failure.message)
            while not backoff.due(time.monotonic()) and not self._leadership.over():
                self._leadership.pause(0.1)
            failure = self._tried_again()
        if failure is not None:
            return False
        if message := backoff.succeeded():
            log.warning("%s", message)
        self._health.succeeded("Kafka")
        return True

    def _tried_again(self) -> Unavailable | None:
        try:
            self._outbox.renew()
            self.recover()
        except Unavailable as error:
            return error
        return None

    def _close(self, is_recovered: bool) -> None:
        """Refuse what was pushed; checkpoint what was read, where it is known what Kafka has."""
        while (batch := self._inbox.take()) is not None:
            batch.refused("the forwarder stops")
        if not is_recovered:
            return
        try:
            for pull in self._pulls:
                self._checkpoint(pull, at_once=True)
            self._outbox.settle()
        except DeliveryFailed as error:
            log.warning("stopped without a last checkpoint: %s", error.message)


def _kind_of(error: Unavailable) -> str:
    return error.kind if isinstance(error, CloudWatchFailure) else "away"
