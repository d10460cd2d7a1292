"""Parameters, the same everywhere. What is not known is refused by name, never ignored."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from fastapi import Depends, Path, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from api.problems import field_problem
from api.queries.branch import TrailFilter
from api.queries.reliability import ErrorFilter

LONGEST_ID = 256
LIMIT = 100
MOST = 1000

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_LOST_PLUS = re.compile(r" (\d\d:\d\d)$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _rfc_3339(value: Any) -> Any:
    """A "+" that nobody escaped arrives as a space."""
    text = _LOST_PLUS.sub(r"+\1", value) if isinstance(value, str) else value
    if not isinstance(text, str) or not _RFC_3339.fullmatch(text):
        raise ValueError("write it as RFC 3339 with an offset, as in 2026-11-22T08:00:00Z")
    return text


def _wrong(field: str, message: str) -> PydanticCustomError:
    """Of several parameters together; names the one that it is said of."""
    return PydanticCustomError("together", "{message}", {"field": field, "message": message})


def _utc(value: datetime) -> datetime:
    """PostgreSQL's and Python's ranges differ at both ends; a day's distance keeps sums inside."""
    try:
        instant = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None
    if not 1 < instant.year < 9999:
        raise ValueError("out of range")
    return instant


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    if not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise ValueError("must be UTF-8")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_utc)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_printable)]
Identifier = Annotated[
    str,
    Path(min_length=1, max_length=LONGEST_ID, description="the application's own id"),
    AfterValidator(_printable),
]
Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]


