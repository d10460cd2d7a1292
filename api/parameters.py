"""Parameters, the same everywhere. What is not known is refused by name, never ignored."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from api.problems import field_problem
from api.queries.trail import TrailFilter

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


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("out of range") from None


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must not contain control characters")
    return value


Instant = Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_utc)]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_printable)]
Identifier = Annotated[
    str,
    Path(min_length=1, max_length=LONGEST_ID, description="the application's own id"),
    AfterValidator(_printable),
]
Level = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]


class TrailParameters(BaseModel):
    """Several values of one parameter (`type=log&type=run.started`) are alternatives."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Instant | None = Field(None, alias="from", description="from this instant on, RFC 3339 with any offset")
    until: Instant | None = Field(None, alias="to", description="before this instant")
    types: list[Text] = Field(
        [], alias="type", description="event types (input.changed) or kinds (action, change, state_change, log)"
    )
    levels: list[Level] = Field([], alias="level", description="of log lines")
    categories: list[Text] = Field([], alias="category", description="of errors: timeout, validation, …")
    users: list[Text] = Field([], alias="user", description="user ids")
    correlation_id: Text | None = None
    q: Text | None = Field(None, description="text in the summary, the error or the stack")
    limit: int = Field(LIMIT, ge=1, le=MOST)
    cursor: str | None = Field(None, max_length=1000, description="next_cursor of the page before")

    @model_validator(mode="after")
    def _in_order(self) -> TrailParameters:
        if self.since and self.until and self.since >= self.until:
            raise ValueError("from must be before to")
        return self

    def filters(self) -> TrailFilter:
        return TrailFilter(
            since=self.since,
            until=self.until,
            types=tuple(self.types),
            levels=tuple(self.levels),
            categories=tuple(self.categories),
            users=tuple(self.users),
            correlation_id=self.correlation_id,
            q=self.q,
        )


def no_parameters(request: Request) -> None:
    """For endpoints that take none."""
    for name in request.query_params:
        raise field_problem(name, "no such parameter")


NO_PARAMETERS = Depends(no_parameters)
