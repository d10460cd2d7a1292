"""CloudWatch's embedded metric format: a line that carries metrics, and is no message to anybody."""

from __future__ import annotations

from typing import Any

from connectors.cloudwatch.parse.fields import FieldNames
from connectors.cloudwatch.parse.json_line import Document, JsonFormat, bounded
from connectors.cloudwatch.parse.record import Parsed

_HEADER = "_aws"


def _tells(document: Document) -> bool:
    header = document.get(_HEADER)
    return isinstance(header, dict) and isinstance(header.get("CloudWatchMetrics"), list)


EMBEDDED = JsonFormat("emf", _tells)


def read_embedded(name: str, document: Document, text: str, names: FieldNames) -> Parsed:
    """Its values and dimensions are attributes, `kind` is "metric", the message says each metric once."""
    parsed, _ = names.read(name, "", document)
    directives = [each for each in document.pop(_HEADER)["CloudWatchMetrics"] if isinstance(each, dict)]
    said = [f"{metric}={document.get(metric)}" for each in directives for metric in _metrics(each)]
    spaces = dict.fromkeys(str(each.get("Namespace")) for each in directives)
    parsed.message = f"{', '.join(spaces)}: {', '.join(dict.fromkeys(said))}"
    parsed.level = "INFO"
    parsed.attributes = bounded({"kind": "metric", **document})
    return parsed


def _metrics(directive: dict[str, Any]) -> list[str]:
    metrics = directive.get("Metrics")
    named = [each.get("Name") for each in metrics if isinstance(each, dict)] if isinstance(metrics, list) else []
    return [name for name in named if isinstance(name, str)]
