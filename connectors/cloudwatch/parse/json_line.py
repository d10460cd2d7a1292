"""JSON documents: what their formats share. A format is a name, what tells it, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from connectors.cloudwatch.parse.clean import clean_value
from connectors.cloudwatch.parse.fields import FieldNames
from connectors.cloudwatch.parse.json_error import take_error
from connectors.cloudwatch.parse.levels import inferred, level_of
from connectors.cloudwatch.parse.mentions import take_mentions
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import make_error, mentioned

Document = dict[str, Any]

ESCAPED_NUL = "\\u0000"
MAX_DEPTH = 64
MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_BYTES = 8192
_SMALL = MAX_ATTRIBUTE_BYTES // 4
"""Characters of a line whose attributes cannot be too large."""
_LEVEL_KEYS = ("level", "levelname", "severity", "log_level", "loglevel", "status", "log.level")
_MESSAGE_KEYS = ("message", "msg", "event", "log")
_BRACKETS = re.compile(r"[{}\[\]]")


class JsonFormat(NamedTuple):
    name: str
    tells: Callable[[Document], bool]


def document_of(text: str) -> Document | None:
    """The object that the text is, without what Postgres refuses; None for any other text, and for one that nests deeper
    than is sane."""
    document = json_of(text)
    if not isinstance(document, dict):
        return None
    cleaned: Document = clean_value(document) if has_nul(text) else document
    return cleaned


def has_nul(text: str) -> bool:
    """Whether JSON holds a NUL, as it is written there."""
    return "\\" in text and ESCAPED_NUL in text


def json_of(text: str) -> Any:
    """The JSON value that the text is; None for no JSON, and for what nests deeper than is sane."""
    nests = text.find("{", 1) > 0 or "[" in text
    if nests and text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def read_document(name: str, rest: Document, text: str, names: FieldNames) -> Parsed:
    """A line of an application's JSON logger. `text` is kept as the message where the document names none; what is left
    of the document becomes the attributes."""
    parsed, tells_error = names.read(name, text, rest)
    _take_level(rest, parsed)
    _take_message(rest, parsed, names)
    if tells_error:
        parsed.error = take_error(rest) or parsed.error
    take_mentions(parsed.message, parsed)
    if parsed.error is None and parsed.level in ("ERROR", "FATAL"):
        parsed.error = make_error(*mentioned(parsed.message))
    if parsed.level is None:
        parsed.level = inferred(parsed.message, parsed.error is not None)
    if parsed.message is not text:
        parsed.attributes = rest if len(text) <= _SMALL and len(rest) <= MAX_ATTRIBUTES else bounded(rest)
    return parsed


def bounded(attributes: Document) -> Document:
    """At most 64 keys and 8 KB; what does not fit is counted in `_dropped`."""
    if len(attributes) <= MAX_ATTRIBUTES and len(orjson.dumps(attributes)) <= MAX_ATTRIBUTE_BYTES:
        return attributes
    kept: Document = {}
    free_bytes = MAX_ATTRIBUTE_BYTES
    for key, value in attributes.items():
        size = len(orjson.dumps(value)) + len(key)
        if size <= free_bytes and len(kept) < MAX_ATTRIBUTES:
            kept[key] = value
            free_bytes -= size
    return {**kept, "_dropped": len(attributes) - len(kept)}


def _depth(text: str) -> int:
    """An upper bound of how deep the brackets nest; those in strings count too."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _take_level(rest: Document, parsed: Parsed) -> None:
    for key in _LEVEL_KEYS:
        raw = rest.get(key)
        if raw is not None and (level := level_of(raw)) is not None:
            parsed.level, parsed.level_raw = level, str(raw)
            del rest[key]
            return


def _take_message(rest: Document, parsed: Parsed, names: FieldNames) -> None:
    for key in _MESSAGE_KEYS:
        value = rest.get(key)
        if isinstance(value, str) and value:
            parsed.message = value
            del rest[key]
            if value.startswith("{"):
                _take_inner(document_of(value), parsed, names)
            return
        if isinstance(value, dict | list) and value:
            parsed.message = orjson.dumps(rest.pop(key)).decode()
            _take_inner(value, parsed, names)
            return


def _take_inner(inner: Any, parsed: Parsed, names: FieldNames) -> None:
    """Ids, and an error, of a document in the message; the message itself stays whole."""
    if isinstance(inner, dict):
        names.fill(inner, parsed)
        parsed.error = take_error(dict(inner))
