"""Redacts a log line's text: message, error and attributes; never its ids, by which it is joined.

The line is encoded first, and one pass over its bytes says which patterns may be in it: most lines have none, and cost
only that pass. Only for the others is each text searched.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import orjson
import re2

from clearsight.logline import LogError, LogLine
from connectors.cloudwatch.parse.json_line import json_of
from connectors.cloudwatch.redact.keys import DeniedKeys
from connectors.cloudwatch.redact.patterns import ESCAPES, PATTERNS, Pattern

_GATE_MEMORY_BYTES = 64 << 20
_SHORTEST_NAME = 4
"""A user's id that is shorter is not looked for in text: it would be found everywhere."""
_IDS_END = b'"message":'
"""Of a record: the ids stand before, and no text can hold this, because its quotes are escaped there."""
_encode = msgspec.json.Encoder().encode


class _Compiled(NamedTuple):
    kind: str
    regexp: Any
    pattern: Pattern


class Redactor:
    """`user_key` turns user ids into HMAC-SHA256 of them, the same for the same id; None leaves them as they are."""

    def __init__(
        self, *, keys: Iterable[str] = (), patterns: Sequence[Pattern] = PATTERNS, user_key: bytes | None = None
    ) -> None:
        self._keys = DeniedKeys(keys)
        self._user_key = user_key
        self._patterns = tuple(_Compiled(p.kind, _compiled(p.expression), p) for p in patterns)
        options = re2.Options()
        options.max_mem = _GATE_MEMORY_BYTES
        gate = re2.Set.SearchSet(options)
        for pattern in patterns:
            gate.Add(pattern.gate)
        gate.Add(self._keys.gate)
        gate.Add(ESCAPES)
        gate.Compile()
        self._hits = gate.Match

    def record(self, line: LogLine) -> bytes:
        """The line's JSON, redacted. Raises what msgspec raises for what it cannot encode."""
        if self._user_key is not None and line.user_id is not None:
            line = self._without_user(line, line.user_id, self._user_key)
        value = _encode(line)
        hits = self._hits(value[value.find(_IDS_END) :])
        return _encode(self._redacted(line, hits)) if hits else value

    def line(self, line: LogLine) -> LogLine:
        """The same as a line."""
        return msgspec.json.decode(self.record(line), type=LogLine)

    def text(self, text: str) -> str:
        """Any text, for what is no line: a dead letter, a message of our own."""
        return self._text(text, self._patterns, Counter())

    def _redacted(self, line: LogLine, hits: Sequence[int]) -> LogLine:
        known = len(self._patterns)
        escapes = known + 1 in hits
        patterns = self._patterns if escapes else [self._patterns[hit] for hit in sorted(hits) if hit < known]
        counts: Counter[str] = Counter()
        message = self._text(line.message, patterns, counts)
        error = self._error(line.error, patterns, counts) if line.error else None
        attributes = self._value(line.attributes, patterns, counts)
        if not counts:
            return line
        return msgspec.structs.replace(
            line, message=message, error=error, attributes=attributes, redactions={**line.redactions, **counts}
        )

    def _error(self, error: LogError, patterns: Sequence[_Compiled], counts: Counter[str]) -> LogError:
        return msgspec.structs.replace(
            error,
            message=self._text(error.message, patterns, counts) if error.message else error.message,
            stack=self._text(error.stack, patterns, counts) if error.stack else error.stack,
        )

    def _value(self, value: Any, patterns: Sequence[_Compiled], counts: Counter[str]) -> Any:
        """A decoded JSON value, in depth. The parser bounds the depth."""
        if isinstance(value, str):
            return self._text(value, patterns, counts)
        if isinstance(value, dict):
            return {
                self._text(key, patterns, counts): self._field(key, item, patterns, counts)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._value(item, patterns, counts) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            text = self._text(str(value), patterns, counts)
            return value if text.lstrip("-").isdecimal() else text
        return value

    def _field(self, key: str, value: Any, patterns: Sequence[_Compiled], counts: Counter[str]) -> Any:
        kind = self._keys.kind_of(key)
        if kind is None or value in (None, "", [], {}) or isinstance(value, bool):
            return self._value(value, patterns, counts)
        counts[kind] += 1
        return f"[{kind}]"

    def _text(self, text: str, patterns: Sequence[_Compiled], counts: Counter[str]) -> str:
        if text.startswith(("{", "[")) and (document := json_of(text)) is not None:
            before = counts.total()
            document = self._value(document, patterns, counts)
            return text if counts.total() == before else orjson.dumps(document).decode()
        for _, regexp, pattern in patterns:
            text = regexp.sub(lambda found, p=pattern: _replaced(found, p, counts), text)
        return text

    def _without_user(self, line: LogLine, user_id: str, key: bytes) -> LogLine:
        """The user's pseudonym, in the text, too."""
        pseudonym = hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()[:32]
        line = msgspec.structs.replace(line, user_id=pseudonym)
        if len(user_id) < _SHORTEST_NAME:
            return line
        named = re.compile(rf"(?<!\w){re.escape(user_id)}(?!\w)")
        error = line.error and msgspec.structs.replace(
            line.error,
            message=line.error.message and named.sub(pseudonym, line.error.message),
            stack=line.error.stack and named.sub(pseudonym, line.error.stack),
        )
        return msgspec.structs.replace(
            line,
            message=named.sub(pseudonym, line.message),
            error=error,
            attributes=_renamed(line.attributes, named, pseudonym),
        )


def _renamed(value: Any, named: re.Pattern[str], pseudonym: str) -> Any:
    if isinstance(value, str):
        return named.sub(pseudonym, value)
    if isinstance(value, dict):
        return {key: _renamed(item, named, pseudonym) for key, item in value.items()}
    return [_renamed(item, named, pseudonym) for item in value] if isinstance(value, list) else value


def _replaced(found: Any, pattern: Pattern, counts: Counter[str]) -> str:
    kept = found.groups()
    before, after = (kept[0] if kept else ""), (kept[1] if len(kept) > 1 else "")
    whole: str = found[0]
    secret = whole[len(before) : len(whole) - len(after)]
    if _is_mark(secret) or (pattern.holds is not None and not pattern.holds(secret)):
        return whole
    counts[pattern.kind] += 1
    return f"{before}[{pattern.kind}]{after}"


def _is_mark(text: str) -> bool:
    """Whether an earlier pattern has been here."""
    return (
        text.strip("\"'\\").startswith("[")
        and text.strip("\"'\\,.)}").endswith("]")
        and text.strip("\"'\\[],.)}").isalpha()
    )


def _compiled(expression: str) -> Any:
    return re2.compile(expression)


DEFAULT = Redactor()
