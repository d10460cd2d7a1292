"""Questions about a scenario."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import TrailAnswer, json_response
from api.cursors import BadCursor
from api.parameters import Identifier, TrailParameters
from api.problems import documented, field_problem
from api.queries.coverage import coverage
from api.queries.trail import trail
from api.service import Question, TheService

router = APIRouter(prefix="/rca/scenario", tags=["scenario"])


@router.get("/{id:path}/audit-trail", response_model=TrailAnswer, responses=documented(404, 422, 503))
async def audit_trail(
    id: Identifier, parameters: Annotated[TrailParameters, Query()], connection: Question, service: TheService
) -> Response:
    """One timeline of everything that was done to the scenario and logged about it, oldest first."""
    filters = parameters.filters()
    query = f"trail\n{id}\n{filters.fingerprint()}"
    try:
        after = service.cursors.read(query, parameters.cursor) if parameters.cursor is not None else None
    except BadCursor as error:
        raise field_problem("cursor", str(error)) from None
    page = await trail(connection, id, filters, parameters.limit, after)
    return json_response(
        TrailAnswer(
            items=page.items,
            next_cursor=service.cursors.sign(query, page.next_key) if page.next_key else None,
            coverage=await coverage(connection, service.groups, parameters.until, since=parameters.since),
        )
    )
