"""Lambda's own JSON format: application lines (`requestId` and `level`) and platform records (`platform.*`)."""

from __future__ import annotations

from typing import Any

from connectors.cloudwatch.parse.fields import FieldNames
from connectors.cloudwatch.parse.identifiers import identifier, trace_of
from connectors.cloudwatch.parse.json_line import Document, JsonFormat, bounded
from connectors.cloudwatch.parse.lambda_text import TIMED_OUT
from connectors.cloudwatch.parse.levels import level_of
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import make_error

APPLICATION = JsonFormat("lambda-json", lambda document: "requestId" in document and "level" in document)
PLATFORM = JsonFormat(
    "lambda-platform",
    lambda document: isinstance(document.get("record"), dict) and str(document.get("type", "")).startswith("platform."),
)

LOGS_DROPPED = "platform.logsDropped"
_FAILED = frozenset({"error", "failure", "timeout"})


def read_platform(name: str, document: Document, text: str, _: FieldNames) -> Parsed:
    """A record of the platform; the whole of it is the message, its metrics are attributes."""
    record: dict[str, Any] = document["record"]
    kind = str(document["type"])
    status, tracing = record.get("status"), record.get("tracing")
    parsed = Parsed(format=name, message=text, starts_request=kind == "platform.start")
    parsed.ends_request = kind == "platform.runtimeDone"
    parsed.request_id = identifier(record.get("requestId"))
    if isinstance(tracing, dict):
        parsed.trace_id = trace_of(str(tracing.get("value", "")))
    failed = isinstance(status, str) and status in _FAILED
    parsed.level = "ERROR" if failed else "WARN" if kind == LOGS_DROPPED else level_of("INFO")
    if failed:
        error_type = record.get("errorType") or (TIMED_OUT if status == "timeout" else None)
        parsed.error = make_error(str(error_type) if error_type else None, f"{kind}: {status}")
    metrics = record.get("metrics")
    parsed.attributes = bounded({"type": kind, **(metrics if isinstance(metrics, dict) else {})})
    return parsed
