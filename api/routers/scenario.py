"""Questions about a scenario."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.answers import (
    ComparisonAnswer,
    InputsAnswer,
    ScenarioErrorsAnswer,
    ScenariosAnswer,
    StateAnswer,
    StatesAnswer,
    TrailAnswer,
    answered,
)
from api.documents import question_documents
from api.paging import Paging
from api.parameters import (
    AsOfParameters,
    ComparisonParameters,
    ErrorParameters,
    Identifier,
    InputParameters,
    ScenariosParameters,
    StateParameters,
    TrailParameters,
)
from api.queries.branch import ORDER_KEY, TrailFilter
from api.queries.comparison import run_comparison
from api.queries.coverage import coverage
from api.queries.inputs import InputFilter, input_changes
from api.queries.reliability import scenario_errors
from api.queries.scenarios import KEY, ScenarioFilter, scenarios
from api.queries.state import Moment, scenario_state
from api.queries.states import state_changes
from api.queries.trail import trail
from api.reply import TheReply
from api.service import Question, TheService

router = APIRouter(prefix="/rca", tags=["scenario"])


@router.get("/scenarios", **question_documents("scenarios", ScenariosAnswer, 422))
async def all_scenarios(
    asked: Annotated[ScenariosParameters, Query()], connection: Question, service: TheService, reply: TheReply
) -> Response:
    """The scenarios that are known, the newest first, each with its newest run."""
    paging = Paging(service.cursors, f"scenarios\n{asked.fingerprint()}", KEY)
    filters = ScenarioFilter(tuple(asked.owners), tuple(asked.statuses), asked.q)
    page = await scenarios(connection, filters, asked.limit, paging.after(asked.cursor))
    covered = await coverage(connection, service.groups)
    return reply(
        answered(ScenariosAnswer, page, next_cursor=paging.next(page.next_key), coverage=covered), asked.fields
    )


@router.get("/scenario/{id:path}/audit-trail", **question_documents("audit-trail", TrailAnswer, 404, 422))
async def audit_trail(
    id: Identifier,
    asked: Annotated[TrailParameters, Query()],
    connection: Question,
    service: TheService,
    reply: TheReply,
) -> Response:
    """One timeline of everything that was done to the scenario and logged about it, oldest first."""
    paging = Paging(service.cursors, f"trail\n{id}\n{asked.fingerprint()}", ORDER_KEY)
    page = await trail(connection, id, asked.filters(), asked.limit, paging.after(asked.cursor))
    covered = await coverage(connection, service.groups, asked.until, since=asked.since)
    return reply(answered(TrailAnswer, page, next_cursor=paging.next(page.next_key), coverage=covered), asked.fields)


@router.get("/scenario/{id:path}/state-changes", **question_documents("state-changes", StatesAnswer, 404, 422))
async def all_state_changes(
    id: Identifier,
    asked: Annotated[StateParameters, Query()],
    connection: Question,
    service: TheService,
    reply: TheReply,
) -> Response:
    """The scenario's transitions, oldest first, with the time spent in each state."""
    paging = Paging(service.cursors, f"states\n{id}\n{asked.fingerprint()}", ORDER_KEY)
    filters = TrailFilter(
        since=asked.since,
        until=asked.until,
        types=tuple(asked.types),
        users=tuple(asked.users),
        correlation_id=asked.correlation_id,
    )
    page = await state_changes(connection, id, filters, asked.limit, paging.after(asked.cursor))
    covered = await coverage(connection, service.groups, asked.until, since=asked.since)
    return reply(answered(StatesAnswer, page, next_cursor=paging.next(page.next_key), coverage=covered), asked.fields)


@router.get("/scenario/{id:path}/inputs", **question_documents("inputs", InputsAnswer, 404, 422))
async def all_inputs(
    id: Identifier,
    asked: Annotated[InputParameters, Query()],
    connection: Question,
    service: TheService,
    reply: TheReply,
) -> Response:
    """Changes of the scenario's inputs in commit order: node, name, old, new, who, when and why."""
    paging = Paging(service.cursors, f"inputs\n{id}\n{asked.fingerprint()}", ORDER_KEY)
    filters = TrailFilter(
        since=asked.since, until=asked.until, users=tuple(asked.users), correlation_id=asked.correlation_id
    )
    wanted = InputFilter(tuple(asked.nodes), tuple(asked.names))
    after = paging.after(asked.cursor)
    page = await input_changes(connection, id, service.mapping, filters, wanted, asked.limit, after)
    covered = await coverage(connection, service.groups, asked.until, since=asked.since)
    return reply(answered(InputsAnswer, page, next_cursor=paging.next(page.next_key), coverage=covered), asked.fields)


@router.get("/scenario/{id:path}/state", **question_documents("state", StateAnswer, 404, 422))
async def state_as_of(
    id: Identifier,
    asked: Annotated[AsOfParameters, Query()],
    connection: Question,
    service: TheService,
    reply: TheReply,
) -> Response:
    """The scenario as it was at an instant or a commit position: state, row, inputs, runs that were going."""
    found = await scenario_state(connection, id, service.mapping, Moment(asked.at, asked.position))
    covered = await coverage(connection, service.groups, asked.at)
    return reply(answered(StateAnswer, found, coverage=covered), asked.fields)


@router.get("/scenario/{id:path}/run-comparison", **question_documents("run-comparison", ComparisonAnswer, 404, 422))
async def comparison(
    id: Identifier,
    asked: Annotated[ComparisonParameters, Query()],
    connection: Question,
    service: TheService,
    reply: TheReply,
) -> Response:
    """Two runs side by side: inputs added, removed and changed between them with who and when, gap, duration, error.

    By default the last success that was followed by a failure, and the first failure after it.
    """
    found = await run_comparison(connection, id, service.mapping, asked.before, asked.after)
    end = found.after.finished_at if found.after else None
    covered = await coverage(connection, service.groups, end)
    return reply(answered(ComparisonAnswer, found, coverage=covered), asked.fields)


@router.get("/scenario/{id:path}/error-summary", **question_documents("error-summary", ScenarioErrorsAnswer, 404, 422))
async def error_summary(
    id: Identifier,
    asked: Annotated[ErrorParameters, Query()],
    connection: Question,
    service: TheService,
    reply: TheReply,
) -> Response:
    """What goes wrong in the scenario, over 30 days unless another range is asked for."""
    found = await scenario_errors(connection, id, asked.filters(), asked.limit)
    covered = await coverage(connection, service.groups, asked.until, since=found.since)
    return reply(answered(ScenarioErrorsAnswer, found, coverage=covered), asked.fields)
