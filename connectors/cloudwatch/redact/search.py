"""One search for secrets through the texts of a line, with these patterns: what is found is replaced, and counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from connectors.cloudwatch.parse.json_line import json_of
from connectors.cloudwatch.redact.keys import DeniedKeys
from connectors.cloudwatch.redact.named import denied_fields
from connectors.cloudwatch.redact.patterns import Pattern


class Compiled(NamedTuple):
    regexp: Any
    pattern: Pattern


class Search:
    """`counts` says how much was replaced, by kind. `marks` are all kinds that there are."""

    def __init__(self, patterns: Sequence[Compiled], keys: DeniedKeys, marks: frozenset[str]) -> None:
        self._patterns = patterns
        self._keys = keys
        self._marks = marks
        self.counts: dict[str, int] = {}

    def text(self, text: str) -> str:
        """A text; one that is JSON is searched field by field, however deep its quotes are escaped. In any other one, too,
        fields with a denied name have none of their value."""
        if text.startswith(("{", "[")) and (document := json_of(text)) is not None:
            before = sum(self.counts.values())
            document = self.value(document)
            is_clean = sum(self.counts.values()) == before and not _repeats_a_name(text)
            return text if is_clean else orjson.dumps(document).decode()
        text = self._without_denied(text)
        data = was = text.encode(errors="replace")  # bytes: re2 would count characters for each find in a str
        for regexp, pattern in self._patterns:
            data = self._replaced(regexp, pattern, data)
        return text if data is was else data.decode()

    def _without_denied(self, text: str) -> str:
        parts: list[str] = []
        place = 0
        for field in denied_fields(text, self._keys.kind_of, self._marks):
            parts += (text[place : field.begin], field.quote, self._mark(field.kind), field.quote)
            place = field.end
        return "".join((*parts, text[place:])) if parts else text

    def value(self, value: Any) -> Any:
        """A decoded JSON value, in depth. The parser bounds the depth."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._field(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            text = self.text(str(value))
            return value if text.lstrip("-").isdecimal() else text
        return value

    def _field(self, key: str, value: Any) -> Any:
        kind = self._keys.kind_of(key)
        if kind is None or value in (None, "", [], {}) or isinstance(value, bool):
            return self.value(value)
        return self._mark(kind)

    def _mark(self, kind: str) -> str:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return f"[{kind}]"

    def _replaced(self, regexp: Any, pattern: Pattern, data: bytes) -> bytes:
        pieces: list[bytes] = []
        place = 0
        keeps = pattern.keeps and regexp.groups
        for found in regexp.finditer(data):
            begin, end = found.span()
            kept: tuple[bytes, ...] = found.groups() if keeps else ()
            begin += len(kept[0]) if kept else 0
            end -= len(kept[1]) if len(kept) > 1 else 0
            secret = data[begin:end].decode()
            if ("[" in secret and self._is_mark(secret)) or (pattern.holds is not None and not pattern.holds(secret)):
                continue
            pieces += (data[place:begin], self._mark(pattern.kind).encode())
            place = end
        return b"".join((*pieces, data[place:])) if pieces else data

    def _is_mark(self, text: str) -> bool:
        """Whether an earlier pattern has been here."""
        inner = text.strip("\"'\\,.)}")
        return inner.startswith("[") and inner.endswith("]") and inner[1:-1] in self._marks


def _repeats_a_name(text: str) -> bool:
    """Whether an object of the JSON names a field twice: the parser has shown us only one of them."""
    repeated = False

    def see(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeated
        repeated = repeated or len({name for name, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=see, parse_int=str)
    return repeated
