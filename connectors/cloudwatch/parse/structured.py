"""A JSON document inside a text line: `[INFO]\\t<time>\\t<id>\\t{"event": …}`, or Node's `Invoke Error \\t{"errorType": …}`."""

from __future__ import annotations

from connectors.cloudwatch.parse.fields import FieldNames
from connectors.cloudwatch.parse.json_line import document_of, read_document
from connectors.cloudwatch.parse.record import Parsed

_ROLES = ("correlation_id", "scenario_id", "run_id", "user_id", "node", "service", "request_id", "trace_id")


def take_document(parsed: Parsed, names: FieldNames) -> Parsed:
    """The line completed by the document that its message is, or ends with after a tab. The line's own level stays."""
    message = parsed.message
    if not message.endswith("}"):
        return parsed
    said, document = ("", message) if message.startswith("{") else _after_tab(message)
    found = document_of(document) if document else None
    if found is None:
        return parsed
    inner = read_document(parsed.format, found, document, names)
    for role in _ROLES:
        if getattr(parsed, role) is None or (role == "correlation_id" and parsed.correlation_source == "pattern"):
            setattr(parsed, role, getattr(inner, role))
    parsed.correlation_source = inner.correlation_source if inner.correlation_id else parsed.correlation_source
    parsed.error = inner.error or parsed.error
    parsed.attributes = {**parsed.attributes, **inner.attributes}
    parsed.message = said or inner.message
    return parsed


def _after_tab(message: str) -> tuple[str, str]:
    said, _, document = message.partition("\t{")
    return said.strip(), "{" + document if document else ""
