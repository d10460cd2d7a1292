"""Error categories by the ordered rules of the mapping file; the first that matches wins. Pure, and the only place that
decides: what the worker lands and what `clearsight forward explain` shows are the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from clearsight.logline import LogLine
from clearsight.mapping import ErrorRule

UNKNOWN = "unknown"
_ERRORS = ("ERROR", "FATAL")


class Verdict(NamedTuple):
    category: str
    because: str
    """What of the rule matched, in words; empty where none did."""


class _Rule(NamedTuple):
    name: str
    types: frozenset[str]
    phrases: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]


def categorise(
    rules: tuple[ErrorRule, ...],
    error_type: str | None,
    text: str | None,
    causes: Iterable[tuple[str | None, str | None]] = (),
) -> str:
    """The category of an error by its class name (with or without module) or its text. Where no rule matches, that of the
    nearest of its `causes`, (type, text) each, for which one does; else "unknown"."""
    return verdict(rules, error_type, text, causes).category


def verdict(
    rules: tuple[ErrorRule, ...],
    error_type: str | None,
    text: str | None,
    causes: Iterable[tuple[str | None, str | None]] = (),
) -> Verdict:
    """The same, with its reason."""
    ready = _ready(rules)
    if found := _match(ready, error_type, text):
        return found
    for cause_type, cause_text in causes:
        if found := _match(ready, cause_type, cause_text):
            return Verdict(found.category, f"cause: {found.because}")
    return Verdict(UNKNOWN, "")


def verdict_on(rules: tuple[ErrorRule, ...], line: LogLine) -> Verdict | None:
    """On a log line; None where it tells of no error."""
    error = line.error
    if error is None:
        return verdict(rules, None, line.message) if line.level in _ERRORS else None
    text = f"{line.message}\n{error.message}" if error.message else line.message
    return verdict(rules, error.type, text, _causes(line.attributes.get("causes")))


def _causes(told: Any) -> Iterator[tuple[str | None, str | None]]:
    """As the forwarder read them from a stack: [{"type", "message"}, …]; anything else is none."""
    for cause in told if isinstance(told, list) else ():
        if isinstance(cause, dict):
            kind, text = cause.get("type"), cause.get("message")
            yield kind if isinstance(kind, str) else None, text if isinstance(text, str) else None


def _match(rules: tuple[_Rule, ...], error_type: str | None, text: str | None) -> Verdict | None:
    name = (error_type or "").rsplit(".", 1)[-1]
    words = (text or "").casefold()
    for rule in rules:
        if name in rule.types:
            return Verdict(rule.name, f"type {name}")
        for phrase in rule.phrases:
            if phrase in words:
                return Verdict(rule.name, f"text {phrase!r}")
        for pattern in rule.patterns:
            if pattern.search(words):
                return Verdict(rule.name, f"pattern {pattern.pattern!r}")
    return None


@lru_cache(maxsize=8)
def _ready(rules: tuple[ErrorRule, ...]) -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            rule.name,
            frozenset(rule.types),
            tuple(phrase.casefold() for phrase in rule.match),
            tuple(re.compile(pattern) for pattern in rule.patterns),
        )
        for rule in rules
    )
