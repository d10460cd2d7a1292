"""Plain lines: `<time> <LEVEL> message`, logging's default `LEVEL:logger:message`, and text of no format at all."""

from __future__ import annotations

import re

from connectors.cloudwatch.parse.levels import PATTERN, inferred, level_of
from connectors.cloudwatch.parse.mentions import take_mentions
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import has_stack, make_error, mentioned

_TIME = r"\[?(?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?\]?"
_LINE = re.compile(
    rf"{_TIME}[\s|:-]+(?:(?P<logger>[\w.]+)[\s|:-]+)??[\[<(]?(?P<level>{PATTERN})[\])>]?[\s|:-]+(?P<message>.*)",
    re.DOTALL | re.IGNORECASE,
)
_DEFAULT = re.compile(rf"(?P<level>{PATTERN}):(?P<logger>[\w.]+):(?P<message>.*)", re.DOTALL)


def read_plain(text: str) -> Parsed | None:
    """A line that names its level."""
    found = _LINE.match(text) or _DEFAULT.match(text)
    if not found:
        return None
    parsed = Parsed(format="plain", message=found["message"], level=level_of(found["level"]), level_raw=found["level"])
    if found["logger"]:
        parsed.attributes = {"logger": found["logger"]}
    return _finished(parsed)


def read_text(text: str, name: str = "text") -> Parsed:
    """Any text; nothing is refused."""
    return _finished(Parsed(format=name, message=text))


def _finished(parsed: Parsed) -> Parsed:
    message = parsed.message
    if has_stack(message):
        parsed.error = make_error(None, None, message)
    elif parsed.level in ("ERROR", "FATAL"):
        parsed.error = make_error(*mentioned(message))
    if parsed.level is None:
        parsed.level = inferred(message, parsed.error is not None)
    take_mentions(message, parsed)
    return parsed
