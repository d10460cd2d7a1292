"""Why a run failed: the facts gathered, the rules applied, and what the answer covers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.coverage import coverage
from api.queries.evidence import case_of
from api.queries.known import run_key
from api.queries.runs import RunView, run_record
from api.queries.schema_changes import SchemaChange, schema_changes
from clearsight.causes import Candidate, Cause, Explanation, RuledOut, Verdict, explain
from clearsight.coverage import Coverage
from clearsight.mapping import Mapping

WITHOUT_GOOD_RUN = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Why:
    """`page`: where a browser shows the same."""

    run_id: str
    verdict: Verdict
    cause: Cause | None
    summary: str
    candidates: list[Candidate]
    """By score, the cause first."""
    ruled_out: list[RuledOut]
    run: RunView
    last_good_run_id: str | None
    schema_changes: list[SchemaChange]
    """Of audited tables, since the last good run started, else since a day before; none where the run has not failed."""
    coverage: Coverage
    page: str


async def why(connection: AsyncConnection, run_id: str, mapping: Mapping, groups: Sequence[str], page: str) -> Why:
    """Raises Unknown. `groups` are the log groups that should be covered, `page` the address of the run's page."""
    key = await run_key(connection, run_id)
    record = await run_record(connection, key, run_id)
    case = await case_of(connection, record, mapping)
    found: Explanation = explain(case)
    since = (case.last_good and case.last_good.started_at) or record.earliest - WITHOUT_GOOD_RUN
    failed = record.view.outcome == "failed"
    return Why(
        run_id=run_id,
        verdict=found.verdict,
        cause=found.cause,
        summary=found.summary,
        candidates=found.candidates,
        ruled_out=found.ruled_out,
        run=record.view,
        last_good_run_id=case.last_good.run_id if case.last_good else None,
        schema_changes=await schema_changes(connection, since, record.latest) if failed else [],
        coverage=await coverage(connection, groups, record.view.finished_at),
        page=page,
    )
