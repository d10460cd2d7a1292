"""Everything of one correlation id."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.answers import CorrelationAnswer, json_response, with_coverage
from api.parameters import NO_PARAMETERS, Identifier
from api.problems import documented
from api.queries.correlation import correlation as ask_correlation
from api.queries.coverage import coverage
from api.service import Question, TheService

router = APIRouter(prefix="/rca/correlation", tags=["correlation"], dependencies=[NO_PARAMETERS])


@router.get("/{id:path}", response_model=CorrelationAnswer, responses=documented(404, 422, 503))
async def correlation(id: Identifier, connection: Question, service: TheService) -> Response:
    """Transactions, row changes, actions, transitions and log lines of one correlation id, and what it touched."""
    found = await ask_correlation(connection, id)
    return json_response(with_coverage(CorrelationAnswer, found, await coverage(connection, service.groups)))
