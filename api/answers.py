"""What endpoints answer, as documented models. Every answer says what it covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from fastapi import Response

from api.queries.comparison import RunComparison
from api.queries.correlation import CorrelationStory
from api.queries.events import ChangeEvent, LogEvent
from api.queries.inputs import InputChange
from api.queries.journey import JourneyEvent
from api.queries.reliability import Reliability, ScenarioErrors
from api.queries.run import Diagnostics
from api.queries.runs import RunView
from api.queries.scenarios import ScenarioView
from api.queries.state import ScenarioState
from api.queries.states import StateChange
from api.queries.timeline import TrailEvent
from clearsight.coverage import Coverage
from clearsight.journey import Session, Velocity
from clearsight.states import CurrentState, TimeInState

_ENCODER = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class TrailAnswer:
    items: list[TrailEvent]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class StatesAnswer:
    items: list[StateChange]
    current: CurrentState | None
    time_in_state: list[TimeInState]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class InputsAnswer:
    items: list[InputChange]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class StateAnswer(ScenarioState):
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class ComparisonAnswer(RunComparison):
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class JourneyAnswer:
    user_id: str
    user_name: str | None
    since: datetime | None
    until: datetime | None
    items: list[JourneyEvent]
    sessions: list[Session]
    velocity: Velocity
    truncated: bool
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class DiagnosticsAnswer(Diagnostics):
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class ErrorsAnswer(Reliability):
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class ScenarioErrorsAnswer(ScenarioErrors):
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class CorrelationAnswer(CorrelationStory):
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class RunsAnswer:
    items: list[RunView]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class ScenariosAnswer:
    items: list[ScenarioView]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class OutOfBandAnswer:
    items: list[ChangeEvent]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class LogsAnswer:
    items: list[LogEvent]
    next_cursor: str | None
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class CoverageAnswer:
    coverage: Coverage


def json_response(answer: Any, status: int = 200) -> Response:
    """Of a dataclass or a dict. `application/json` as the answer's documented model."""
    return Response(_ENCODER.encode(answer), status_code=status, media_type="application/json")


def answered(kind: type[Any], part: Any, **more: Any) -> Any:
    """The answer of this kind: its fields from `part`, and `more`."""
    names = [name for name in kind.__dataclass_fields__ if name not in more]
    return kind(**{name: getattr(part, name) for name in names}, **more)
