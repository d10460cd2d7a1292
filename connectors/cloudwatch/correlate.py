"""Correlation ids for lines that carry none: from the request they belong to, else the trace.

What a stream has shown so far is kept in a small least-recently-used memory; nothing here is the truth, only the best
that the forwarder can know, and `correlation_source` says how it was known.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

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

    def correlate(self, lines: Iterable[tuple[str, int, Parsed]]) -> None:
        """Complete lines, each (stream, epoch milliseconds, parsed), in order of time. A whole page at once: Lambda's
        START comes before the first line that names the correlation id."""
        page = list(lines)
        for stream, timestamp, parsed in page:
            if parsed.request_id is None or parsed.starts_request or parsed.ends_request:
                self._place(stream, timestamp, parsed)
            if parsed.correlation_id is not None and parsed.request_id is not None:
                self._learn((stream, parsed.request_id), parsed.correlation_id)
        for stream, _, parsed in page:
            if parsed.correlation_id is None:
                self._inherit(stream, parsed)

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
