"""Work on the past from the settings: which groups, which time, and that nobody else writes lines of it meanwhile."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from threading import Event

from clearsight.errors import Unavailable
from clearsight.settings import Settings
from clearsight.topics import TopicNames
from connectors.cloudwatch.assembly import Assembly
from connectors.cloudwatch.audit import Comparison, Heal, compare
from connectors.cloudwatch.backfill import Backfill, Past
from connectors.cloudwatch.client import CloudWatch, CloudWatchFailure
from connectors.cloudwatch.groups import Target
from connectors.cloudwatch.history import History
from connectors.cloudwatch.jobs import Job, read_job
from connectors.cloudwatch.lease import Granted, KafkaLease
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.metrics import Unmetered
from connectors.cloudwatch.pages import Event as Line
from connectors.cloudwatch.places import places
from connectors.cloudwatch.published import Published, published
from connectors.cloudwatch.settled import Running, running, settled_through, why_short
from connectors.cloudwatch.slices import is_lasting
from connectors.cloudwatch.sought import Sought, Targets, find
from connectors.cloudwatch.start import wait_for_topics
from connectors.cloudwatch.state import read_states
from connectors.cloudwatch.tiers import quota_tps
from connectors.cloudwatch.writer import GroupWriter

Tell = Callable[[str, float], None]
"""What is being done, and the share of it that is done."""


_AT_ONCE = 10_000
"""Lines that are sent before Kafka is waited for."""

NOT_BEGUN = "the forwarder that runs has not begun with it yet"


@dataclass(frozen=True)
class Wanted:
    """What a person asks for. Times in epoch milliseconds; `until` is exclusive."""

    since: int
    until: int
    groups: tuple[str, ...] = ()
    """Empty: all that are read."""
    newest_first: bool = True
    rate_share: float = 0.5
    spec: str = ""
    """What makes two questions the same one: an unfinished job of it goes on. Empty: the times."""


@dataclass(frozen=True)
class Span:
    """A log group's part of it: what is later is the running forwarder's own work."""

    target: Target
    api: CloudWatch
    since: int
    until: int
    short: str | None = None
    """Why it ends before what is wanted, where the running forwarder would have settled more."""


class PastWork:
    """One at a time: `alone` holds the lease for work on the past."""

    def __init__(self, settings: Settings, stopping: Event) -> None:
        self._settings = settings
        self._topics = TopicNames(settings.kafka.topic_prefix)
        self._stopping = stopping
        self._assembly = Assembly(settings, self._topics, Granted(), Unmetered(), stopping)
        self._reader = self._assembly.reader()
        self._held = ExitStack()
        self.now = self._assembly.clock

    @contextmanager
    def alone(self) -> Iterator[PastWork]:
        """Raises Unavailable where Kafka is away, or another one is at work."""
        servers, limit_s = self._settings.kafka.bootstrap_servers, self._settings.forwarder.start_timeout_s
        names = (self._topics.logs, self._topics.forwarder_state, self._topics.forwarder_jobs)
        wait_for_topics(servers, names, limit_s, self._stopping)
        with self._held:
            self._hold(self._topics.forwarder_jobs, "past", "another backfill or verify is at work")
            yield self

    def backfill(self, wanted: Wanted, tell: Tell) -> Job:
        """Read what is wanted; the job's last state. The same question goes on where it was stopped.

        Raises ConfigurationError, CloudWatchFailure, DeliveryFailed and Unavailable.
        """
        targets = self._targets(wanted)
        job = self._job(wanted, [target.name for target, _ in targets.found])
        spans, left = self._spans(targets, job.since, job.until)
        there = self._published(spans)
        outbox = self._assembly.outbox()
        pasts = []
        for span in spans:
            name, writer = span.target.name, self._assembly.writer(span.target, outbox, self.now, "backfill")
            writer.begin(there[span.target.origin].seen)
            position = job.positions.get(name)
            history = History(span.since, span.until, newest_first=job.newest_first, position=position)
            pasts.append(Past(name, span.target.identifier, span.api, writer, history))
        work = Backfill(
            job,
            pasts,
            outbox,
            jobs_topic=self._topics.forwarder_jobs,
            page_limit=self._settings.forwarder.page_limit,
            stopping=self._stopping,
        )
        job, undone = _ended(work, tell)
        undone += [f"{name}: {failure.message}" for name, failure in targets.unfound.items()]
        undone += [f"{NOT_BEGUN}: {', '.join(left)}"] if left else []
        if undone:
            raise Unavailable(
                "; ".join(undone), "all others are done; give the same command again when these are mended"
            )
        return job

    def verify(self, wanted: Wanted, *, healing: bool, tell: Tell) -> list[Comparison]:
        """Compare what is wanted, group by group; send what is missing where `healing`. A group that may not be read is a
        comparison with a `problem`, and so is one that is not settled; else raises as `backfill`."""
        targets = self._targets(wanted)
        spans, left = self._spans(targets, wanted.since, wanted.until)
        there = self._published(spans)
        outbox = self._assembly.outbox()
        found = []
        for span in spans:
            published_lines = there[span.target.origin]
            writer = self._assembly.writer(span.target, outbox, self.now, "backfill")
            writer.begin(published_lines.seen)
            found.append(
                self._compared(span, published_lines, tell, partial(send_missing, writer) if healing else None)
            )
        problems = {name: failure.message for name, failure in targets.unfound.items()} | dict.fromkeys(left, NOT_BEGUN)
        return found + [
            Comparison(name, wanted.since, is_whole=False, problem=problem) for name, problem in problems.items()
        ]

    def _compared(self, span: Span, there: Published, tell: Tell, heal: Heal | None) -> Comparison:
        history = History(span.since, span.until, newest_first=False)
        limit, told = self._settings.forwarder.page_limit, partial(tell, span.target.name)
        try:
            found = compare(
                span.target.name, span.target.identifier, span.api, history, there, limit, told, self._stopping, heal
            )
        except CloudWatchFailure as error:
            if not is_lasting(error):
                raise
            return Comparison(span.target.name, span.since, is_whole=False, problem=error.message)
        return ended_short(found, span.short)

    def _targets(self, wanted: Wanted) -> Targets:
        return find(self._sought(wanted.rate_share), wanted.groups)

    def _sought(self, rate_share: float) -> Iterator[Sought]:
        for place in places(self._settings.cloudwatch):
            api = self._assembly.cloudwatch(place, rate_share)
            for pattern in place.groups:
                finder = self._assembly.finder(api, place._replace(groups=(pattern,)))
                yield Sought(pattern, place.account, place.region, api, finder)

    def _job(self, wanted: Wanted, groups: Sequence[str]) -> Job:
        name = _job_name(wanted, groups)
        kept = read_job(self._reader, self._topics.forwarder_jobs, name)
        if kept is not None and not kept.finished:
            return kept
        return Job(job=name, since=wanted.since, until=wanted.until, newest_first=wanted.newest_first, positions={})

    def _spans(self, targets: Targets, since: int, until: int) -> tuple[list[Span], list[str]]:
        """And the groups that have to be left to the forwarder that runs."""
        names = {target.name for target, _ in targets.found}
        states = read_states(self._reader, self._topics.forwarder_state, names)
        left = set[str]()
        if names - states.keys() and until > self.now() - int(self._settings.forwarder.start_back_s * 1000):
            left = self._not_ours(names - states.keys(), names)
        expected, now = self._running(targets.read), self.now()
        spans = []
        for target, api in targets.found:
            state = states.get(target.name)
            if state is not None:
                end, short = settled_through(state), why_short(state, until, now, expected)
                spans.append(Span(target, api, since, min(until, end), short))
            elif target.name not in left:
                spans.append(Span(target, api, since, min(until, now)))
        return spans, sorted(left)

    def _running(self, groups: int) -> Running:
        forwarder, cloudwatch = self._settings.forwarder, self._settings.cloudwatch
        return running(forwarder, groups, quota_tps(forwarder, cloudwatch), cloudwatch.clock_speed)

    def _not_ours(self, unbegun: set[str], names: set[str]) -> set[str]:
        """Of groups that no forwarder has read yet, those that one may begin with meanwhile: none where we can keep it
        from that. Raises Unavailable where they are all that is wanted."""
        try:
            self._hold(self._topics.forwarder_state, "forwarder", f"{NOT_BEGUN}: {min(unbegun)}")
        except Unavailable:
            if unbegun == names or self._stopping.is_set():
                raise
            return unbegun
        return set()

    def _published(self, spans: Sequence[Span]) -> dict[Origin, Published]:
        """Read after the spans' ends are known: the forwarder writes nothing of before them any more."""
        times = {span.target.origin: (span.since, span.until) for span in spans}
        return published(self._reader, self._topics.logs, times, self.now.real)

    def _hold(self, topic: str, name: str, why_not: str) -> None:
        """Keep others from beginning until the work is done."""
        lease_s = self._settings.forwarder.lease_s
        lease = KafkaLease(self._settings.kafka.bootstrap_servers, topic, f"{self._topics.prefix}-{name}", lease_s)
        lease.start()
        self._held.callback(lease.close)
        give_up = time.monotonic() + 2 * lease_s
        while not lease.term:
            if self._stopping.wait(0.1):
                raise Unavailable("stopped before the work began", "give the same command again")
            if time.monotonic() > give_up:
                raise Unavailable(why_not, "try again when it has ended")


def _ended(work: Backfill, tell: Tell) -> tuple[Job, list[str]]:
    """The job's last state, and what could not be read. Raises as Backfill does for what is not lasting."""
    try:
        return work.run(lambda step: tell(step.name, step.share_done)), []
    except CloudWatchFailure as failure:
        if not is_lasting(failure):
            raise
        return work.job, [failure.message]


def ended_short(found: Comparison, why: str | None) -> Comparison:
    """With `why` as its problem; one that was stopped says so, whatever else would have kept it from the end."""
    if why is None or not found.is_whole:
        return found
    return replace(found, is_whole=False, problem=why)


def send_missing(writer: GroupWriter, lines: Sequence[Line]) -> None:
    """The lines of a slice, in order of time, to the topic. Raises DeliveryFailed."""
    for first in range(0, len(lines), _AT_ONCE):
        writer.write(lines[first : first + _AT_ONCE], teach=True)
        writer.settle()


def _job_name(wanted: Wanted, groups: Sequence[str]) -> str:
    order = "newest" if wanted.newest_first else "oldest"
    what = wanted.spec or f"{wanted.since}-{wanted.until}"
    text = "\n".join([what, order, *sorted(groups)])
    return f"backfill-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
