"""Error categories by the ordered rules of the mapping file; the first that matches wins."""

from __future__ import annotations

from clearsight.mapping import ErrorRule

UNKNOWN = "unknown"


def categorise(rules: tuple[ErrorRule, ...], error_type: str | None, text: str | None) -> str:
    """The category of an error by its class name (with or without module) or its text; "unknown" where none matches."""
    name = (error_type or "").rsplit(".", 1)[-1]
    words = (text or "").casefold()
    for rule in rules:
        if name and name in rule.types:
            return rule.name
        if words and any(phrase.casefold() in words for phrase in rule.match):
            return rule.name
    return UNKNOWN
