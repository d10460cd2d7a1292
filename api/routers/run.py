"""Questions about a run."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.answers import DiagnosticsAnswer, json_response, with_coverage
from api.parameters import NO_PARAMETERS, Identifier
from api.problems import documented
from api.queries.coverage import coverage
from api.queries.run import diagnostics as ask_diagnostics
from api.queries.why import Why
from api.queries.why import why as ask_why
from api.service import Question, TheService

router = APIRouter(prefix="/rca/run", tags=["run"], dependencies=[NO_PARAMETERS])


@router.get("/{id:path}/diagnostics", response_model=DiagnosticsAnswer, responses=documented(404, 422, 503))
async def diagnostics(id: Identifier, connection: Question, service: TheService) -> Response:
    """The run, its correlated log lines, stack, failing nodes, inputs at its start, and what differs from the last good."""
    found = await ask_diagnostics(connection, id, service.mapping)
    covered = await coverage(connection, service.groups, found.run.finished_at)
    return json_response(with_coverage(DiagnosticsAnswer, found, covered))


@router.get("/{id:path}/why", response_model=Why, responses=documented(404, 422, 503))
async def why(id: Identifier, connection: Question, service: TheService) -> Response:
    """Why the run failed: ranked candidates with their evidence, and what was ruled out."""
    return json_response(await ask_why(connection, id, service.mapping, service.groups, service.page_of(id)))
