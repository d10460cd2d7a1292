"""What a message says about itself, whatever its format."""

from __future__ import annotations

from typing import Any

import msgspec

from clearsight.logline import CorrelationSource, Level, LogError


class Parsed(msgspec.Struct, kw_only=True, gc=False):
    """Filled step by step by one reader; `level` is None until known or inferred."""

    format: str
    message: str
    level: Level | None = None
    level_raw: str | None = None
    correlation_id: str | None = None
    correlation_source: CorrelationSource = "none"
    scenario_id: str | None = None
    run_id: str | None = None
    user_id: str | None = None
    node: str | None = None
    service: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    error: LogError | None = None
    attributes: dict[str, Any] = {}
    starts_request: bool = False
    """Lambda's START: lines without a request id that follow in the stream belong to `request_id`."""
    ends_request: bool = False
    """Its END: later lines do not belong to `request_id`."""
    redactions: dict[str, int] = {}
    """What was replaced in its record, by kind."""
