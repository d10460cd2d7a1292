"""JSON loggers, told apart by their fields: Powertools, structlog, python-json-logger, else just JSON."""

from __future__ import annotations

from connectors.cloudwatch.parse.json_line import Document, JsonFormat

_STANDARD_POWERTOOLS = frozenset({"level", "service", "timestamp"})


def _powertools(document: Document) -> bool:
    return (
        "function_request_id" in document
        or "xray_trace_id" in document
        or ("service" in document and ("location" in document or document.keys() >= _STANDARD_POWERTOOLS))
    )


POWERTOOLS = JsonFormat("powertools", _powertools)
STRUCTLOG = JsonFormat("structlog", lambda document: "event" in document)
PYTHON_JSON_LOGGER = JsonFormat("python-json-logger", lambda document: "levelname" in document or "asctime" in document)
ANY_JSON = JsonFormat("json", lambda document: True)
