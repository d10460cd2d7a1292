"""The table of formats, tried in order. A line that fits none is text: nothing is refused and nothing is dropped."""

from __future__ import annotations

from collections.abc import Callable

from connectors.cloudwatch.parse import containers, lambda_json, lambda_text, loggers, metrics, plain, postgres
from connectors.cloudwatch.parse.clean import clean_text, clean_value
from connectors.cloudwatch.parse.cut import fields_before_cut
from connectors.cloudwatch.parse.fields import KNOWN_NAMES, FieldNames
from connectors.cloudwatch.parse.json_line import ESCAPED_NUL, Document, JsonFormat, has_nul, json_of, read_document
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.parse.stacks import causes_of
from connectors.cloudwatch.parse.structured import take_document

MAX_WRAPPERS = 2

JsonReader = Callable[[str, Document, str, FieldNames], Parsed]
TextReader = Callable[[str], Parsed | None]

_CARRIERS: tuple[tuple[JsonFormat, JsonReader], ...] = (
    (lambda_json.PLATFORM, lambda_json.read_platform),
    (metrics.EMBEDDED, metrics.read_embedded),
)
"""Known by a field that no logger writes: they are only asked where it is there."""
_LOGGERS: tuple[tuple[JsonFormat, JsonReader], ...] = (
    (loggers.POWERTOOLS, read_document),
    (lambda_json.APPLICATION, read_document),
    (postgres.JSONLOG, postgres.read_jsonlog),
    (loggers.STRUCTLOG, read_document),
    (loggers.PYTHON_JSON_LOGGER, read_document),
    (loggers.ANY_JSON, read_document),
)
JSON_FORMATS = (*_CARRIERS, *_LOGGERS)
BRACKET_FORMATS: tuple[TextReader, ...] = (lambda_text.read_python, lambda_text.read_python_bare, plain.read_plain)
"""Of lines that begin with "["."""
TIMED_FORMATS: tuple[TextReader, ...] = (lambda_text.read_timeout, lambda_text.read_node, plain.read_plain)
"""Of lines that begin with a digit."""
WORD_FORMATS: tuple[TextReader, ...] = (lambda_text.read_platform, lambda_text.read_exit, plain.read_plain)


def parse(raw: str, names: FieldNames = KNOWN_NAMES) -> Parsed:
    """What the message says. Never raises; `attributes.replaced_characters` counts what had to be replaced, `causes` are
    the errors that the line's own followed from."""
    text, replaced = clean_text(raw)
    parsed, escaped = _parse(text.rstrip("\r\n"), names, MAX_WRAPPERS)
    if names.own:
        names.take_mentions(parsed)
    if replaced or escaped:
        parsed.attributes = {**parsed.attributes, "replaced_characters": replaced + escaped}
    if parsed.error is not None and parsed.error.stack and (causes := causes_of(parsed.error.stack)):
        parsed.attributes = {**parsed.attributes, "causes": causes}
    return parsed


def _parse(text: str, names: FieldNames, wrappers: int) -> tuple[Parsed, int]:
    """The line, and how many escaped NULs were replaced in it."""
    document = json_of(text) if text.startswith("{") else None
    if not isinstance(document, dict):
        document = fields_before_cut(text)
        return (_parse_text(text, names) if document is None else _parse_cut(document, text, names)), 0
    escaped = 0
    if has_nul(text):
        document, escaped = clean_value(document), text.count(ESCAPED_NUL)
    if wrappers and (said := containers.said_in(document)) is not None:
        parsed, more = _parse(said.rstrip("\r\n"), names, wrappers - 1)
        parsed.attributes = {**parsed.attributes, **containers.told_by(document)}
        names.fill(document, parsed)
        return parsed, escaped + more
    return _parse_document(document, text, names), escaped


def _parse_document(document: Document, text: str, names: FieldNames) -> Parsed:
    if "record" in document or "_aws" in document:
        for kind, read in _CARRIERS:
            if kind.tells(document):
                return read(kind.name, document, text, names)
    for kind, read in _LOGGERS:
        if kind.tells(document):
            return read(kind.name, document, text, names)
    return plain.read_text(text)


def _parse_cut(document: Document, text: str, names: FieldNames) -> Parsed:
    """A piece of a line: text, with the level, error and ids of the fields that are whole."""
    parsed = _parse_document(document, text, names)
    parsed.format, parsed.message, parsed.attributes = "text", text, {}
    return parsed


def _parse_text(text: str, names: FieldNames) -> Parsed:
    first = text[:1]
    readers = BRACKET_FORMATS if first == "[" else TIMED_FORMATS if first.isdigit() else WORD_FORMATS
    for read in readers:
        parsed = read(text)
        if parsed is not None:
            return take_document(parsed, names)
    return plain.read_text(text)