class Asked(BaseModel):
    """What every question takes. Several values of one parameter (`type=log&type=run.started`) are alternatives."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    fields: Text | None = Field(
        None, description="names of the fields wanted of each item (of the answer where it has no items), with commas"
    )

    def fingerprint(self) -> str:
        """Equal for equal filters."""
        chosen = self.model_dump(mode="json", exclude={"fields", "format", "limit", "cursor"})
        return msgspec.json.encode(chosen, order="deterministic").decode()


class Ranged(Asked):
    since: Instant | None = Field(None, alias="from", description="from this instant on, RFC 3339 with any offset")
    until: Instant | None = Field(None, alias="to", description="before this instant")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.since and self.until and self.since >= self.until:
            raise _wrong("from", "must be before to")
        return self


class Tabular(BaseModel):
    format: Literal["answer", "rows"] = Field(
        "answer",
        description="rows: the items as flat rows for Power Query, with next_path; nested values are JSON in a text",
    )


class Paged(Ranged, Tabular):
    limit: int = Field(LIMIT, ge=1, le=MOST)
    cursor: str | None = Field(None, max_length=1000, description="next_cursor of the page before")


class Event(BaseModel):
    """Filters of events."""

    types: list[Text] = Field(
        [], alias="type", description="event types (input.changed) or kinds (action, change, state_change, log)"
    )
    levels: list[Level] = Field([], alias="level", description="of log lines")
    categories: list[Text] = Field([], alias="category", description="of errors: timeout, validation, …")
    users: list[Text] = Field([], alias="user", description="user ids")
    correlation_id: Text | None = None
    q: Text | None = Field(None, description="text in the summary, the error or the stack")

    def filters(self) -> TrailFilter:
        return TrailFilter(
            types=tuple(self.types),
            levels=tuple(self.levels),
            categories=tuple(self.categories),
            users=tuple(self.users),
            correlation_id=self.correlation_id,
            q=self.q,
        )


class TrailParameters(Paged, Event):
    def filters(self) -> TrailFilter:
        return replace(super().filters(), since=self.since, until=self.until)


class StreamParameters(Asked, Event):
    """Of the stream: nothing about time, for it begins with what lands next."""

    scenario: Text | None = Field(None, description="a scenario's id")


class StateParameters(Paged):
    types: list[Text] = Field([], alias="type", description="event types: scenario.submitted, scenario.locked, …")
    users: list[Text] = Field([], alias="user", description="user ids")
    correlation_id: Text | None = None


class InputParameters(Paged):
    nodes: list[Text] = Field([], alias="node", description="nodes of the inputs")
    names: list[Text] = Field([], alias="name", description="names of the inputs")
    users: list[Text] = Field([], alias="user", description="user ids")
    correlation_id: Text | None = None


class AsOfParameters(Asked):
    at: Instant | None = Field(None, description="as of this instant; RFC 3339 with any offset; default: now")
    position: str | None = Field(
        None, pattern=r"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$", description="as of this commit position, 16/B374D848"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.at and self.position:
            raise _wrong("position", "not together with at")
        return self


class JourneyParameters(Paged):
    limit: int = Field(50, ge=1, le=MOST, description="actions; what followed from them comes with them")
    types: list[Text] = Field([], alias="type", description="event types or kinds (action, state_change, run, log)")
    levels: list[Level] = Field([], alias="level", description="of log lines")
    categories: list[Text] = Field([], alias="category", description="of errors: timeout, validation, …")
    scenarios: list[Text] = Field([], alias="scenario", description="scenario ids")
    correlation_id: Text | None = None
    q: Text | None = Field(None, description="text in the summary")
    idle_minutes: float = Field(
        30, gt=0, le=10_080, description="a session ends after so many minutes without an action"
    )


class ComparisonParameters(Asked):
    before: Text | None = Field(None, description="the run compared with; default: the last success before a failure")
    after: Text | None = Field(None, description="the run that is compared; default: the first failure after it")


class ErrorParameters(Ranged):
    levels: list[Literal["WARN", "ERROR", "FATAL"]] = Field([], alias="level", description="default: ERROR and FATAL")
    categories: list[Text] = Field([], alias="category", description="of errors: timeout, validation, …")
    nodes: list[Text] = Field([], alias="node", description="nodes that failed")
    services: list[Text] = Field([], alias="service", description="services that wrote the lines")
    limit: int = Field(10, ge=1, le=100, description="entries of each list")

    def filters(self) -> ErrorFilter:
        return ErrorFilter(
            since=self.since,
            until=self.until,
            levels=tuple(self.levels),
            categories=tuple(self.categories),
            nodes=tuple(self.nodes),
            services=tuple(self.services),
        )


class RunsParameters(Paged):
    scenario: Text | None = Field(None, description="a scenario's id")
    outcomes: list[Literal["succeeded", "failed", "running"]] = Field([], alias="outcome")
    categories: list[Text] = Field([], alias="category", description="of errors: timeout, validation, …")
    nodes: list[Text] = Field([], alias="node", description="failing nodes")
    users: list[Text] = Field([], alias="user", description="user ids")
    correlation_id: Text | None = None


class ScenariosParameters(Asked, Tabular):
    owners: list[Text] = Field([], alias="owner", description="user ids")
    statuses: list[Text] = Field([], alias="status", description="the application's own words")
    q: Text | None = Field(None, description="text in the name or the id")
    limit: int = Field(LIMIT, ge=1, le=MOST)
    cursor: str | None = Field(None, max_length=1000, description="next_cursor of the page before")


class OutOfBandParameters(Paged):
    scenario: Text | None = Field(None, description="a scenario's id")
    tables: list[Text] = Field([], alias="table", description='"schema.table"')


class LogParameters(Paged):
    scenario: Text | None = Field(None, description="a scenario's id")
    run: Text | None = Field(None, description="a run's id")
    correlation_id: Text | None = None
    levels: list[Level] = Field([], alias="level")
    categories: list[Text] = Field([], alias="category", description="of errors: timeout, validation, …")
    nodes: list[Text] = Field([], alias="node")
    services: list[Text] = Field([], alias="service")
    q: Text | None = Field(None, description="text in the message, the error or the stack")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        serious = self.levels and set(self.levels) <= {"ERROR", "FATAL"}
        if not (self.scenario or self.run or self.correlation_id or serious):
            raise _wrong("level", "name one of scenario, run, correlation_id, or only levels ERROR and FATAL")
        return self


async def no_parameters(request: Request) -> None:
    """For endpoints that take none."""
    for name in request.query_params:
        raise field_problem(name, "no such parameter")


NO_PARAMETERS = Depends(no_parameters)
