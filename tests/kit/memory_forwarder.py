"""A forwarder over the simulated service and a broker in memory, driven step by step; no process, no socket."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event as Flag
from typing import Any

import msgspec
import orjson

from clearsight.errors import Unavailable
from clearsight.logline import ForwarderState, LogLine
from clearsight.settings import ForwarderSettings
from clearsight.topics import TopicNames
from connectors.cloudwatch.client import CloudWatchFailure
from connectors.cloudwatch.forwarder import Discovery, Forwarder
from connectors.cloudwatch.groups import GroupFinder
from connectors.cloudwatch.health import Health
from connectors.cloudwatch.inbox import Inbox, Routes
from connectors.cloudwatch.lease import Granted, Leadership, Lease
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.memory import MemoryBroker, MemoryOutbox, MemoryTopicReader
from connectors.cloudwatch.metrics import Unmetered
from connectors.cloudwatch.pace import Pace
from connectors.cloudwatch.pull import GroupPull
from connectors.cloudwatch.recovery import Recovery
from connectors.cloudwatch.simulator.faults import ServiceFault
from connectors.cloudwatch.simulator.ledger import Ledger
from connectors.cloudwatch.simulator.profile import CALM
from connectors.cloudwatch.simulator.service import TARGET_PREFIX, Simulator
from connectors.cloudwatch.simulator.subscriptions import Deliver, nowhere
from connectors.cloudwatch.state import read_states
from connectors.cloudwatch.tiers import limits
from connectors.cloudwatch.topic_reader import Offsets
from connectors.cloudwatch.transcript import Transcript
from connectors.cloudwatch.writer import GroupWriter

NOW = 1_795_000_000_000
TOPICS = TopicNames()
ACCOUNT = "000000000000"
SETTINGS = ForwarderSettings(start_back_s=60.0, state_interval_ms=0, poll_interval_ms=10)
_KINDS = {"ResourceNotFoundException": "missing", "AccessDeniedException": "denied"}


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Handed:
    """A lease that the test gives and takes."""

    def __init__(self) -> None:
        self.term = 1
        self.silent_s = 0.0
        self.lasts_s = 6.0


class Service:
    """The simulator as LogsApi; `failures` are raised by the coming calls, `calls` counts them. Windows that begin before
    `refuses_before` are refused."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int],
        groups: Sequence[str] = ("/g",),
        denied: Sequence[str] = (),
        deliver: Deliver = nowhere,
    ) -> None:
        profile = replace(CALM, reads_per_s=1e6, writes_per_s=1e6)
        self.simulator = Simulator(Ledger(path), clock, profile=profile, seed=3, denied=denied, deliver=deliver)
        self.simulator.have_groups(groups)
        self.failures: list[Exception] = []
        self.refuses_before: int | None = None
        self.calls = 0
        for group in set(groups) - set(denied):
            self.call("CreateLogStream", logGroupName=group, logStreamName="s")

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = orjson.loads(self.simulator.call(TARGET_PREFIX + operation, orjson.dumps(params)))
        return answer

    def put(self, *events: tuple[int, str], group: str = "/g") -> None:
        listed = [{"timestamp": timestamp, "message": message} for timestamp, message in events]
        self.call("PutLogEvents", logGroupName=group, logStreamName="s", logEvents=listed)

    def describe_log_groups(self, **parameters: Any) -> dict[str, Any]:
        return self.call("DescribeLogGroups", **parameters)

    def filter_log_events(self, **parameters: Any) -> dict[str, Any]:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        if self.refuses_before is not None and parameters["startTime"] < self.refuses_before:
            raise CloudWatchFailure("away", "CloudWatch answered ServiceUnavailableException")
        try:
            return self.call("FilterLogEvents", **parameters)
        except ServiceFault as fault:
            raise CloudWatchFailure(_KINDS.get(fault.code, "away"), fault.code) from None  # type: ignore[arg-type]


class Reader(MemoryTopicReader):
    """Of a broker that can be away."""

    away = False

    def end_offsets(self, topic: str) -> Offsets:
        if self.away:
            raise Unavailable("Kafka does not answer")
        return super().end_offsets(topic)


