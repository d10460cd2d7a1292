"""Ids that a text names, like "run_id=4711"."""

from __future__ import annotations

import re

from connectors.cloudwatch.parse.identifiers import ABSENT, LONGEST_ABSENT, MAX_ID_CHARACTERS, trace_of
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
    "correlation": "correlation_id", "corr": "correlation_id", "cid": "correlation_id", "node": "node",
    "service": "service", "scenario": "scenario_id", "run": "run_id", "user": "user_id", "request": "request_id",
    "trace": "trace_id",
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
    at, last_sign = 0, max(text.rfind("="), text.rfind(":"))
    while at <= last_sign and (found := _MENTION.search(text, at)):
        _take(found, parsed)
        at = found.end()
    if parsed.correlation_id is None and text.startswith("["):
        leading = _LEADING_ID.match(text)
        if leading:
            parsed.correlation_id, parsed.correlation_source = leading[1], "pattern"


def _take(found: re.Match[str], parsed: Parsed) -> None:
    long, short, told = found.groups()
    role, value = _ROLES.get((found.string[found.start()] + (long or short)).lower()), told.rstrip(".:-/")
    if role is None or getattr(parsed, role) is not None:
        return
    if value in _OWN_NAMES or (len(value) <= LONGEST_ABSENT and value.lower() in ABSENT):
        return
    if role == "correlation_id":
        if not _SHORTEST_CORRELATION <= len(value) <= _LONGEST_CORRELATION:
            return
        parsed.correlation_source = "pattern"
    setattr(parsed, role, trace_of(value) if role == "trace_id" else value[:MAX_ID_CHARACTERS])
