"""How sure a join is: one table from the link and, for log lines, from how the correlation id was got.

exact      the event named its scenario, run or correlation id itself, or its transaction's context did
inherited  the id came from the request or the trace that the line belongs to
pattern    the id was found in free text
none       not joined, or not yet
"""

from __future__ import annotations

from typing import Literal

Confidence = Literal["exact", "inherited", "pattern", "none"]

_BY_SOURCE: dict[str, Confidence] = {
    "field": "exact",
    "inherited": "inherited",
    "trace": "inherited",
    "pattern": "pattern",
}


def confidence(link: str, correlation_source: str | None = None) -> Confidence:
    """Of a log line where `correlation_source` is given, else of a row change. What is not known here is none."""
    if link == "direct":
        return "exact"
    if link not in ("correlated", "shared"):
        return "none"
    return "exact" if correlation_source is None else _BY_SOURCE.get(correlation_source, "none")
