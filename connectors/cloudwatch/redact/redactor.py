"""Redacts what a log line says: message, service, node, error and attributes; never its ids, by which it is joined.

The line is encoded first, and one pass over its bytes says which patterns may be in it: most lines have none, and cost
only that pass. Only for the others is each text searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import re2

from clearsight.logline import LogError, LogLine
from connectors.cloudwatch.redact.keys import DeniedKeys
from connectors.cloudwatch.redact.patterns import ESCAPES, PATTERNS, Pattern
from connectors.cloudwatch.redact.pseudonym import Pseudonym
from connectors.cloudwatch.redact.search import Compiled, Search

_GATE_MEMORY_BYTES = 64 << 20
_REMEMBERED = 1_000
_IDS_END = b'"message":'
"""Of a record: the ids stand before, whatever may be redacted behind. No text can hold this, because its quotes are
escaped there."""
_encode = msgspec.json.Encoder().encode


class Redacted(msgspec.Struct, frozen=True, gc=False):
    value: bytes
    """The record's JSON."""
    redactions: dict[str, int]
    """How much was replaced, by kind."""


class Redactor:
    """`user_key` turns user ids into HMAC-SHA256 of them, the same for the same id; None leaves them as they are."""

    def __init__(
        self, *, keys: Iterable[str] = (), patterns: Sequence[Pattern] = PATTERNS, user_key: bytes | None = None
    ) -> None:
        self._keys = DeniedKeys(keys)
        self._user_key = user_key
        self._patterns = tuple(Compiled(re2.compile(p.expression), p) for p in patterns)
        self._marks = frozenset({*self._keys.kinds, *(pattern.kind for pattern in patterns)})
        self._harmless: set[str] = set()
        options = re2.Options()
        options.max_mem = _GATE_MEMORY_BYTES
        gate = re2.Set.SearchSet(options)
        for pattern in patterns:
            gate.Add(pattern.gate)
        gate.Add(self._keys.gate)
        gate.Add(ESCAPES)
        gate.Compile()
        self._hits = gate.Match

    def record(self, line: LogLine) -> Redacted:
        """The line's JSON, redacted. Raises what msgspec raises for what it cannot encode."""
        if self._user_key is not None and line.user_id is not None:
            line = Pseudonym(line.user_id, self._user_key).line(line)
        value = _encode(line)
        hits = self._hits(value[value.find(_IDS_END) :])
        if not hits:
            return Redacted(value, line.redactions)
        line = self._redacted(line, hits)
        return Redacted(_encode(line), line.redactions)

    def line(self, line: LogLine) -> LogLine:
        """The same as a line."""
        return msgspec.json.decode(self.record(line).value, type=LogLine)

    def text(self, text: str) -> str:
        """Any text, for what is no line: a dead letter, a message of our own."""
        return Search(self._patterns, self._keys, self._marks).text(text)

    def _redacted(self, line: LogLine, hits: Sequence[int]) -> LogLine:
        known = len(self._patterns)
        escapes = known + 1 in hits
        found = self._patterns if escapes else [self._patterns[hit] for hit in sorted(hits) if hit < known]
        search = Search(found, self._keys, self._marks)
        message = search.text(line.message)
        service, node = self._name(line.service, search), self._name(line.node, search)
        error = line.error and _error(line.error, search)
        attributes = search.value(line.attributes) if line.attributes else line.attributes
        return msgspec.structs.replace(
            line,
            message=message,
            service=service,
            node=node,
            error=error,
            attributes=attributes,
            redactions=line.redactions | search.counts,
        )

    def _name(self, name: str | None, search: Search) -> str | None:
        """A service's or a node's: few of them, on many lines. The gate finds in each line what it found in the first."""
        if name is None or name in self._harmless:
            return name
        redacted = search.text(name)
        if redacted == name and len(self._harmless) < _REMEMBERED:
            self._harmless.add(name)
        return redacted


def _error(error: LogError, search: Search) -> LogError:
    return msgspec.structs.replace(
        error,
        type=search.text(error.type) if error.type else error.type,
        message=search.text(error.message) if error.message else error.message,
        stack=search.text(error.stack) if error.stack else error.stack,
    )


DEFAULT = Redactor()
