"""Correlation ids for lines that carry none: from the request they belong to, else the trace.

What a stream has shown so far is kept in a small least-recently-used memory; nothing here is the truth, only the best
that the forwarder can know, and `correlation_source` says how it was known.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeVar

from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.record import Parsed

Key = TypeVar("Key")
Value = TypeVar("Value")

AMBIGUOUS = ""
"""Remembered for a request that named several correlation ids: none of them is inherited."""


class Requests:
    """Which request a stream is working on, and which correlation id a request has. One log group's."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._capacity = capacity
        self._correlation: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._current: OrderedDict[str, tuple[int, float, str]] = OrderedDict()
        """Since when, until when (epoch milliseconds), and which."""

    def correlate(self, events: Sequence[Event], parsed: Sequence[Parsed]) -> None:
        """Complete what was read from a page of events, in order of time. A whole page at once: Lambda's START comes
        before the first line that names the correlation id."""
        without = []
        before: tuple[str, str | None, str | None] = ("", None, None)
        for event, line in zip(events, parsed, strict=True):
            if line.request_id is None or line.starts_request or line.ends_request:
                self._place(event.stream, event.timestamp, line)
            if line.correlation_id is None:
                without.append((event.stream, line))
            elif line.request_id is not None:
                told = (event.stream, line.request_id, line.correlation_id)
                if told != before:  # a request's lines stand together
                    self._learn(told[:2], line.correlation_id)
                    before = told
        for stream, line in without:
            self._inherit(stream, line)

    def _place(self, stream: str, timestamp: int, parsed: Parsed) -> None:
        """Note a START and an END; give a line without request id that of the START before it, up to the END."""
        since, until, request_id = self._current.get(stream, (0, math.inf, ""))
        if parsed.request_id:
            if parsed.starts_request and timestamp >= since:
                self._keep(self._current, stream, (timestamp, math.inf, parsed.request_id))
            elif parsed.ends_request and parsed.request_id == request_id:
                self._keep(self._current, stream, (since, timestamp, request_id))
        elif request_id and since <= timestamp <= until:
            parsed.request_id = request_id

    def _learn(self, key: tuple[str, str], correlation_id: str) -> None:
        known = self._correlation.get(key, correlation_id)
        self._keep(self._correlation, key, correlation_id if known == correlation_id else AMBIGUOUS)

    def _inherit(self, stream: str, parsed: Parsed) -> None:
        inherited = self._correlation.get((stream, parsed.request_id)) if parsed.request_id else None
        if inherited:
            parsed.correlation_id, parsed.correlation_source = inherited, "inherited"
        elif parsed.trace_id:
            parsed.correlation_id, parsed.correlation_source = parsed.trace_id, "trace"

    def _keep(self, memory: OrderedDict[Key, Value], key: Key, value: Value) -> None:
        memory[key] = value
        memory.move_to_end(key)
        if len(memory) > self._capacity:
            memory.popitem(last=False)
