"""What lies below the API's own paths and is no endpoint: a problem document. Else the pages would answer, with a page."""

from __future__ import annotations

from typing import NoReturn

from fastapi import FastAPI, HTTPException, Request
from starlette.routing import Match

BELOW = ("/rca", "/odata")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def install(application: FastAPI) -> None:
    """After every endpoint, and before the pages."""
    for prefix in BELOW:
        application.add_route(f"{prefix}/{{rest:path}}", _nothing, methods=METHODS, include_in_schema=False)


async def _nothing(request: Request) -> NoReturn:
    """405 where only the method is wrong."""
    found = (route.matches(request.scope)[0] for route in request.app.routes)
    if Match.PARTIAL in found:
        raise HTTPException(405, "this is only to be read", headers={"Allow": "GET"})
    raise HTTPException(404, "there is no such endpoint; /docs shows those that there are")