class Bench:
    """A forwarder that the test drives cycle by cycle; `restart` forgets everything but the broker. `find` are prefixes."""

    def __init__(
        self,
        path: Path,
        group: str = "/g",
        *,
        others: Sequence[str] = (),
        denied: Sequence[str] = (),
        deliver: Deliver = nowhere,
        lease: Lease | None = None,
        account: str = ACCOUNT,
        discover: Callable[[], Sequence[GroupPull]] | None = None,
        find: Sequence[str] = (),
        settings: ForwarderSettings = SETTINGS,
    ) -> None:
        self.account = account
        self.settings = settings
        self.discover = discover
        self.find = find
        self.clock = Clock()
        there = [name for name in ("/g", *others) if name != "/not/there"]
        self.service = Service(path, self.clock, there, denied, deliver)
        self.broker = MemoryBroker({TOPICS.logs: 3, TOPICS.forwarder_state: 1, TOPICS.forwarder_jobs: 1}, self.clock)
        self.groups = (group, *others)
        self.lease = lease or Granted()
        self.is_ready = False
        self.restart()

    def restart(self, *, recovering: bool = True) -> None:
        self.stopping = Flag()
        self.leadership = Leadership(self.lease, self.stopping)
        assert self.leadership.begin()
        self.outbox = MemoryOutbox(self.broker)
        tiers = limits(self.settings, 1, 1e6)
        self.reader = Reader(self.broker)
        self.inbox, self.routes = Inbox(), Routes(1)
        self.health = Health(self.clock, 900_000, self.lease)
        self.pulls = [self.made(group, Pace(tiers)) for group in self.groups]
        self.pull = self.pulls[0]
        home = Origin(self.account, "eu-west-1", "")
        finder = GroupFinder(self.service, self.find, self.account, home.region, home)

        def discover() -> list[GroupPull]:
            return [self.made(target.name, Pace(tiers)) for target in finder.discover()]

        self.forwarder = Forwarder(
            self.pulls,
            self.outbox,
            Recovery(self.reader, TOPICS, self.settings, tiers),
            topics=TOPICS,
            settings=self.settings,
            clock=self.clock,
            real_wait_s=lambda wait_ms: wait_ms / 1000,
            leadership=self.leadership,
            inbox=self.inbox,
            routes=self.routes,
            health=self.health,
            ready=self.ready,
            discovery=Discovery(self.discover or discover, finder.forget, finder.why_not),
        )
        if recovering:
            self.forwarder.recover()

    def made(self, group: str, pace: Pace) -> GroupPull:
        origin = Origin(self.account, "eu-west-1", group)
        transcript = Transcript(origin)
        return GroupPull(
            group,
            group,
            GroupWriter(
                origin,
                transcript,
                self.outbox,
                topic=TOPICS.logs,
                clock=self.clock,
                meter=Unmetered(),
                dropped=partial(self.health.dropped, group),
            ),
            self.service,
            self.outbox,
            pace,
            topic=TOPICS.logs,
            page_limit=50,
            clock=self.clock,
            stopping=self.leadership.over,
            meter=Unmetered(),
        )

    def ready(self) -> None:
        self.is_ready = True
        self.stopping.set()

    def polls(self, count: int = 30, every_ms: int = 500) -> None:
        for _ in range(count):
            while self.pull.poll() is not None:
                pass
            self.clock.now += every_ms

    def cycles(self, count: int = 30, every_ms: int = 500) -> None:
        for _ in range(count):
            self.stopping.clear()
            self.forwarder.cycle()
            self.clock.now += every_ms

    def lines(self) -> list[LogLine]:
        stored = self.broker.stored(TOPICS.logs)
        return [msgspec.json.decode(item.record.value or b"", type=LogLine) for item in stored]

    def messages(self) -> list[str]:
        return sorted(line.message for line in self.lines())

    def state(self) -> ForwarderState:
        group = self.groups[0]
        return read_states(MemoryTopicReader(self.broker), TOPICS.forwarder_state, {group})[group]
