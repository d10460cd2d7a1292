"""The record on `clearsight.logs`: one log line, as the forwarder publishes it and the worker lands it.

Times are epoch milliseconds, UTC, the unit of Debezium's `ts_ms`: both sides of the join compare like with like.
`event_time` is the writer's clock, `ingestion_time` CloudWatch's, `forwarded_time` ours.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

CorrelationSource = Literal["field", "pattern", "inherited", "trace", "none"]
Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]


class LogError(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    type: str | None = None
    message: str | None = None
    stack: str | None = None
    fingerprint: str | None = None
    """Hash of the error type and the frames (file and function, without line numbers)."""


def _missing_message() -> str:
    raise msgspec.ValidationError("Object missing required field `message`")


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """The order of the fields is that of the record, and of what the forwarder passes by position."""

    event_id: str
    """CloudWatch's own 56-digit id."""
    event_time: int
    forwarded_time: int
    account: str
    region: str
    log_group: str
    log_stream: str
    ingestion_time: int | None = None
    origin: Literal["pull", "push", "backfill"] = "pull"
    correlation_id: str | None = None
    correlation_source: CorrelationSource = "none"
    scenario_id: str | None = None
    run_id: str | None = None
    user_id: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    level: Level = "INFO"
    level_raw: str | None = None
    """As the line names it: one of the words that levels are known by."""
    message: str = msgspec.field(default_factory=_missing_message)
    """Always there. From here on, what stands in the record is searched for secrets."""
    service: str | None = None
    node: str | None = None
    error: LogError | None = None
    format: str = "text"
    attributes: dict[str, Any] = {}
    redactions: dict[str, int] = {}


Ended = Literal["deleted", "unnamed"]
"""A log group that CloudWatch has no longer, and one that the settings name no longer."""


class ForwarderState(msgspec.Struct, frozen=True, kw_only=True):
    """The record on `clearsight.forwarder.state`, key = log group: everything up to `through` is on `clearsight.logs`
    before the offsets in `offsets` (partition → next offset)."""

    group: str
    """The log group's name; with account and region in front where it is not of the account that is at home."""
    through: int
    """Epoch milliseconds of event time."""
    offsets: dict[str, int]
    written: int
    """Epoch milliseconds."""
    settled: tuple[int, ...] = ()
    """How far each tier of the forwarder has come, narrow to wide: what came within its reach is there."""
    ended: Ended | None = None
    """Why the log group is read no longer, known since `written`."""
