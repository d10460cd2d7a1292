"""Questions about everything, over a period."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import CoverageAnswer, ErrorsAnswer, LogsAnswer, OutOfBandAnswer, answered
from api.documents import question_documents
from api.paging import Paging
from api.parameters import ErrorParameters, LogParameters, OutOfBandParameters, Ranged
from api.queries import logs as log_lines
from api.queries import out_of_band as unlinked
from api.queries.coverage import coverage as ask_coverage
from api.queries.reliability import top_errors
from api.reply import TheReply
from api.service import Question, TheService

router = APIRouter(prefix="/rca", tags=["period"])


@router.get("/errors/top-categories", **question_documents("top-categories", ErrorsAnswer, 422))
async def top_categories(
    asked: Annotated[ErrorParameters, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """What fails most, by category, node and service; success rate a day; recurring patterns. 30 days unless asked."""
    found = await top_errors(connection, asked.filters(), asked.limit)
    covered = await ask_coverage(connection, service.groups, asked.until, since=found.since)
    return reply(answered(ErrorsAnswer, found, coverage=covered), asked.fields)


@router.get("/changes/out-of-band", **question_documents("out-of-band", OutOfBandAnswer, 404, 422))
async def out_of_band(
    asked: Annotated[OutOfBandParameters, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """Row changes that came without context, the newest first: nobody said who made them and why."""
    paging = Paging(service.cursors, f"out of band\n{asked.fingerprint()}", unlinked.KEY)
    filters = unlinked.OutOfBandFilter(asked.since, asked.until, asked.scenario, tuple(asked.tables))
    page = await unlinked.out_of_band(connection, filters, asked.limit, paging.after(asked.cursor))
    covered = await ask_coverage(connection, service.groups, asked.until, since=asked.since)
    return reply(
        answered(OutOfBandAnswer, page, next_cursor=paging.next(page.next_key), coverage=covered), asked.fields
    )


@router.get("/logs", **question_documents("logs", LogsAnswer, 404, 422))
async def logs(
    asked: Annotated[LogParameters, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """Log lines, the newest first, of a scenario, a run, a correlation id, or of levels ERROR and FATAL."""
    paging = Paging(service.cursors, f"logs\n{asked.fingerprint()}", log_lines.KEY)
    filters = log_lines.LogFilter(
        since=asked.since,
        until=asked.until,
        scenario=asked.scenario,
        run=asked.run,
        correlation_id=asked.correlation_id,
        levels=tuple(asked.levels),
        categories=tuple(asked.categories),
        nodes=tuple(asked.nodes),
        services=tuple(asked.services),
        q=asked.q,
    )
    page = await log_lines.logs(connection, filters, asked.limit, paging.after(asked.cursor))
    covered = await ask_coverage(connection, service.groups, asked.until, since=asked.since)
    return reply(answered(LogsAnswer, page, next_cursor=paging.next(page.next_key), coverage=covered), asked.fields)


@router.get("/coverage", **question_documents("coverage", CoverageAnswer, 422))
async def coverage(
    asked: Annotated[Ranged, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """How far changes and log groups have landed, and what is known to be missing of a range."""
    covered = await ask_coverage(connection, service.groups, asked.until, since=asked.since)
    return reply(CoverageAnswer(covered), asked.fields)
