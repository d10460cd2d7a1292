"""Errors as RFC 9457 problem documents that name the field, say what was wrong and how to mend it."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi_problem.error import Problem
from fastapi_problem.handler import add_exception_handler, new_exception_handler
from rfc9457.openapi import problem_response
from starlette_problem.handler import ExceptionHandler

from api.database import QuestionTooSlow
from api.queries.comparison import NotComparable
from api.queries.known import Unknown
from clearsight.errors import ClearSightError, NotFound, Unavailable

RETRY_AFTER_S = 2
LOG = logging.getLogger("clearsight.api")


def field_problem(field: str, message: str) -> Problem:
    """422 for one parameter."""
    return _invalid([{"field": field, "message": message}])


def install(app: FastAPI) -> None:
    handler = new_exception_handler(
        logger=LOG,
        handlers={ClearSightError: _from_ours},
        request_validation_handler=_from_validation,
        unhandled_wrappers={"500": _unexpected},  # type: ignore[dict-item]  # it is only called
    )
    add_exception_handler(app, handler, generic_swagger_defaults=False)
    # What is handled for Exception alone is raised again after the answer, and the server then drops the connection.
    for expected in (ClearSightError, Problem):
        app.add_exception_handler(expected, handler)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of an endpoint that can answer with these problems."""
    return {
        status: problem_response(_TEXTS[status], examples=[_EXAMPLES[status].marshal(uri="", strict=False)])
        for status in statuses
    }


def _unexpected(_detail: str, **_: Any) -> Problem:
    """What an error says of itself may hold a statement or an address: it is for the log."""
    detail = "an error that nobody expected; the API's log has it"
    return Problem("Unexpected error", type_="unexpected", status=500, detail=detail)


def _from_validation(_handler: ExceptionHandler, _request: Request, error: RequestValidationError) -> Problem:
    return _invalid([_field_error(each) for each in error.errors()])


def _invalid(errors: list[dict[str, str]]) -> Problem:
    detail = "; ".join(f"{each['field']}: {each['message']}" for each in errors)
    return Problem("Invalid parameter", type_="invalid-parameter", status=422, detail=detail, errors=errors)


def _field_error(error: dict[str, Any]) -> dict[str, str]:
    place = error["loc"][1:] or (error.get("ctx", {}).get("field", error["loc"][0]),)
    field = ".".join(str(part) for part in place)
    if error["type"] == "extra_forbidden":
        return {"field": field, "message": "no such parameter"}
    return {"field": field, "message": error["msg"].removeprefix("Value error, ")}


def _from_ours(_handler: ExceptionHandler, _request: Request, error: Exception) -> Problem:
    assert isinstance(error, ClearSightError)
    if isinstance(error, NotComparable):
        return field_problem(error.field, f"{error.message}; {error.mend}")
    if isinstance(error, NotFound):
        return Problem(
            "Not found",
            type_="not-found",
            status=404,
            detail=error.message,
            mend=error.mend,
            known=error.known if isinstance(error, Unknown) else [],
        )
    if isinstance(error, (Unavailable, QuestionTooSlow)):
        kind = "question-too-slow" if isinstance(error, QuestionTooSlow) else "unavailable"
        return Problem(
            "Unavailable",
            type_=kind,
            status=503,
            detail=error.message,
            headers={"Retry-After": str(RETRY_AFTER_S)},
            mend=error.mend,
        )
    LOG.error("%s; mend: %s", error.message, error.mend)
    return Problem("Not ready", type_="misconfigured", status=500, detail=error.message, mend=error.mend)


_TEXTS = {
    401: "Key needed",
    403: "Not allowed",
    404: "Not found",
    422: "Invalid parameter",
    429: "Too many heavy questions",
    503: "The reporting database is away",
}
_EXAMPLES = {
    401: Problem("Key needed", type_="unauthenticated", status=401, detail="name an API key in the header X-API-Key"),
    403: Problem("Not allowed", type_="forbidden", status=403, detail="this key may not be used here"),
    429: Problem("Too many heavy questions", type_="too-busy", status=429, detail="ask again in a moment"),
    404: Problem("Not found", type_="not-found", status=404, detail="no run 42 has landed", mend="…", known=["7f3c…"]),
    422: _invalid([{"field": "limit", "message": "Input should be greater than or equal to 1"}]),
    503: Problem(
        "Unavailable", type_="unavailable", status=503, detail="the reporting database did not answer", mend="…"
    ),
}
