"""The part of Logs Insights' query language that the product sends, parsed. Everything else is refused: an answer to
half a query would make a test pass for the wrong reason.

    fields @timestamp, @message, …
    | filter @message like /pattern/ and (@logStream = "name" or not @message like "text")
    | stats count(*) as lines by bin(1m)
    | sort @timestamp desc
    | limit 100
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from connectors.cloudwatch.simulator.faults import ServiceFault

Row = Mapping[str, str]
"""Field → value of one event."""
Condition = Callable[[Row], bool]

FIELDS = ("@timestamp", "@ingestionTime", "@message", "@logStream", "@log", "@ptr")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TOKENS = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<regex>/(?:[^/\\\n]|\\.)+/)|(?P<word>@?[A-Za-z_]\w*)"""
    r"""|(?P<number>\d+)|(?P<sign>!=|[=|(),*\[\]]))"""
)


class Bins(NamedTuple):
    """stats count(*) as `name` by bin(`width_ms`), shown as `label`."""

    name: str
    width_ms: int
    label: str


class Query(NamedTuple):
    fields: tuple[str, ...]
    matches: Condition
    bins: Bins | None
    sort_field: str | None
    descending: bool
    limit: int | None


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


def parse_query(text: str) -> Query:
    """Raises ServiceFault, MalformedQueryException, naming the place."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._place = 0

    def query(self) -> Query:
        fields: tuple[str, ...] = ("@timestamp", "@message")
        conditions: list[Condition] = []
        bins, sort_field, descending, limit = None, None, True, None
        while True:
            command = self._take("word").text.lower()
            if command == "fields":
                fields = self._fields()
            elif command == "filter":
                conditions.append(self._either())
            elif command == "stats":
                bins = self._bins()
            elif command == "sort":
                sort_field, descending = self._sort(bins)
            elif command == "limit":
                limit = int(self._take("number").text)
            else:
                raise self._unknown(f"the command {command!r}", self._place - 1)
            if self._next() is None:
                break
            self._sign("|")
        return Query(fields, lambda row: all(c(row) for c in conditions), bins, sort_field, descending, limit)

    def _fields(self) -> tuple[str, ...]:
        found = [self._field()]
        while self._is_sign(","):
            self._place += 1
            found.append(self._field())
        return tuple(found)

    def _either(self) -> Condition:
        options = [self._both()]
        while self._is_word("or"):
            self._place += 1
            options.append(self._both())
        return options[0] if len(options) == 1 else lambda row: any(option(row) for option in options)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._is_word("and"):
            self._place += 1
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _one(self) -> Condition:
        if self._is_word("not"):
            self._place += 1
            inner = self._one()
            return lambda row: not inner(row)
        if self._is_sign("("):
            self._place += 1
            inside = self._either()
            self._sign(")")
            return inside
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._field()
        if self._is_word("like"):
            self._place += 1
            return _like(name, self._pattern())
        operator = self._sign("=", "!=")
        value = self._text()
        return (lambda row: row[name] == value) if operator == "=" else (lambda row: row[name] != value)

    def _pattern(self) -> re.Pattern[str]:
        token = self._next()
        if token is not None and token.kind == "regex":
            self._place += 1
            try:
                return re.compile(token.text[1:-1].replace(r"\/", "/"))
            except re.error as error:
                raise malformed(f"{token.text} is no pattern: {error}", token.start) from None
        return re.compile(re.escape(self._text()))

    def _bins(self) -> Bins:
        self._word("count")
        self._sign("(")
        self._sign("*")
        self._sign(")")
        name = "count(*)"
        if self._is_word("as"):
            self._place += 1
            name = self._take("word").text
        self._word("by")
        self._word("bin")
        self._sign("(")
        count, unit = self._take("number").text, self._take("word").text
        self._sign(")")
        if unit not in _UNITS_MS:
            raise self._unknown(f"the unit {unit!r}", self._place - 2)
        return Bins(name, int(count) * _UNITS_MS[unit], f"bin({count}{unit})")

    def _sort(self, bins: Bins | None) -> tuple[str, bool]:
        if bins is not None and self._is_word("bin"):
            self._place += 5  # bin ( 1 m )
            name = bins.label
        else:
            name = self._field() if bins is None else self._take("word").text
        descending = True
        if self._is_word("asc") or self._is_word("desc"):
            descending = self._take("word").text.lower() == "desc"
        return name, descending

    def _field(self) -> str:
        token = self._take("word")
        if token.text not in FIELDS:
            raise self._unknown(f"the field {token.text!r}", self._place - 1)
        return token.text

    def _text(self) -> str:
        return re.sub(r"\\(.)", r"\1", self._take("text").text[1:-1])

    def _word(self, word: str) -> None:
        if not self._is_word(word):
            raise self._unknown("what stands here", self._place)
        self._place += 1

    def _sign(self, *signs: str) -> str:
        token = self._take("sign")
        if token.text not in signs:
            raise self._unknown(f"{token.text!r}", self._place - 1)
        return token.text

    def _take(self, kind: str) -> _Token:
        token = self._next()
        if token is None or token.kind != kind:
            raise self._unknown("what stands here" if token else "a query that ends here", self._place)
        self._place += 1
        return token

    def _next(self) -> _Token | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _is_word(self, word: str) -> bool:
        token = self._next()
        return token is not None and token.kind == "word" and token.text.lower() == word

    def _is_sign(self, sign: str) -> bool:
        token = self._next()
        return token is not None and token.kind == "sign" and token.text == sign

    def _unknown(self, what: str, place: int) -> ServiceFault:
        start = self._tokens[place].start if place < len(self._tokens) else -1
        return malformed(f"the simulator does not know {what}", start)


def _tokens(text: str) -> list[_Token]:
    found, place, end = [], 0, len(text.rstrip())
    while place < end:
        match = _TOKENS.match(text, place)
        if match is None or match.lastgroup is None:
            raise malformed("unexpected symbol", place)
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        place = match.end()
    return found


def _like(name: str, pattern: re.Pattern[str]) -> Condition:
    return lambda row: pattern.search(row[name]) is not None


def malformed(problem: str, place: int) -> ServiceFault:
    return ServiceFault("MalformedQueryException", f"unexpected symbol found at character {place}: {problem}")
