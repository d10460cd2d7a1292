"""One log group, read window by window: fetch, drop what was seen, deliver, and only then move on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from clearsight.logline import ForwarderState
from connectors.cloudwatch import pages
from connectors.cloudwatch.deliver import Outbox
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.pages import Event, LogsApi
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.redact.redactor import DEFAULT, Redactor
from connectors.cloudwatch.seen import SeenIds
from connectors.cloudwatch.topic_reader import Offsets
from connectors.cloudwatch.transcript import Transcript
from connectors.cloudwatch.window import Progress, Window


class Stopped(Exception):
    """Asked to stop in the middle of a window; it does not count as read."""


class GroupPull:
    """`progress` and `seen` say where it goes on; both are replaced after a failed delivery."""

    def __init__(
        self,
        origin: Origin,
        api: LogsApi,
        outbox: Outbox,
        *,
        topic: str,
        page_limit: int,
        clock: Callable[[], int],
        stopping: Callable[[], bool],
        redactor: Redactor = DEFAULT,
    ) -> None:
        self.origin = origin
        self._api = api
        self._outbox = outbox
        self._topic = topic
        self._page_limit = page_limit
        self._clock = clock
        self._stopping = stopping
        self._transcript = Transcript(origin, redactor)
        self._progress: Progress | None = None
        self._seen = SeenIds()
        self._base_offsets: Offsets = {}
        self._warm = False

    @property
    def progress(self) -> Progress:
        assert self._progress is not None, "resume first"
        return self._progress

    def resume(self, progress: Progress, seen: SeenIds, offsets: Offsets) -> None:
        """Go on from there; `offsets` are the ends of the output topic. The first window is parsed whole: it teaches
        the request → correlation memory again."""
        self._progress = progress
        self._seen = seen
        self._base_offsets = offsets
        self._warm = True

    def poll(self) -> int | None:
        """Read the window that is due; returns how many lines it delivered, None where none is due.

        Raises CloudWatchFailure, Unavailable, DeliveryFailed and Stopped, after which the window is due again.
        """
        window = self.progress.next(self._clock())
        if window is None:
            return None
        read, delivered = self._deliver(window)
        self.progress.complete(window, read)
        self._seen.forget_before(self.progress.horizon)
        self._warm = False
        return delivered

    def state(self) -> ForwarderState:
        """The checkpoint to write now."""
        offsets = {**self._base_offsets, **self._outbox.next_offsets(self._topic)}
        return ForwarderState(
            group=self.origin.group,
            through=self.progress.through,
            offsets={str(partition): offset for partition, offset in offsets.items()},
            written=self._clock(),
        )

    def _deliver(self, window: Window) -> tuple[int, int]:
        """How many events were read and how many of them were new."""
        read = 0
        sent: set[str] = set()
        for page in pages.read(self._api, self.origin.group, window, self._page_limit):
            if self._stopping():
                self._outbox.settle()
                raise Stopped
            read += len(page)
            fresh = [e for e in page if e.id not in sent and not self._seen.has(e.id, e.timestamp)]
            parsed = self._read(page if self._warm else fresh)
            for event in fresh:
                self._send(event, parsed[event.id])
                sent.add(event.id)
        self._outbox.settle()
        return read, len(sent)

    def _read(self, events: list[Event]) -> dict[str, Parsed]:
        return {event.id: parsed for event, parsed in zip(events, self._transcript.read(events), strict=True)}

    def _send(self, event: Event, parsed: Parsed) -> None:
        record = self._transcript.record(event, parsed, self._clock())
        remember = partial(self._seen.add, event.id, event.timestamp)
        self._outbox.send(self._topic, record.key, record.value, event.id, remember)
