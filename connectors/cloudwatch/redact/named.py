"""Fields in a text that is not JSON as a whole: a piece of a line that was cut, a document within a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_NAME = re.compile(r'(?P<quote>(?<!\\)\\*")(?P<name>(?:[^"\\]|\\+u[0-9a-fA-F]{4}){1,100})(?P=quote)\s*:\s*')
"""In quotes, in whatever depth of escaping."""
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NUMBER = re.compile(r"(-?\d[\d.eE+-]*)\s*(?:[,}\]]|\Z)")
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)
_EMPTY = re.compile(r'[\[{"\\]*[\s\]}"\\]*')
_MARK = re.compile(r'[\\"]*\[([a-z0-9]+)\][\\"]*')


class Field(NamedTuple):
    kind: str
    quote: str
    begin: int
    end: int
    """Of its value in the text."""


def denied_fields(text: str, kind_of: Callable[[str], str | None], marks: frozenset[str]) -> Iterator[Field]:
    """The fields whose name is denied, and whose value is there and no mark yet. A value that was cut ends the text."""
    behind = 0
    for found in _NAME.finditer(text) if '"' in text else ():
        begin = found.end()
        if found.start() < behind or (kind := kind_of(_ESCAPE.sub(_character, found["name"]))) is None:
            continue
        if (mark := _MARK.match(text, begin)) is not None and mark[1] in marks and _ends(text, mark):
            continue
        behind = _end_of_value(text, begin, found["quote"])
        if not _EMPTY.fullmatch(text, begin, behind):
            yield Field(kind, found["quote"], begin, behind)


def _character(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _ends(text: str, mark: re.Match[str]) -> bool:
    """Whether the mark is the whole value."""
    return not mark[0].startswith(("\\", '"')) or mark[0].endswith('"') or mark.end() == len(text)


def _end_of_value(text: str, begin: int, quote: str) -> int:
    if text.startswith(quote, begin):
        return _end_of_string(text, begin, quote)
    if text.startswith(("{", "["), begin):
        return _end_of_brackets(text, begin) if quote == '"' else len(text)
    number = _NUMBER.match(text, begin)
    return number.end(1) if number else begin


def _end_of_string(text: str, begin: int, quote: str) -> int:
    if quote == '"' and (found := _STRING.match(text, begin)):
        return found.end()
    place = text.find(quote, begin + len(quote))
    while place > 0 and text[place - 1] == "\\":
        place = text.find(quote, place + 1)
    return len(text) if place < 0 else place + len(quote)


def _end_of_brackets(text: str, begin: int) -> int:
    depth = 0
    for token in _TOKEN.finditer(text, begin):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(token[0], 0)
        if not depth:
            return token.end()
    return len(text)
