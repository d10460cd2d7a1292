"""Two runs of a scenario side by side: by default the last success that was followed by a failure, and that failure."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import keyset
from api.queries.known import RunKey, run_key, scenario_key
from api.queries.run import InputDifferences, input_differences
from api.queries.runs import RunRecord, RunView, run_record
from clearsight.comparison import Ran, RunDelta, run_delta
from clearsight.errors import ClearSightError
from clearsight.mapping import Mapping
from sql.models import dim_run, fact_cloudwatch_log, fact_run_diagnostic

MOST_PATTERNS = 20

_RUN, _LOG = fact_run_diagnostic.c, fact_cloudwatch_log.c
_START = (_RUN.start_commit_lsn, _RUN.start_lsn, _RUN.start_total_order)
"""In the order of an index, as landing compares a run with the last good one."""


class NotComparable(ClearSightError):
    """`field` is the parameter that names the wrong run."""

    def __init__(self, field: str, message: str, mend: str) -> None:
        super().__init__(message, mend)
        self.field = field


@dataclass(frozen=True, slots=True)
class NewError:
    """An error that only the later run logged."""

    error_type: str | None
    message: str
    node: str | None
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class RunComparison:
    scenario_id: str
    chosen: Literal["asked", "default"]
    """Who chose the runs: whoever asked, or the rule of the last success before a failure."""
    available: bool
    reason: str | None
    """Why there is nothing to compare; null where there is."""
    before: RunView | None
    after: RunView | None
    delta: RunDelta | None
    new_errors: list[NewError]
    input_differences: InputDifferences


async def run_comparison(
    connection: AsyncConnection, scenario_id: str, mapping: Mapping, before: str | None, after: str | None
) -> RunComparison:
    """Where only one run is named, the other is chosen beside it. Raises Unknown, NotComparable."""
    key = await scenario_key(connection, scenario_id)
    earlier = await _asked(connection, "before", before, key, scenario_id)
    later = await _asked(connection, "after", after, key, scenario_id)
    chosen: Literal["asked", "default"] = "asked" if before or after else "default"
    if earlier is None and later is None:
        earlier, later = await _default_pair(connection, key)
    elif later is None and earlier is not None:
        later = await _first(connection, key, "failed", since=earlier)
    elif earlier is None and later is not None:
        earlier = await _last(connection, key, "succeeded", until=later)
    reason = _nothing(earlier, later)
    if reason is not None or earlier is None or later is None:
        found = InputDifferences(False, reason, [])
        views = [run.view if run else None for run in (earlier, later)]
        return RunComparison(scenario_id, chosen, False, reason, views[0], views[1], None, [], found)
    if before and after and earlier.start and later.start and earlier.start >= later.start:
        raise NotComparable("before", f"run {before} did not start before run {after}", "exchange before and after")
    return RunComparison(
        scenario_id=scenario_id,
        chosen=chosen,
        available=True,
        reason=None,
        before=earlier.view,
        after=later.view,
        delta=run_delta(_ran(earlier.view), _ran(later.view)),
        new_errors=await _new_errors(connection, earlier, later),
        input_differences=await input_differences(connection, later, earlier, mapping),
    )


async def _asked(
    connection: AsyncConnection, field: str, run_id: str | None, key: int, scenario_id: str
) -> RunRecord | None:
    if run_id is None:
        return None
    found = await run_key(connection, run_id)
    if found.scenario_key != key:
        of = f"of scenario {found.scenario_id}" if found.scenario_id else "of no known scenario"
        raise NotComparable(field, f"run {run_id} is {of}", f"name a run of scenario {scenario_id}")
    return await run_record(connection, found, run_id)


def _nothing(before: RunRecord | None, after: RunRecord | None) -> str | None:
    if after is None and before is None:
        return "no run of this scenario that failed has been captured"
    if after is None:
        return "no run of this scenario that failed afterwards has been captured"
    if before is None:
        return "no run of this scenario that succeeded before has been captured"
    return None


async def _default_pair(connection: AsyncConnection, key: int) -> tuple[RunRecord | None, RunRecord | None]:
    """The last success that was followed by a failure, and the first failure after it."""
    newest = await _last(connection, key, "failed")
    if newest is None:
        return None, None
    good = await _last(connection, key, "succeeded", until=newest)
    if good is None:
        return None, await _first(connection, key, "failed")
    return good, await _first(connection, key, "failed", since=good, known=newest)


async def _last(
    connection: AsyncConnection, key: int, outcome: str, *, until: RunRecord | None = None
) -> RunRecord | None:
    statement = _runs(key, outcome).order_by(*(column.desc() for column in _START)).limit(1)
    if until is not None and until.start is not None:
        statement = statement.where(keyset.before(_START, until.start[1:]))
    return await _found(connection, statement)


async def _first(
    connection: AsyncConnection,
    key: int,
    outcome: str,
    *,
    since: RunRecord | None = None,
    known: RunRecord | None = None,
) -> RunRecord | None:
    statement = _runs(key, outcome).order_by(*_START).limit(1)
    if since is not None and since.start is not None:
        statement = statement.where(keyset.after(_START, since.start[1:]))
    return await _found(connection, statement, known)


def _runs(key: int, outcome: str) -> Select[int, str]:
    """Those whose start was captured: only they have a place in the order."""
    return (
        select(_RUN.run_key, dim_run.c.run_id)
        .join(dim_run, dim_run.c.run_key == _RUN.run_key)
        .where(_RUN.scenario_key == key, _RUN.outcome == outcome, _RUN.start_commit_lsn.is_not(None), ~_RUN.deleted)
    )


async def _found(
    connection: AsyncConnection, statement: Select[int, str], known: RunRecord | None = None
) -> RunRecord | None:
    """`known` is not read again."""
    row = (await connection.execute(statement)).one_or_none()
    if row is not None and known is not None and row.run_key == known.run_key:
        return known
    return None if row is None else await run_record(connection, RunKey(row.run_key, None, None), row.run_id)


def _ran(view: RunView) -> Ran:
    return Ran(**{field.name: getattr(view, field.name) for field in fields(Ran)})


async def _new_errors(connection: AsyncConnection, before: RunRecord, after: RunRecord) -> list[NewError]:
    """Told apart by fingerprint, else by type and message."""
    known = {_pattern(each) for each in await _errors(connection, before)}
    found = {_pattern(each): each for each in await _errors(connection, after) if _pattern(each) not in known}
    return list(found.values())[:MOST_PATTERNS]


def _pattern(error: NewError) -> tuple[str | None, str]:
    return (error.fingerprint, "") if error.fingerprint else (error.error_type, error.message)


async def _errors(connection: AsyncConnection, run: RunRecord) -> list[NewError]:
    statement = (
        select(_LOG.error_type, _LOG.error_message, _LOG.message, _LOG.node, _LOG.fingerprint)
        .where(_LOG.run_key == run.run_key, _LOG.level.in_(("ERROR", "FATAL")))
        .order_by(_LOG.occurred_at.desc())
        .limit(MOST_PATTERNS * 5)
    )
    rows = (await connection.execute(statement)).all()
    return [
        NewError(row.error_type, row.error_message or row.message, row.node, row.fingerprint) for row in reversed(rows)
    ]
