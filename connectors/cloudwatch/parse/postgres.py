"""PostgreSQL's own JSON log (`log_destination = jsonlog`): a statement that fails has a line with its SQLSTATE."""

from __future__ import annotations

import re

from psycopg.errors import lookup

from connectors.cloudwatch.parse.fields import FieldNames
from connectors.cloudwatch.parse.json_line import Document, JsonFormat, bounded
from connectors.cloudwatch.parse.levels import level_of
from connectors.cloudwatch.parse.mentions import take_mentions
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import make_error

JSONLOG = JsonFormat("postgres-jsonlog", lambda document: "error_severity" in document and "backend_type" in document)

_CORRELATION_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_TAKEN = frozenset({"timestamp", "message", "error_severity", "application_name"})


def read_jsonlog(name: str, document: Document, text: str, _: FieldNames) -> Parsed:
    """The session's `application_name` is the correlation id where it looks like one: an application that wants its
    statements to be found sets it so. The error's type is the name of its SQLSTATE, like "UniqueViolation"."""
    message, severity = document.get("message"), str(document["error_severity"])
    parsed = Parsed(format=name, message=message if isinstance(message, str) and message else text)
    parsed.level = level_of(severity) or level_of(severity[:-1])  # DEBUG1 to DEBUG5
    parsed.level_raw = severity if parsed.level else None
    session = document.get("application_name")
    if isinstance(session, str) and _CORRELATION_ID.fullmatch(session):
        parsed.correlation_id, parsed.correlation_source = session, "field"
    if parsed.level in ("ERROR", "FATAL"):
        parsed.error = make_error(_error_type(document.get("state_code")), parsed.message)
    taken = _TAKEN if parsed.correlation_id else _TAKEN - {"application_name"}
    parsed.attributes = bounded({key: value for key, value in document.items() if key not in taken})
    take_mentions(parsed.message, parsed)
    return parsed


def _error_type(state_code: object) -> str | None:
    try:
        return lookup(str(state_code)).__name__
    except KeyError:
        return None
