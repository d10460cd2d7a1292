"""Stack traces whose lines came as events of their own, as containers write them.

Every event stays a record. The line that a stack belongs to gets the whole stack, error and causes; the lines of the
stack say in `attributes.continues` whose they are, are no errors themselves, and have the ids of that line. Where a page
ends within a stack, the rest of it becomes an error that continues the first one: nothing waits for the next page.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import msgspec

from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import TRACEBACK, Told, causes_of, ends_traceback, make_error, names_error

GAP_MS = 2000
"""Lines further apart do not belong together."""
MAX_LINES = 500
MAX_STREAMS = 10_000
REMEMBERED_CHARACTERS = 300
CONTINUES = "continues"

_FRAME = re.compile(r"\s+at \S.*\)\s*\Z")
_OTHER_GOES_ON = re.compile(r"\s+at |Caused by: |\s+\.\.\. \d+ |\s+Suppressed: ")
_PYTHON_GOES_ON = re.compile(
    r"\s|\Z|Traceback |During handling of |The above exception |DETAIL: |HINT: |CONTEXT: |QUERY: |LINE \d"
)
_IDS = ("scenario_id", "run_id", "user_id", "node", "service", "request_id", "trace_id")


class _Line(NamedTuple):
    event: Event
    parsed: Parsed
    is_past: bool = False
    """Of an earlier page, or sent before: its record has been made."""


@dataclass(slots=True)
class _Stack:
    kind: Literal["python", "other"]
    head: _Line
    lines: list[_Line]
    """Of this page; the head is one of them where nothing but the stack was written."""
    last_ms: int
    told: bool = False
    """Its error has been named: only what explains it may follow."""

    def takes(self, line: _Line) -> bool:
        text = line.parsed.message
        if not 0 <= line.event.timestamp - self.last_ms <= GAP_MS or len(self.lines) >= MAX_LINES:
            return False
        if self.kind == "other":
            return bool(_OTHER_GOES_ON.match(text))
        if _PYTHON_GOES_ON.match(text):
            self.told = self.told and not text.startswith(TRACEBACK)
            return True
        if self.told or ends_traceback(text) is None:
            return False
        self.told = True
        return True

    def add(self, line: _Line) -> None:
        self.lines.append(line)
        self.last_ms = line.event.timestamp


class Continuations:
    """Of one log group. Remembers the last line, and the unfinished stack, of each stream."""

    def __init__(self) -> None:
        self._last: dict[str, _Line] = {}
        self._open: dict[str, _Stack] = {}

    def join(
        self, events: Sequence[Event], parsed: Sequence[Parsed], sent: Container[str] = frozenset()
    ) -> list[tuple[Parsed, Parsed]]:
        """Join the stacks of a page, in its order; the lines in `sent` cannot tell of an error any more. Returns (line,
        the line that it continues), for `inherit`."""
        found: list[_Stack] = []
        last: dict[str, int] = {}
        for place, event in enumerate(events):
            stream, each = event.stream, parsed[place]
            if each.format == "text" or stream in self._open:
                if (before := last.get(stream)) is not None:
                    self._last[stream] = _Line(events[before], parsed[before], events[before].id in sent)
                self._see(_Line(event, each, event.id in sent), found)
            last[stream] = place
        pairs = [pair for stack in found for pair in _finished(stack)]
        self._last |= {stream: _remembered(events[place], parsed[place]) for stream, place in last.items()}
        if len(self._last) > MAX_STREAMS:
            self._last.clear()
            self._open.clear()
        for stream, stack in self._open.items():
            head = _remembered(stack.head.event, stack.head.parsed)
            self._open[stream] = _Stack(stack.kind, head, [], stack.last_ms, stack.told)
        return pairs

    def _see(self, line: _Line, found: list[_Stack]) -> None:
        stream = line.event.stream
        stack = self._open.get(stream)
        if stack is not None:
            if line.parsed.format == "text" and stack.takes(line):
                if not stack.lines:
                    found.append(stack)
                stack.add(line)
                return
            del self._open[stream]
        if line.parsed.format == "text" and (begun := self._begun(line)) is not None:
            self._open[stream] = begun
            found.append(begun)

    def _begun(self, line: _Line) -> _Stack | None:
        text = line.parsed.message
        before = self._last.get(line.event.stream)
        if before is not None and not 0 <= line.event.timestamp - before.event.timestamp <= GAP_MS:
            before = None
        if text.startswith(TRACEBACK) and "\n" not in text:
            head = before if before is not None and _may_head(before.parsed) else line
            return _Stack("python", head, [line], line.event.timestamp)
        if before is None or not _FRAME.match(text):
            return None
        if _may_head(before.parsed) or names_error(before.parsed.message):
            return _Stack("other", before, [line], line.event.timestamp)
        return None


def inherit(pairs: Sequence[tuple[Parsed, Parsed]]) -> None:
    """Give the lines of stacks the ids of the lines that they continue."""
    for line, head in pairs:
        for name in _IDS:
            if getattr(line, name) is None:
                setattr(line, name, getattr(head, name))
        if line.correlation_id is None and head.correlation_id is not None:
            line.correlation_id, line.correlation_source = head.correlation_id, "inherited"


def _may_head(parsed: Parsed) -> bool:
    """Whether a stack may belong to that line: it tells of an error, and has no stack of its own."""
    return parsed.level in ("ERROR", "FATAL") and (parsed.error is None or parsed.error.stack is None)


def _remembered(event: Event, parsed: Parsed) -> _Line:
    """What may be asked of a line when its page is gone: not its texts, which may be long."""
    error = parsed.error
    if error is not None and error.stack:
        error = msgspec.structs.replace(error, message=None, stack=TRACEBACK)
    kept = msgspec.structs.replace(parsed, message=parsed.message[:REMEMBERED_CHARACTERS], attributes={}, error=error)
    return _Line(Event(event.id, event.timestamp, None, event.stream, ""), kept, is_past=True)


def _finished(stack: _Stack) -> list[tuple[Parsed, Parsed]]:
    head = next((line for line in (stack.head, *stack.lines) if not line.is_past), stack.lines[0])
    text = "\n".join(line.parsed.message for line in stack.lines)
    if stack.kind == "other" and names_error(stack.head.parsed.message):
        text = f"{stack.head.parsed.message}\n{text}"
    _tell(head.parsed, text, next(filter(None, map(ends_traceback, reversed(text.split("\n")))), None))
    for line in stack.lines:
        if line is not head:
            line.parsed.error, line.parsed.level = None, "INFO"
        if line is not stack.head:
            line.parsed.attributes = {**line.parsed.attributes, CONTINUES: stack.head.event.id}
    return [(line.parsed, stack.head.parsed) for line in stack.lines if line is not stack.head]


def _tell(head: Parsed, stack: str, end: Told | None) -> None:
    """The head becomes the error that its stack tells of; `end` is what the rest of a torn one ends with."""
    known = head.error
    head.error = make_error(None, None, stack)
    if head.error is not None and head.error.type is None:
        kind, message = (known.type, known.message) if known is not None else end or (None, None)
        head.error = make_error(kind, message, stack)
    head.level = "ERROR" if head.level != "FATAL" else head.level
    if causes := causes_of(stack):
        head.attributes = {**head.attributes, "causes": causes}
