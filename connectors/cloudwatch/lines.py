"""From an event and what was read from it to the record on `clearsight.logs`. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from clearsight.logline import LogError, LogLine
from connectors.cloudwatch.pages import Event
from connectors.cloudwatch.parse.clean import REPLACEMENT, clean_text
from connectors.cloudwatch.parse.record import Parsed
from connectors.cloudwatch.redact.redactor import DEFAULT, Redacted, Redactor

MAX_VALUE_BYTES = 900_000
"""Of a record: consumers may have Kafka's default limit of 1 MB."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(LogLine).decode


Via = Literal["pull", "push", "backfill"]


class Origin(msgspec.Struct, frozen=True):
    account: str
    region: str
    group: str


def make_line(origin: Origin, event: Event, parsed: Parsed, now: int, via: Via = "pull") -> LogLine:
    return LogLine(  # by position: names would cost as much again as encoding does
        event.id,
        event.timestamp,
        now,
        origin.account,
        origin.region,
        origin.group,
        clean_text(event.stream)[0],
        event.ingestion,
        via,
        parsed.correlation_id,
        parsed.correlation_source,
        parsed.scenario_id,
        parsed.run_id,
        parsed.user_id,
        parsed.request_id,
        parsed.trace_id,
        parsed.level or "INFO",
        parsed.level_raw,
        parsed.message,
        parsed.service,
        parsed.node,
        parsed.error,
        parsed.format,
        parsed.attributes,
    )


def key_of(line: LogLine) -> bytes:
    """What decides the partition; never empty, for Kafka sends all empty keys to one."""
    key = line.correlation_id or line.request_id or line.trace_id or f"{line.log_group}/{line.log_stream}"
    return key.encode()


def encode(line: LogLine, raw: str, redactor: Redactor = DEFAULT) -> Redacted:
    """The record's value, redacted. A line that cannot be encoded as read is sent as text; one that is too large is cut
    after redaction, and says so in `attributes` (`truncated`, `original_bytes`)."""
    try:
        made = redactor.record(line)
    except (RecursionError, TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        made = redactor.record(as_text(line, raw))
    return made if len(made.value) <= MAX_VALUE_BYTES else Redacted(_cut(_decode(made.value), raw), made.redactions)


def as_text(line: LogLine, raw: str) -> LogLine:
    """The line with its raw message and nothing that was read from it but its ids."""
    message, replaced = clean_text(raw)
    attributes = {"replaced_characters": replaced} if replaced else {}
    return msgspec.structs.replace(line, message=message, error=None, format="text", attributes=attributes)


def _cut(line: LogLine, raw: str) -> bytes:
    """Halve message and stack until the record fits: their JSON can be six times their length."""
    original_bytes = len(raw.encode("utf-8", "surrogatepass"))
    attributes = {"truncated": True, "original_bytes": original_bytes}
    kept_bytes = MAX_VALUE_BYTES // 2
    while True:
        cut = msgspec.structs.replace(
            line,
            message=_first_bytes(line.message, kept_bytes),
            error=_cut_error(line.error, kept_bytes // 4),
            attributes=attributes,
        )
        value = _encode(cut)
        if len(value) <= MAX_VALUE_BYTES or not kept_bytes:
            return value
        kept_bytes //= 2


def _cut_error(error: LogError | None, kept_bytes: int) -> LogError | None:
    if error is None:
        return None
    return msgspec.structs.replace(
        error,
        message=_first_bytes(error.message, kept_bytes) if error.message else None,
        stack=_first_bytes(error.stack, kept_bytes) if error.stack else None,
    )


def _first_bytes(text: str, count: int) -> str:
    return text.encode("utf-8", "replace")[:count].decode("utf-8", "ignore").replace("\0", REPLACEMENT)
