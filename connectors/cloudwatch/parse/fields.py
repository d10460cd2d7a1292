"""Ids in a JSON document, by the names of its fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from connectors.cloudwatch.parse.identifiers import MAX_ID_CHARACTERS, identifier, trace_of
from connectors.cloudwatch.parse.record import Parsed

_NAMES: dict[str, tuple[str, ...]] = {
    "correlation_id": (
        "correlation_id",
        "correlationId",
        "correlationID",
        "correlation-id",
        "x-correlation-id",
        "X-Correlation-Id",
        "X-Correlation-ID",
    ),
    "scenario_id": ("scenario_id", "scenarioId"),
    "run_id": ("run_id", "runId"),
    "user_id": ("user_id", "userId"),
    "node": ("node", "node_name", "nodeName"),
    "service": ("service", "service_name", "serviceName", "service.name"),
    "request_id": ("function_request_id", "requestId", "aws_request_id", "awsRequestId", "request_id"),
    "trace_id": ("trace_id", "traceId", "xray_trace_id", "traceparent", "x-amzn-trace-id", "trace.id"),
}
"""Role → field names, the first that is present wins."""

_TIMES = ("timestamp", "asctime", "time", "@timestamp", "ts", "date")
"""Neither ids nor attributes: CloudWatch knows when the line was written."""

_ENVELOPES = ("headers", "extra", "detail", "context", "metadata")
"""Objects inside a document that may carry ids."""


ERROR_FIELDS = frozenset(
    {
        "exception", "exc_info", "exception_name", "stack_trace", "stackTrace", "errorType", "errorMessage", "stack",
        "error.type", "error.message", "error.stack_trace", "exception.type", "exception.message", "exception.stacktrace",
        "err", "error",
    }
)  # fmt: skip
"""Where loggers write errors."""
_CERTAIN = 9
"""Characters of the longest word for nothing ("undefined"): what is longer is an id."""
_ERROR = "!"
_IGNORED = ""
_MOST_PLANS = 1_000
_LONGEST_SHAPE = 4_000
"""Characters of all names together, of a shape that is remembered."""


class _Plan(NamedTuple):
    """Of all documents with the same fields: an application's logger writes few shapes."""

    keys: tuple[tuple[str, str], ...]
    """Which to take, and for which role; the better ones last, which replace the others."""
    tells_error: bool


class FieldNames:
    """`more` are an application's own names, role → names; they go before the known ones."""

    def __init__(self, more: Mapping[str, Iterable[str]] | None = None) -> None:
        added = {role: tuple(names) for role, names in (more or {}).items() if names}
        self._role_of = {
            name: (role, rank)
            for role, known in _NAMES.items()
            for rank, name in reversed(list(enumerate((*added.get(role, ()), *known))))
        }
        """Field name → role and rank; the smallest rank wins."""
        self._role_of |= {**dict.fromkeys(_TIMES, (_IGNORED, 0)), **dict.fromkeys(ERROR_FIELDS, (_ERROR, 0))}
        self._plans: dict[tuple[str, ...], _Plan] = {}
        self.own = bool(added)
        """Whether an application has names of its own."""
        self._added = {name: role for role, names in added.items() for name in names}
        alternatives = "|".join(re.escape(name) for name in self._added)
        self._mention = re.compile(rf"""(?<!\w)({alternatives})["']?\s*[=:]\s*["']?([\w.:/-]+)""") if added else None

    def take(self, document: dict[str, Any]) -> tuple[dict[str, str], bool]:
        """Move ids and times out of a document. The ids by role, and whether fields are left that tell of an error."""
        shape = tuple(document)
        plan = self._plans.get(shape)
        if plan is None:
            plan = self._plan(shape)
            if len(self._plans) < _MOST_PLANS and sum(map(len, shape)) < _LONGEST_SHAPE:
                self._plans[shape] = plan
        ids: dict[str, str] = {}
        for key, role in plan.keys:
            value = document.pop(key)
            found = value if type(value) is str and _CERTAIN < len(value) < MAX_ID_CHARACTERS else identifier(value)
            if found is None:
                if isinstance(value, dict | list):
                    document[key] = value
            elif role:
                ids[role] = found
        return ids, plan.tells_error

    def _plan(self, shape: tuple[str, ...]) -> _Plan:
        roles = {key: self._role_of[key] for key in shape if key in self._role_of}
        taken = [key for key, (role, _) in roles.items() if role != _ERROR]
        ordered = sorted(taken, key=lambda key: -roles[key][1])
        return _Plan(tuple((key, roles[key][0]) for key in ordered), len(taken) < len(roles))

    def read(self, format_name: str, message: str, document: dict[str, Any]) -> tuple[Parsed, bool]:
        """A line with the ids of its document, which are moved out of it, and of the objects in it that may carry some;
        and whether fields are left that tell of an error."""
        ids, tells_error = self.take(document)
        if "trace_id" in ids:
            trace_id = trace_of(ids["trace_id"])
            if trace_id is None:
                del ids["trace_id"]
            else:
                ids["trace_id"] = trace_id
        parsed = Parsed(format=format_name, message=message, **ids)  # type: ignore[arg-type]
        if parsed.correlation_id is not None:
            parsed.correlation_source = "field"
        else:
            for name in _ENVELOPES:
                if isinstance(inner := document.get(name), dict):
                    self.fill(inner, parsed)
        return parsed, tells_error

    def take_mentions(self, parsed: Parsed) -> None:
        """Ids that the message names by an application's own names, for roles that are still empty."""
        for found in self._mention.finditer(parsed.message) if self._mention else ():
            role, value = self._added[found[1]], identifier(found[2].rstrip(".:-/"))
            if value is not None and getattr(parsed, role) is None:
                setattr(parsed, role, trace_of(value) if role == "trace_id" else value)
                if role == "correlation_id":
                    parsed.correlation_source = "pattern"

    def fill(self, document: Mapping[str, Any], parsed: Parsed) -> None:
        """Ids of an inner document, which keeps them, for roles that are still empty."""
        for role, found in self.take(dict(document))[0].items():
            if getattr(parsed, role) is None:
                setattr(parsed, role, trace_of(found) if role == "trace_id" else found)
                if role == "correlation_id":
                    parsed.correlation_source = "field"


KNOWN_NAMES = FieldNames()
