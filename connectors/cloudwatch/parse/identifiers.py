"""Ids in a message: by field of a JSON document, else by pattern in the text."""

from __future__ import annotations

import re
from typing import Any

from connectors.cloudwatch.parse.record import Parsed

MAX_ID_CHARACTERS = 256

_ROLES: dict[str, tuple[str, ...]] = {
    "correlation_id": (
        "correlation_id",
        "correlationId",
        "correlationID",
        "correlation-id",
        "x-correlation-id",
        "X-Correlation-Id",
        "X-Correlation-ID",
    ),
    "scenario_id": ("scenario_id", "scenarioId"),
    "run_id": ("run_id", "runId"),
    "user_id": ("user_id", "userId"),
    "node": ("node", "node_name", "nodeName"),
    "service": ("service", "service_name", "serviceName"),
    "request_id": ("function_request_id", "requestId", "aws_request_id", "awsRequestId", "request_id"),
    "trace_id": ("trace_id", "traceId", "xray_trace_id", "traceparent", "x-amzn-trace-id"),
}
"""Role → field names, the first that is present wins."""

_ROLE_OF = {name: (role, rank) for role, names in _ROLES.items() for rank, name in enumerate(names)}
_ENVELOPES = ("headers", "extra", "detail", "context", "metadata")
"""Objects inside a document that may carry ids."""

_ABSENT = frozenset({"", "-", "none", "null", "undefined", "nil", "n/a"})

_MENTION = re.compile(
    r"""\b(?: (correlation|scenario|run|user|request|trace)[_-]?id\b ["']? \s* [=:] \s*
          | (corr|cid|node|service|scenario|run|user) = )
        ["']? ([\w.:/-]+)""",
    re.IGNORECASE | re.VERBOSE,
)
_SHORT = {
    "corr": "correlation_id",
    "cid": "correlation_id",
    "node": "node",
    "service": "service",
    "scenario": "scenario_id",
    "run": "run_id",
    "user": "user_id",
}
_LEADING_ID = re.compile(r"\[([0-9a-f-]{32,36})\]")
_TRACE_HEX = re.compile(
    r"(?:1-([0-9a-f]{8})-([0-9a-f]{24}))|(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?![0-9a-f])", re.IGNORECASE
)


def take_fields(document: dict[str, Any], parsed: Parsed) -> dict[str, Any]:
    """Move the ids of a document into `parsed`; returns what is left."""
    rest: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    for key, value in document.items():
        role, rank = _ROLE_OF.get(key, ("", 0))
        identifier = _identifier(value) if role else None
        if identifier is None:
            if not role or isinstance(value, dict | list):
                rest[key] = value
        elif rank < ranks.get(role, len(_ROLE_OF)):
            ranks[role] = rank
            setattr(parsed, role, identifier)
    if parsed.correlation_id is None:
        _take_from_envelopes(document, parsed)
    if parsed.correlation_id is not None:
        parsed.correlation_source = "field"
    if parsed.trace_id is not None:
        parsed.trace_id = trace_of(parsed.trace_id)
    return rest


def fill_from(document: dict[str, Any], parsed: Parsed) -> None:
    """Ids of an inner document, for roles that are still empty."""
    for key, value in document.items():
        role = _ROLE_OF.get(key, ("", 0))[0]
        if role and getattr(parsed, role) is None:
            setattr(parsed, role, _identifier(value))
            if role == "correlation_id" and parsed.correlation_id is not None:
                parsed.correlation_source = "field"


def take_mentions(text: str, parsed: Parsed) -> None:
    """Ids that the text names, like "run_id=4711", for roles that are still empty."""
    if "=" in text or ":" in text:
        for found in _MENTION.finditer(text):
            _take_mention(found, parsed)
    if parsed.correlation_id is None:
        leading = _LEADING_ID.match(text)
        if leading:
            parsed.correlation_id, parsed.correlation_source = leading[1], "pattern"


def trace_of(raw: str) -> str | None:
    """X-Ray's 1-8hex-24hex, a traceparent or a bare id, as 32 hex digits; None for anything else."""
    found = _TRACE_HEX.search(raw)
    if not found:
        return None
    return (found[3] or found[1] + found[2]).lower()


def _take_mention(found: re.Match[str], parsed: Parsed) -> None:
    role = f"{found[1].lower()}_id" if found[1] else _SHORT[found[2].lower()]
    value = found[3].rstrip(".:-/")
    if getattr(parsed, role) is not None or value.lower() in _ABSENT:
        return
    if role == "correlation_id":
        if not 6 <= len(value) <= 128:
            return
        parsed.correlation_source = "pattern"
    setattr(parsed, role, trace_of(value) if role == "trace_id" else value[:MAX_ID_CHARACTERS])


def _take_from_envelopes(document: dict[str, Any], parsed: Parsed) -> None:
    for name in _ENVELOPES:
        inner = document.get(name)
        if isinstance(inner, dict):
            fill_from(inner, parsed)


def _identifier(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value.lower() not in _ABSENT and len(value) <= MAX_ID_CHARACTERS:
        return value
    return None
