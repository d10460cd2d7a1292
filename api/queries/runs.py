"""Runs as the facts show them: one, and the newest that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import keyset
from api.queries.known import RunKey, scenario_key, user_keys
from clearsight.case import Order
from sql.models import dim_run, dim_scenario, dim_user, fact_run_diagnostic

_RUN = fact_run_diagnostic.c


@dataclass(frozen=True, slots=True)
class RunView:
    run_id: str
    scenario_id: str | None = None
    scenario_name: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    status: str | None = None
    """The application's own word."""
    outcome: str | None = None
    """succeeded, failed or running."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    duration_ms: int | None = None
    category: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    failing_node: str | None = None
    log_lines: int = 0
    log_warnings: int = 0
    log_errors: int = 0
    correlation_id: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with what only other questions need."""

    view: RunView
    run_key: int
    scenario_key: int | None
    last_good_run_key: int | None
    inputs_at_start: dict[str, dict[str, Any]] | None
    start: Order | None
    """Commit position of its first row change."""
    first_seen_at: datetime

    @property
    def earliest(self) -> datetime:
        """No row change of the run is older, by any of the clocks involved."""
        return min(self.view.started_at or self.first_seen_at, self.first_seen_at)

    @property
    def latest(self) -> datetime:
        """When it ended, as far as is known."""
        return max(filter(None, (self.view.finished_at, self.view.started_at, self.first_seen_at)))


def _runs() -> Select[Any]:
    return (
        select(
            dim_run.c.run_id,
            dim_scenario.c.scenario_id,
            dim_scenario.c.name.label("scenario_name"),
            dim_user.c.user_id,
            dim_user.c.name.label("user_name"),
            _RUN.status,
            _RUN.outcome,
            _RUN.started_at,
            _RUN.finished_at,
            _RUN.duration_ms,
            _RUN.category,
            _RUN.error_type,
            _RUN.error_message,
            _RUN.failing_node,
            _RUN.log_lines,
            _RUN.log_warnings,
            _RUN.log_errors,
            _RUN.correlation_id,
            _RUN.deleted,
        )
        .join(dim_run, dim_run.c.run_key == _RUN.run_key)
        .join(dim_scenario, dim_scenario.c.scenario_key == _RUN.scenario_key, isouter=True)
        .join(dim_user, dim_user.c.user_key == _RUN.user_key, isouter=True)
    )


async def run_record(connection: AsyncConnection, key: RunKey, run_id: str) -> RunRecord:
    """The run of this key; one of which only log lines have landed has an empty view."""
    return await _record(connection, key.run_key) or _unrecorded(
        key, run_id, await _first_seen(connection, key.run_key)
    )


async def last_good_run(connection: AsyncConnection, run: RunRecord) -> RunRecord | None:
    """The newest run of the same scenario that succeeded and started before this one."""
    return await _record(connection, run.last_good_run_key) if run.last_good_run_key is not None else None


async def _record(connection: AsyncConnection, run_key: int) -> RunRecord | None:
    statement = _runs().add_columns(
        _RUN.scenario_key,
        _RUN.last_good_run_key,
        _RUN.inputs_at_start,
        _RUN.start_epoch,
        _RUN.start_commit_lsn,
        _RUN.start_lsn,
        _RUN.start_total_order,
        dim_run.c.first_seen_at,
    )
    row = (await connection.execute(statement.where(_RUN.run_key == run_key))).one_or_none()
    if row is None:
        return None
    names = [field.name for field in fields(RunView)]
    position = (row.start_epoch or 0, row.start_commit_lsn, row.start_lsn or 0, row.start_total_order or 0)
    return RunRecord(
        view=RunView(**{name: row._mapping[name] for name in names}),
        run_key=run_key,
        scenario_key=row.scenario_key,
        last_good_run_key=row.last_good_run_key,
        inputs_at_start=row.inputs_at_start,
        start=None if row.start_commit_lsn is None else position,
        first_seen_at=row.first_seen_at,
    )


async def _first_seen(connection: AsyncConnection, run_key: int) -> datetime:
    found: datetime = (
        await connection.execute(select(dim_run.c.first_seen_at).where(dim_run.c.run_key == run_key))
    ).scalar_one()
    return found


def _unrecorded(key: RunKey, run_id: str, first_seen_at: datetime) -> RunRecord:
    view = RunView(run_id=run_id, scenario_id=key.scenario_id)
    return RunRecord(view, key.run_key, key.scenario_key, None, None, None, first_seen_at)


async def newest_failed_runs(connection: AsyncConnection, limit: int) -> list[RunView]:
    """Newest first. Looks at the runs of the newest dimension rows only, so that its time does not grow with history."""
    newest = select(dim_run.c.run_key).order_by(dim_run.c.run_key.desc()).limit(limit * 100).subquery()
    statement = (
        _runs()
        .where(_RUN.run_key.in_(select(newest.c.run_key)), _RUN.outcome == "failed", ~_RUN.deleted)
        .order_by(_RUN.started_at.desc().nulls_last(), _RUN.run_key.desc())
        .limit(limit)
    )
    return [_run_view(row) for row in (await connection.execute(statement)).all()]


def _run_view(row: Row[Any]) -> RunView:
    return RunView(**row._mapping)


async def of_keys(connection: AsyncConnection, keys: Sequence[int]) -> list[RunView]:
    """These runs, in this order."""
    if not keys:
        return []
    rows = (await connection.execute(_runs().add_columns(_RUN.run_key).where(_RUN.run_key.in_(keys)))).all()
    names = [field.name for field in fields(RunView)]
    views = {row.run_key: RunView(**{name: row._mapping[name] for name in names}) for row in rows}
    return [views[key] for key in keys if key in views]


@dataclass(frozen=True, slots=True)
class RunFilter:
    since: datetime | None = None
    until: datetime | None = None
    scenario: str | None = None
    outcomes: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    correlation_id: str | None = None


RunKeySet = tuple[datetime, int]
RUN_KEY_SET = (datetime, int)


@dataclass(frozen=True, slots=True)
class RunPage:
    items: list[RunView]
    next_key: RunKeySet | None


async def runs(connection: AsyncConnection, filters: RunFilter, limit: int, after: RunKeySet | None = None) -> RunPage:
    """Newest start first; a run whose start is not known yet is not among them. Raises Unknown for the scenario."""
    order = (_RUN.started_at.desc(), _RUN.run_key.desc())
    statement = select(_RUN.started_at, _RUN.run_key).where(_RUN.started_at.is_not(None), ~_RUN.deleted)
    if filters.scenario is not None:
        statement = statement.where(_RUN.scenario_key == await scenario_key(connection, filters.scenario))
    if filters.users:
        statement = statement.where(_RUN.user_key.in_(await user_keys(connection, filters.users)))
    for column, values in (
        (_RUN.outcome, filters.outcomes),
        (_RUN.category, filters.categories),
        (_RUN.failing_node, filters.nodes),
    ):
        if values:
            statement = statement.where(column.in_(values))
    if filters.correlation_id is not None:
        statement = statement.where(_RUN.correlation_id == filters.correlation_id)
    if filters.since is not None:
        statement = statement.where(_RUN.started_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(_RUN.started_at < filters.until)
    if after is not None:
        statement = statement.where(keyset.before((_RUN.started_at, _RUN.run_key), after))
    keys: list[RunKeySet] = [
        (row[0], row[1]) for row in await connection.execute(statement.order_by(*order).limit(limit + 1))
    ]
    shown = keys[:limit]
    items = await of_keys(connection, [key for _, key in shown])
    return RunPage(items, shown[-1] if len(keys) > limit else None)
