"""What counts as an id, wherever it stands."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

MAX_ID_CHARACTERS = 256

ABSENT = frozenset({"", "-", "none", "null", "undefined", "nil", "n/a"})
LONGEST_ABSENT = 9
_XRAY = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})\Z")
_TRACE_HEX = re.compile(
    r"(?:1-([0-9a-f]{8})-([0-9a-f]{24}))|(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE
)


def identifier(value: Any) -> str | None:
    """The id that a field's value is; None for what is absent, too long or no id."""
    if type(value) is str:
        if len(value) > LONGEST_ABSENT:
            return value if len(value) <= MAX_ID_CHARACTERS else None
        return value if value.lower() not in ABSENT else None
    return str(value) if type(value) is int else None


def trace_of(raw: str) -> str | None:
    """X-Ray's 1-8hex-24hex, a traceparent or a bare id, as 32 hex digits; None for anything else."""
    return _trace_of(raw[:MAX_ID_CHARACTERS])


@lru_cache(maxsize=4096)
def _trace_of(raw: str) -> str | None:
    """Many lines have one trace."""
    xray = _XRAY.match(raw)
    if xray:
        return (xray[1] + xray[2]).lower()
    found = _TRACE_HEX.search(raw)
    if not found:
        return None
    return (found[3] or found[1] + found[2]).lower()
