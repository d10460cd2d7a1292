"""One log group, read window by window: fetch, drop what was seen, deliver, and only then move on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clearsight.errors import Unavailable
from clearsight.logline import Ended, ForwarderState
from connectors.cloudwatch import pages
from connectors.cloudwatch.deliver import DeliveryFailed, Outbox
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.metrics import Ages, Meter
from connectors.cloudwatch.pace import Pace
from connectors.cloudwatch.pages import Event, LogsApi
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.topic_reader import Offsets
from connectors.cloudwatch.window import Progress, Window
from connectors.cloudwatch.writer import GroupWriter


class Stopped(Exception):
    """Asked to stop in the middle of a window; it does not count as read."""


class GroupPull:
    """`name` is the group's in checkpoints, `identifier` its name or ARN in calls. `progress` and the writer's ids say
    where it goes on; both are replaced after a failed delivery."""

    def __init__(
        self,
        name: str,
        identifier: str,
        writer: GroupWriter,
        api: LogsApi,
        outbox: Outbox,
        pace: Pace,
        *,
        topic: str,
        page_limit: int,
        clock: Callable[[], int],
        stopping: Callable[[], bool],
        meter: Meter,
    ) -> None:
        self.name = name
        self.writer = writer
        self._identifier = identifier
        self._api = api
        self._outbox = outbox
        self._pace = pace
        self._topic = topic
        self._page_limit = page_limit
        self._clock = clock
        self._stopping = stopping
        self._meter = meter
        self._progress: Progress | None = None
        self._base_offsets: Offsets = {}
        self._teach = False
        self._ended: Ended | None = None

    @property
    def origin(self) -> Origin:
        return self.writer.origin

    @property
    def progress(self) -> Progress:
        assert self._progress is not None, "resume first"
        return self._progress

    def resume(self, progress: Progress, seen: SeenIds, offsets: Offsets) -> None:
        """Go on from there; `offsets` are the ends of the output topic. The first window is parsed whole: it teaches
        the request → correlation memory again."""
        self._progress = progress
        self._retune()
        self.writer.begin(seen)
        self._base_offsets = offsets
        self._teach = True
        self._ended = None

    def poll(self) -> int | None:
        """Read the window that is due; returns how many lines it delivered, None where none is due.

        Raises CloudWatchFailure, Unavailable, DeliveryFailed and Stopped, after which the window is due again.
        """
        began = self._clock()
        window = self.progress.next(began)
        if window is None:
            return None
        live_from = self._pace.live_from(began, self.progress.read_at)
        try:
            read, delivered = self._deliver(window, live_from)
        except DeliveryFailed:
            raise
        except Unavailable:
            self.progress.failed(window, self._clock())
            raise
        self.progress.complete(window, read)
        self.writer.seen.forget_before(self.progress.horizon)
        self._teach = False
        now = self._clock()
        self._pace.completed(window, began, now, delivered)
        self._retune()
        self._meter.group(self.name, len(self.writer.seen), self._ages(now))
        return delivered

    def swept(self) -> dict[str, int]:
        """Tier → the time by which all that it had to read was read."""
        return {self._pace.tier_name(number): swept for number, swept in enumerate(self.progress.swept)}

    def _retune(self) -> None:
        now = self._clock()
        self.progress.retune(self._pace.tiers(now), self._pace.usual_ms(now))

    def _ages(self, now: int) -> Ages:
        progress, swept = self.progress, self.swept()
        return Ages(now - progress.through, now - progress.horizon, {tier: now - at for tier, at in swept.items()})

    def push(self, events: Sequence[Event]) -> None:
        """Deliver lines that CloudWatch pushed. Raises DeliveryFailed."""
        self.writer.write(events, via="push")
        self.writer.settle()

    def let_go(self) -> None:
        """It was deleted, and is no longer read: `state` says so."""
        self._ended = "deleted"
        self._meter.gone(self.name)

    def stand_by(self) -> None:
        """Another forwarder reads it, and says how far."""
        self._meter.gone(self.name)

    def state(self) -> ForwarderState:
        """The checkpoint to write now."""
        offsets = {**self._base_offsets, **self._outbox.next_offsets(self._topic)}
        return ForwarderState(
            group=self.name,
            through=self.progress.through,
            offsets={str(partition): offset for partition, offset in offsets.items()},
            written=self._clock(),
            settled=self.progress.settled,
            ended=self._ended,
        )

    def _deliver(self, window: Window, live_from: int | None) -> tuple[int, int]:
        """How many events were read and how many of them were new."""
        read = new = 0
        for page in pages.read(self._api, self._identifier, window, self._page_limit):
            if self._stopping():
                self.writer.settle()
                raise Stopped
            read += len(page)
            fresh = self.writer.write(page, teach=self._teach)
            new += len(fresh)
            if live_from is not None:
                self._notice(fresh, window, live_from)
        self.writer.settle()
        return read, new

    def _notice(self, fresh: Sequence[Event], window: Window, live_from: int) -> None:
        now = self._clock()
        for event in fresh:
            late = event.timestamp < live_from and window.tier > 0
            self._pace.observe(now - event.timestamp)
            self._meter.visible(now - event.timestamp, self._pace.tier_name(window.tier) if late else None)
