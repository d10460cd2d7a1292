"""Questions about a user."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import JourneyAnswer, answered
from api.documents import question_documents
from api.paging import Paging
from api.parameters import Identifier, JourneyParameters
from api.queries.branch import ORDER_KEY
from api.queries.coverage import coverage
from api.queries.journey import JourneyFilter
from api.queries.journey import journey as ask_journey
from api.reply import TheReply
from api.service import Question, TheService

router = APIRouter(prefix="/rca/user", tags=["user"])


@router.get("/{id:path}/journey", **question_documents("journey", JourneyAnswer, 404, 422))
async def journey(
    id: Identifier,
    asked: Annotated[JourneyParameters, Query()],
    connection: Question,
    service: TheService,
    reply: TheReply,
) -> Response:
    """What the user did and what followed from it, in sessions, and how active the user is beside others.

    `limit` counts actions; transitions, ends of runs and log lines come with the action that they followed from. Without
    `from` it begins 30 days before the last action.
    """
    paging = Paging(service.cursors, f"journey\n{id}\n{asked.fingerprint()}", ORDER_KEY)
    filters = JourneyFilter(
        since=asked.since,
        until=asked.until,
        types=tuple(asked.types),
        levels=tuple(asked.levels),
        categories=tuple(asked.categories),
        scenarios=tuple(asked.scenarios),
        correlation_id=asked.correlation_id,
        q=asked.q,
    )
    idle, after = timedelta(minutes=asked.idle_minutes), paging.after(asked.cursor)
    found = await ask_journey(connection, id, filters, idle, asked.limit, after)
    covered = await coverage(connection, service.groups, asked.until, since=found.since)
    return reply(
        answered(JourneyAnswer, found, next_cursor=paging.next(found.next_key), coverage=covered), asked.fields
    )
