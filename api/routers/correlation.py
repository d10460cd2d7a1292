"""Everything of one correlation id."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import CorrelationAnswer, answered
from api.documents import question_documents
from api.parameters import Asked, Identifier
from api.queries.correlation import correlation as ask_correlation
from api.queries.coverage import coverage
from api.reply import TheReply
from api.service import Question, TheService

router = APIRouter(prefix="/rca/correlation", tags=["correlation"])


@router.get("/{id:path}", **question_documents("correlation", CorrelationAnswer, 404, 422))
async def correlation(
    id: Identifier, asked: Annotated[Asked, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """Transactions, row changes, actions, transitions and log lines of one correlation id, and what it touched."""
    found = await ask_correlation(connection, id)
    covered = await coverage(connection, service.groups)
    return reply(answered(CorrelationAnswer, found, coverage=covered), asked.fields)
