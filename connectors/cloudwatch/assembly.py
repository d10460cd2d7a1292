"""Makes the forwarders of all accounts and regions from the settings, with everything that they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from threading import Event

from clearsight.settings import Settings
from clearsight.topics import TopicNames
from connectors.cloudwatch import tiers
from connectors.cloudwatch.client import CloudWatch
from connectors.cloudwatch.clock import ScaledClock
from connectors.cloudwatch.deliver import KafkaOutbox, Outbox
from connectors.cloudwatch.forwarder import Discovery, Forwarder
from connectors.cloudwatch.groups import GroupFinder, Target
from connectors.cloudwatch.health import Health
from connectors.cloudwatch.inbox import Inbox, Routes
from connectors.cloudwatch.lease import Leadership, Lease
from connectors.cloudwatch.lines import Origin, Via
from connectors.cloudwatch.metrics import Meter
from connectors.cloudwatch.pace import Pace
from connectors.cloudwatch.parse.configured import names_of
from connectors.cloudwatch.places import Place, connect, places
from connectors.cloudwatch.polled import PolledGroups
from connectors.cloudwatch.pull import GroupPull
from connectors.cloudwatch.push.kinesis import KinesisReader
from connectors.cloudwatch.push.positions import TopicPositions
from connectors.cloudwatch.quota import Quota
from connectors.cloudwatch.recovery import Recovery
from connectors.cloudwatch.redact.configured import redactor_of
from connectors.cloudwatch.topic_reader import KafkaTopicReader
from connectors.cloudwatch.transcript import Transcript
from connectors.cloudwatch.writer import GroupWriter


class Assembly:
    def __init__(self, settings: Settings, topics: TopicNames, lease: Lease, meter: Meter, stopping: Event) -> None:
        self._settings = settings
        self._topics = topics
        self._lease = lease
        self._meter = meter
        self._stopping = stopping
        self._redactor = redactor_of(settings.redaction)
        self._names = names_of(settings.mapping.logs)
        self.clock = ScaledClock(settings.cloudwatch.clock_speed, settings.cloudwatch.clock_origin_ms)
        self.home = Origin(settings.cloudwatch.account_id, settings.cloudwatch.region, "")
        cold_ms = int(settings.forwarder.cold_interval_s * 1000)
        self.health = Health(self.clock, cold_ms, lease, settings.cloudwatch.clock_speed)
        read_in = Counter(place.account for place in places(settings.cloudwatch))
        self.routes = Routes(read_in.total(), {account for account, regions in read_in.items() if regions > 1})

    def forwarders(self, ready: Callable[[], None]) -> list[Forwarder]:
        """One for each account and region. Raises ConfigurationError."""
        return [self._forwarder(place, ready) for place in places(self._settings.cloudwatch)]

    def cloudwatch(self, place: Place, share: float = 1.0) -> CloudWatch:
        """Calls of one account and region within that share of its quota."""
        tps = tiers.quota_tps(self._settings.forwarder, self._settings.cloudwatch) * share
        quota = Quota(tps, self.clock() / 1000)
        return CloudWatch(partial(connect, place), quota, self.clock, self._meter, self._stopping)

    def outbox(self) -> KafkaOutbox:
        return KafkaOutbox(self._settings.kafka.bootstrap_servers, self._settings.forwarder.delivery_timeout_s)

    def reader(self) -> KafkaTopicReader:
        return KafkaTopicReader(self._settings.kafka.bootstrap_servers)

    def finder(self, cloudwatch: CloudWatch, place: Place) -> GroupFinder:
        return GroupFinder(cloudwatch, place.groups, place.account, place.region, self.home)

    def writer(self, target: Target, outbox: Outbox, clock: Callable[[], int], via: Via = "pull") -> GroupWriter:
        transcript = Transcript(target.origin, self._redactor, self._names)
        return GroupWriter(
            target.origin,
            transcript,
            outbox,
            topic=self._topics.logs,
            clock=clock,
            meter=self._meter,
            via=via,
            dropped=partial(self._dropped, target.name),
        )

    def _dropped(self, name: str, records: int) -> None:
        self._meter.dropped(name, records)
        self.health.dropped(name, records)

    def kinesis(self, stream: str) -> KinesisReader:
        """Of the account at home. Needs the topic of the forwarder's jobs."""
        push, home = self._settings.forwarder.push, self.home
        place = Place(home.account, home.region, (), push.kinesis_endpoint_url)
        positions = TopicPositions(self.reader(), self.outbox(), self._topics.forwarder_jobs, stream)
        return KinesisReader(
            connect(place, "kinesis"),
            stream,
            self.routes,
            positions,
            self._meter,
            health=self.health,
            leading=lambda: bool(self._lease.term),
            stopping=self._stopping,
            region=home.region,
        )

    def _forwarder(self, place: Place, ready: Callable[[], None]) -> Forwarder:
        settings = self._settings.forwarder
        cloudwatch, outbox = self.cloudwatch(place), self.outbox()
        finder = self.finder(cloudwatch, place)
        leadership = Leadership(self._lease, self._stopping)
        make = partial(self._pull, cloudwatch=cloudwatch, outbox=outbox, leadership=leadership)
        groups = self._polled(finder, make)
        return Forwarder(
            groups.fixed(),
            outbox,
            Recovery(self.reader(), self._topics, settings, groups.limits, self.clock.real),
            topics=self._topics,
            settings=settings,
            clock=cloudwatch.clock,
            real_wait_s=self.clock.real_wait_s,
            leadership=leadership,
            inbox=Inbox(),
            routes=self.routes,
            health=self.health,
            ready=ready,
            discovery=Discovery(
                groups.discover,
                groups.forget,
                # one of several loops cannot tell what the others read
                finder.why_not if len(list(places(self._settings.cloudwatch))) == 1 else lambda name: None,
            ),
            place=f"{place.account} in {place.region}",
        )

    def _polled(self, finder: GroupFinder, make: Callable[[Target, Pace], GroupPull]) -> PolledGroups[GroupPull]:
        settings, cloudwatch = self._settings.forwarder, self._settings.cloudwatch
        tps = tiers.quota_tps(settings, cloudwatch)
        is_aws = cloudwatch.endpoint_url is None
        return PolledGroups(
            finder,
            lambda groups: tiers.limits(settings, groups, tps),
            make,
            tune=settings.tune,
            idle_ms=tiers.HOT_RAREST_MS if is_aws else 0,
            unknown_ms=int(settings.overlap_s * 1000) if is_aws else 0,
        )

    def _pull(
        self, target: Target, pace: Pace, *, cloudwatch: CloudWatch, outbox: Outbox, leadership: Leadership
    ) -> GroupPull:
        settings = self._settings
        return GroupPull(
            target.name,
            target.identifier,
            self.writer(target, outbox, cloudwatch.clock),
            cloudwatch,
            outbox,
            pace,
            topic=self._topics.logs,
            page_limit=settings.forwarder.page_limit,
            clock=cloudwatch.clock,
            stopping=leadership.over,
            meter=self._meter,
        )
