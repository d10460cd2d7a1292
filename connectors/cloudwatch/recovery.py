"""Where groups go on: their checkpoints, and the ids that the output topic holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from clearsight.logline import ForwarderState
from clearsight.settings import ForwarderSettings
from clearsight.topics import TopicNames
from connectors.cloudwatch.event_ids import FUTURE_MS
from connectors.cloudwatch.pace import Limits
from connectors.cloudwatch.pull import GroupPull
from connectors.cloudwatch.state import all_states, read_states, rebuild_seen
from connectors.cloudwatch.topic_reader import TopicReader
from connectors.cloudwatch.window import Progress

log = logging.getLogger(__name__)


class Recovery:
    """`real` turns a time of the lines into one of the broker."""

    def __init__(
        self,
        reader: TopicReader,
        topics: TopicNames,
        settings: ForwarderSettings,
        limits: Sequence[Limits],
        real: Callable[[int], int] = int,
    ) -> None:
        self._reader = reader
        self._topics = topics
        self._settings = settings
        self._tiers = tuple(limit.least for limit in limits)
        self._real = real

    def states(self) -> list[ForwarderState]:
        """The checkpoints of all groups that were ever read. Raises Unavailable."""
        return all_states(self._reader, self._topics.forwarder_state)

    def resume(self, pulls: Sequence[GroupPull], now: int) -> None:
        """Let each of them go on where it was, or begin `start_back_s` before `now`. Raises Unavailable."""
        states = read_states(self._reader, self._topics.forwarder_state, {pull.name for pull in pulls})
        beginning = now - int(self._settings.start_back_s * 1000)
        progresses = {}
        for pull in pulls:
            state = states.get(pull.name)
            through, settled = (state.through, state.settled) if state else (beginning, (beginning,))
            progresses[pull.name] = Progress(self._tiers, through, self._settings.settle_ms, settled)
        horizons = {pull.origin: progresses[pull.name].horizon for pull in pulls}
        checkpoints = [{int(p): offset for p, offset in state.offsets.items()} for state in states.values()]
        ahead_ms = FUTURE_MS if self._settings.push.is_on else 0
        seen = rebuild_seen(self._reader, self._topics.logs, horizons, checkpoints, real=self._real, ahead_ms=ahead_ms)
        ends = self._reader.end_offsets(self._topics.logs)
        for pull in pulls:
            pull.resume(progresses[pull.name], seen[pull.origin], ends)
            where = "goes on" if pull.name in states else "begins"
            through = pull.progress.through
            log.info("%s: %s at event time %d, %d ids known", pull.name, where, through, len(seen[pull.origin]))
