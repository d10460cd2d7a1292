"""The error of a JSON document: each logger has its own fields for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from clearsight.logline import LogError
from connectors.cloudwatch.parse.stacks import TRACEBACK, make_error

_TYPE_KEYS = ("exception_name", "errorType", "error.type", "exception.type")
_MESSAGE_KEYS = ("errorMessage", "error.message", "exception.message")
_STACK_KEYS = (
    "exception",
    "exc_info",
    "stack_trace",
    "stackTrace",
    "stack",
    "error.stack_trace",
    "exception.stacktrace",
)  # all of these are in fields.ERROR_FIELDS
_KEYS = frozenset({*_TYPE_KEYS, *_MESSAGE_KEYS, *_STACK_KEYS})
_OBJECTS = ("err", "error")
"""Where JavaScript's loggers put an error: {"type" or "name", "message", "stack"}."""
_FRAMES_PER_ERROR = 100


class _Told(NamedTuple):
    type: str | None = None
    message: str | None = None
    stack: str | None = None


def take_error(rest: dict[str, Any]) -> LogError | None:
    """Move the error's fields out of the document. None where it has none."""
    if _KEYS.isdisjoint(rest):
        return _take_object(rest)
    taken = {key: rest.pop(key) for key in _KEYS & rest.keys()}
    told = _chained(taken.get("exception")) or _structured(taken.get("stack_trace"))
    kind = _first(taken, _TYPE_KEYS) or told.type
    message = _first(taken, _MESSAGE_KEYS) or told.message
    stack = told.stack or next((text for key in _STACK_KEYS if (text := _stack_text(taken.get(key)))), None)
    return make_error(kind, message, stack)


def _take_object(rest: dict[str, Any]) -> LogError | None:
    for key in _OBJECTS:
        value = rest.get(key)
        if isinstance(value, dict) and ("stack" in value or "message" in value):
            del rest[key]
            return make_error(
                _first(value, ("type", "name", "kind")), _text(value.get("message")), _text(value.get("stack"))
            )
    return None


def _structured(value: Any) -> _Told:
    """Of Powertools: {"type", "value", …} beside the text of the exception."""
    return _Told(_text(value.get("type")), _text(value.get("value"))) if isinstance(value, dict) else _Told()


def _chained(value: Any) -> _Told | None:
    """Of structlog's dict_tracebacks: what was raised first, then what it followed from. Written as Python writes it;
    the frames' `locals` are left behind, they hold personal data."""
    if not isinstance(value, list):
        return None
    chain = [each for each in value if isinstance(each, dict)]
    if not chain:
        return None
    raised = chain[0]
    separator = "\n\nDuring handling of the above exception, another exception occurred:\n\n"
    stack = separator.join(_traceback(each) for each in reversed(chain))
    return _Told(_text(raised.get("exc_type")), _text(raised.get("exc_value")), stack)


def _traceback(raised: Mapping[str, Any]) -> str:
    frames = raised.get("frames")
    known = [frame for frame in frames if isinstance(frame, dict)] if isinstance(frames, list) else []
    lines = [
        f'  File "{frame.get("filename")}", line {frame.get("lineno") or 0}, in {frame.get("name")}'
        for frame in known[:_FRAMES_PER_ERROR]
    ]
    return "\n".join([f"{TRACEBACK}:", *lines, f"{raised.get('exc_type')}: {raised.get('exc_value')}"])


def _first(fields: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    return next((text for key in keys if (text := _text(fields.get(key)))), None)


def _stack_text(value: Any) -> str | None:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(item.rstrip("\n") for item in value)
    return _text(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
