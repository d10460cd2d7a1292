"""Questions about runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import DiagnosticsAnswer, RunsAnswer, answered
from api.documents import question_documents
from api.paging import Paging
from api.parameters import Asked, Identifier, RunsParameters
from api.queries.coverage import coverage
from api.queries.run import diagnostics as ask_diagnostics
from api.queries.runs import RUN_KEY_SET, RunFilter, runs
from api.queries.why import Why
from api.queries.why import why as ask_why
from api.reply import TheReply
from api.service import Question, TheService

router = APIRouter(prefix="/rca", tags=["run"])


@router.get("/runs", **question_documents("runs", RunsAnswer, 404, 422))
async def all_runs(
    asked: Annotated[RunsParameters, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """Runs, the newest first."""
    paging = Paging(service.cursors, f"runs\n{asked.fingerprint()}", RUN_KEY_SET)
    filters = RunFilter(
        since=asked.since,
        until=asked.until,
        scenario=asked.scenario,
        outcomes=tuple(asked.outcomes),
        categories=tuple(asked.categories),
        nodes=tuple(asked.nodes),
        users=tuple(asked.users),
        correlation_id=asked.correlation_id,
    )
    page = await runs(connection, filters, asked.limit, paging.after(asked.cursor))
    covered = await coverage(connection, service.groups, asked.until, since=asked.since)
    return reply(answered(RunsAnswer, page, next_cursor=paging.next(page.next_key), coverage=covered), asked.fields)


@router.get("/run/{id:path}/diagnostics", **question_documents("diagnostics", DiagnosticsAnswer, 404, 422))
async def diagnostics(
    id: Identifier, asked: Annotated[Asked, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """The run, its correlated log lines, stack, failing nodes, inputs at its start, and what differs from the last good."""
    found = await ask_diagnostics(connection, id, service.mapping)
    covered = await coverage(connection, service.groups, found.run.finished_at)
    return reply(answered(DiagnosticsAnswer, found, coverage=covered), asked.fields)


@router.get("/run/{id:path}/why", **question_documents("why", Why, 404, 422))
async def why(
    id: Identifier, asked: Annotated[Asked, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """Why the run failed: ranked candidates with their evidence, and what was ruled out."""
    found = await ask_why(connection, id, service.mapping, service.groups, service.page_of(id))
    return reply(found, asked.fields)
