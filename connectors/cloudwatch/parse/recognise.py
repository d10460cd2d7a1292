"""The table of formats, tried in order. A line that fits none is text: nothing is refused and nothing is dropped."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import orjson

from connectors.cloudwatch.parse import lambda_json, lambda_text, loggers, plain, postgres
from connectors.cloudwatch.parse.clean import clean_text, clean_value
from connectors.cloudwatch.parse.json_line import Document, JsonFormat, read_document
from connectors.cloudwatch.parse.record import Parsed

MAX_DEPTH = 64
_BRACKETS = re.compile(r"[{}\[\]]")

JsonReader = Callable[[str, Document, str], Parsed]
TextReader = Callable[[str], Parsed | None]

JSON_FORMATS: tuple[tuple[JsonFormat, JsonReader], ...] = (
    (lambda_json.PLATFORM, lambda_json.read_platform),
    (loggers.POWERTOOLS, read_document),
    (lambda_json.APPLICATION, read_document),
    (postgres.JSONLOG, postgres.read_jsonlog),
    (loggers.STRUCTLOG, read_document),
    (loggers.PYTHON_JSON_LOGGER, read_document),
    (loggers.ANY_JSON, read_document),
)
TEXT_FORMATS: tuple[TextReader, ...] = (
    lambda_text.read_python,
    lambda_text.read_platform,
    lambda_text.read_timeout,
    lambda_text.read_node,
    lambda_text.read_python_bare,
    plain.read_plain,
)


def parse(raw: str) -> Parsed:
    """What the message says. Never raises; `attributes.replaced_characters` counts what had to be replaced."""
    text, replaced = clean_text(raw)
    text = text.rstrip("\r\n")
    document = _document(text) if text.startswith("{") else None
    if document is None:
        parsed = _parse_text(text)
    elif loggers.wraps_a_line(document):
        parsed = parse(document["log"])
        parsed.attributes = {**parsed.attributes, "stream": document["stream"]}
    else:
        escaped = "\\u0000" in text
        replaced += text.count("\\u0000")
        parsed = _parse_document(clean_value(document) if escaped else document, text)
    if replaced:
        parsed.attributes = {**parsed.attributes, "replaced_characters": replaced}
    return parsed


def _document(text: str) -> dict[str, Any] | None:
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _depth(text: str) -> int:
    """An upper bound of how deep the brackets nest; those in strings count too."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "{[" else -1
        deepest = max(deepest, depth)
    return deepest


def _parse_document(document: Document, text: str) -> Parsed:
    for kind, read in JSON_FORMATS:
        if kind.tells(document):
            return read(kind.name, document, text)
    return plain.read_text(text)


def _parse_text(text: str) -> Parsed:
    for read in TEXT_FORMATS:
        parsed = read(text)
        if parsed is not None:
            return parsed
    return plain.read_text(text)
