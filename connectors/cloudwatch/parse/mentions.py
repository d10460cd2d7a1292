"""Ids that a text names, like "run_id=4711"."""

from __future__ import annotations

import re

from connectors.cloudwatch.parse.identifiers import ABSENT, MAX_ID_CHARACTERS, trace_of
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import without_stack

_MENTION = re.compile(
    r"""[cnrstuCNRSTU](?<!\w.)(?i:(?:
          (orrelation|cenario|un|ser|equest|race)[_-]?id\b ["']? \s* [=:] \s*
        | (orr|id|ode|ervice|cenario|un|ser) = )
        ["']? ([\w.:/-]+))""",
    re.VERBOSE,
)
"""Names without their first letter, which stands in front of all: a set of letters is found several times faster than
alternatives are."""

_ROLES = {
    "orrelation": "correlation_id",
    "orr": "correlation_id",
    "id": "correlation_id",
    "ode": "node",
    "ervice": "service",
    "cenario": "scenario_id",
    "un": "run_id",
    "ser": "user_id",
    "equest": "request_id",
    "race": "trace_id",
}
_FIRST = {
    "orrelation": "c", "orr": "c", "id": "c", "ode": "n", "ervice": "s",
    "cenario": "s", "un": "r", "ser": "u", "equest": "r", "race": "t",
}  # fmt: skip
_OWN_NAMES = frozenset(
    {*_ROLES.values(), "correlation", "scenario", "run", "user", "request", "trace", "service", "self"}
)
"""As values they are code: "run_id=run_id"."""
_SHORTEST_CORRELATION, _LONGEST_CORRELATION = 6, 128
_LEADING_ID = re.compile(r"\[([0-9a-f-]{32,36})\]")


def take_mentions(text: str, parsed: Parsed) -> None:
    """Ids of the text for roles that are still empty; those of a stack's source lines are none."""
    if "\n" in text:
        text = without_stack(text)
    if "=" in text or ":" in text:
        for found in _MENTION.finditer(text):
            _take(found, parsed)
    if parsed.correlation_id is None and text.startswith("["):
        leading = _LEADING_ID.match(text)
        if leading:
            parsed.correlation_id, parsed.correlation_source = leading[1], "pattern"


def _take(found: re.Match[str], parsed: Parsed) -> None:
    named = (found[1] or found[2]).lower()
    role, value = _ROLES[named], found[3].rstrip(".:-/")
    if found[0][0].lower() != _FIRST[named] or getattr(parsed, role) is not None:
        return
    if value.lower() in ABSENT or value in _OWN_NAMES:
        return
    if role == "correlation_id":
        if not _SHORTEST_CORRELATION <= len(value) <= _LONGEST_CORRELATION:
            return
        parsed.correlation_source = "pattern"
    setattr(parsed, role, trace_of(value) if role == "trace_id" else value[:MAX_ID_CHARACTERS])
