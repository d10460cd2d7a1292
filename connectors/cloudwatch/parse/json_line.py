"""JSON documents: what their formats share. A format is a name, what tells it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from clearsight.logline import LogError
from connectors.cloudwatch.parse.identifiers import fill_from, take_fields, take_mentions
from connectors.cloudwatch.parse.levels import inferred, level_of
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import make_error, mentioned

Document = dict[str, Any]

MAX_ATTRIBUTES = 64
MAX_ATTRIBUTE_BYTES = 8192
_LEVEL_KEYS = ("level", "levelname", "severity", "log_level", "loglevel", "status")
_MESSAGE_KEYS = ("message", "msg", "event", "log")
_TIME_KEYS = frozenset({"timestamp", "asctime", "time", "@timestamp", "ts"})
_ERROR_KEYS = frozenset(
    {"exception", "exc_info", "exception_name", "stack_trace", "stackTrace", "errorType", "errorMessage", "stack"}
)


class JsonFormat(NamedTuple):
    name: str
    tells: Callable[[Document], bool]


def read_document(name: str, document: Document, text: str) -> Parsed:
    """A line of an application's JSON logger. `text` is kept as the message where the document names none."""
    parsed = Parsed(format=name, message=text)
    rest = take_fields(document, parsed)
    _take_level(rest, parsed)
    _take_message(rest, parsed)
    parsed.error = _take_error(rest)
    take_mentions(parsed.message, parsed)
    if parsed.error is None and parsed.level in ("ERROR", "FATAL"):
        parsed.error = make_error(*mentioned(parsed.message))
    if parsed.level is None:
        parsed.level = inferred(parsed.message, parsed.error is not None)
    if parsed.message is not text:
        parsed.attributes = bounded({key: value for key, value in rest.items() if key not in _TIME_KEYS})
    return parsed


def bounded(attributes: Document) -> Document:
    """At most 64 keys and 8 KB; what does not fit is named in `_dropped`."""
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


def _take_level(rest: Document, parsed: Parsed) -> None:
    for key in _LEVEL_KEYS:
        level = level_of(rest.get(key))
        if level is not None:
            parsed.level, parsed.level_raw = level, rest.pop(key)
            return


def _take_message(rest: Document, parsed: Parsed) -> None:
    for key in _MESSAGE_KEYS:
        value = rest.get(key)
        if isinstance(value, str) and value:
            parsed.message = rest.pop(key)
            _take_inner(value, parsed)
            return
        if isinstance(value, dict | list) and value:
            parsed.message = orjson.dumps(rest.pop(key)).decode()
            if isinstance(value, dict):
                fill_from(value, parsed)
            return


def _take_inner(message: str, parsed: Parsed) -> None:
    """Ids of a document in a string."""
    if message.startswith("{"):
        try:
            inner = orjson.loads(message)
        except orjson.JSONDecodeError:
            return
        if isinstance(inner, dict):
            fill_from(inner, parsed)


def _take_error(rest: Document) -> LogError | None:
    if _ERROR_KEYS.isdisjoint(rest):
        return None
    taken = {key: rest.pop(key) for key in _ERROR_KEYS & rest.keys()}
    kind, message, stack = _structlog_error(taken) or (None, None, None)
    trace = taken.get("stack_trace")
    if isinstance(trace, dict):
        kind, message = kind or _text(trace.get("type")), message or _text(trace.get("value"))
    kind = _text(taken.get("exception_name")) or _text(taken.get("errorType")) or kind
    message = _text(taken.get("errorMessage")) or message
    for key in ("exception", "exc_info", "stack_trace", "stackTrace", "stack"):
        stack = stack or _stack_text(taken.get(key))
    return make_error(kind, message, stack)


def _structlog_error(taken: Document) -> tuple[str | None, str | None, str | None] | None:
    """Of structlog's dict_tracebacks; the frames' `locals` are left behind, they hold personal data."""
    chain = taken.get("exception")
    if not isinstance(chain, list) or not chain or not isinstance(chain[0], dict):
        return None
    raised = chain[0]
    frames = [frame for frame in raised.get("frames") or () if isinstance(frame, dict)]
    lines = [f'  File "{f.get("filename")}", line {f.get("lineno") or 0}, in {f.get("name")}' for f in frames]
    kind, message = _text(raised.get("exc_type")), _text(raised.get("exc_value"))
    stack = "\n".join(["Traceback (most recent call last):", *lines, f"{kind}: {message}"])
    return kind, message, stack


def _stack_text(value: Any) -> str | None:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(item.rstrip("\n") for item in value)
    return _text(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
