"""The scenarios that are known, the newest first, each with its newest run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from sql.models import dim_run, dim_scenario, fact_run_diagnostic

KEY = (int,)

_SCENARIO, _RUN = dim_scenario.c, fact_run_diagnostic.c


@dataclass(frozen=True, slots=True)
class ScenarioFilter:
    owners: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    q: str | None = None


@dataclass(frozen=True, slots=True)
class ScenarioView:
    scenario_id: str
    name: str | None
    owner: str | None
    status: str | None
    """The application's own word."""
    deleted: bool
    first_seen_at: datetime
    last_run_id: str | None
    last_run_outcome: str | None
    last_run_started_at: datetime | None


@dataclass(frozen=True, slots=True)
class ScenarioPage:
    items: list[ScenarioView]
    next_key: tuple[int] | None


async def scenarios(
    connection: AsyncConnection, filters: ScenarioFilter, limit: int, after: tuple[int] | None = None
) -> ScenarioPage:
    statement = select(dim_scenario).order_by(_SCENARIO.scenario_key.desc()).limit(limit + 1)
    if filters.owners:
        statement = statement.where(_SCENARIO.owner.in_(filters.owners))
    if filters.statuses:
        statement = statement.where(_SCENARIO.status.in_(filters.statuses))
    if filters.q is not None:
        name = func.coalesce(_SCENARIO.name, "")
        statement = statement.where(
            or_(*(each.icontains(filters.q, autoescape=True) for each in (name, _SCENARIO.scenario_id)))
        )
    if after is not None:
        statement = statement.where(_SCENARIO.scenario_key < after[0])
    page = statement.subquery("page")
    newest = (
        select(_RUN.run_key, _RUN.outcome, _RUN.started_at)
        .where(_RUN.scenario_key == page.c.scenario_key, _RUN.start_commit_lsn.is_not(None))
        .order_by(_RUN.start_commit_lsn.desc())
        .limit(1)
        .lateral("newest")
    )
    shown = (
        select(page, dim_run.c.run_id, newest.c.outcome, newest.c.started_at)
        .select_from(
            page.join(newest, true(), isouter=True).join(dim_run, dim_run.c.run_key == newest.c.run_key, isouter=True)
        )
        .order_by(page.c.scenario_key.desc())
    )
    rows = (await connection.execute(shown)).all()
    items = [
        ScenarioView(
            scenario_id=row.scenario_id,
            name=row.name,
            owner=row.owner,
            status=row.status,
            deleted=row.deleted,
            first_seen_at=row.first_seen_at,
            last_run_id=row.run_id,
            last_run_outcome=row.outcome,
            last_run_started_at=row.started_at,
        )
        for row in rows[:limit]
    ]
    return ScenarioPage(items, (rows[limit - 1].scenario_key,) if len(rows) > limit else None)
