"""Answers as JSON: nulls explicit, times in UTC with Z."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import Response

from api.queries.correlation import CorrelationStory
from api.queries.run import Diagnostics
from api.queries.trail import TrailEvent
from clearsight.coverage import Coverage

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class TrailAnswer:
    items: list[TrailEvent]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class DiagnosticsAnswer(Diagnostics):
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class CorrelationAnswer(CorrelationStory):
    coverage: Coverage


def json_response(answer: Any, status: int = 200) -> Response:
    """Of a dataclass or a dict. `application/json` as the answer's documented model."""
    return Response(_ENCODER.encode(answer), status_code=status, media_type="application/json")


def with_coverage(kind: type[Any], part: Any, coverage: Coverage) -> Any:
    """The answer of this kind: all of `part`, and what it covers."""
    return kind(**{name: getattr(part, name) for name in part.__dataclass_fields__}, coverage=coverage)
