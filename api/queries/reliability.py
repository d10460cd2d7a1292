"""What goes wrong over a period, of everything or of one scenario: categories, nodes, services, days, recurring patterns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CTE, ColumnElement, Date, Select, Text, and_, cast, func, literal_column, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.known import scenario_key
from api.queries.runs import RunView, of_keys
from clearsight.reliability import (
    Day,
    LineGroup,
    RunGroup,
    Runs,
    Top,
    days,
    runs,
    top_categories,
    top_nodes,
    top_services,
)
from sql.models import dim_run, fact_cloudwatch_log, fact_run_diagnostic

PERIOD = timedelta(days=30)
"""Before now, where no period is asked for."""
SERIOUS = ("ERROR", "FATAL")
LAST_FAILURES = 5

_LOG, _RUN = fact_cloudwatch_log.c, fact_run_diagnostic.c


@dataclass(frozen=True, slots=True)
class ErrorFilter:
    since: datetime | None = None
    until: datetime | None = None
    levels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pattern:
    """Errors that are alike: the same type from the same frames. Without a stack, of the same type or category."""

    fingerprint: str | None
    error_type: str | None
    category: str | None
    node: str | None
    message: str
    """Of the newest."""
    count: int
    runs: int
    scenarios: int
    first_seen_at: datetime
    last_seen_at: datetime
    last_run_id: str | None


@dataclass(frozen=True, slots=True)
class Reliability:
    since: datetime
    until: datetime
    runs: Runs
    error_lines: int
    categories: list[Top]
    nodes: list[Top]
    services: list[Top]
    days: list[Day]
    patterns: list[Pattern]
    """The most frequent first."""


@dataclass(frozen=True, slots=True)
class ScenarioErrors(Reliability):
    scenario_id: str
    last_failures: list[RunView]
    """Newest first."""


async def top_errors(connection: AsyncConnection, filters: ErrorFilter, most: int) -> Reliability:
    return await _reliability(connection, await _in_period(connection, filters), most, None)


async def scenario_errors(
    connection: AsyncConnection, scenario_id: str, filters: ErrorFilter, most: int
) -> ScenarioErrors:
    """Raises Unknown."""
    key = await scenario_key(connection, scenario_id)
    period = await _in_period(connection, filters)
    found = await _reliability(connection, period, most, key)
    statement = _narrowed(_runs(period, key).with_only_columns(_RUN.run_key).where(_RUN.outcome == "failed"), period)
    newest = (await connection.execute(statement.order_by(_RUN.started_at.desc()).limit(LAST_FAILURES))).scalars()
    parts = {name: getattr(found, name) for name in Reliability.__dataclass_fields__}
    return ScenarioErrors(**parts, scenario_id=scenario_id, last_failures=await of_keys(connection, list(newest)))


async def _in_period(connection: AsyncConnection, filters: ErrorFilter) -> ErrorFilter:
    if filters.since is not None and filters.until is not None:
        return filters
    until = filters.until or (await connection.execute(select(func.now()))).scalar_one()
    return replace(filters, since=filters.since or until - PERIOD, until=until)


async def _reliability(
    connection: AsyncConnection, filters: ErrorFilter, most: int, scenario: int | None
) -> Reliability:
    assert filters.since is not None
    assert filters.until is not None
    ended = [RunGroup(*row) for row in (await connection.execute(_run_groups(filters, scenario)))]
    lines = [LineGroup(*row) for row in (await connection.execute(_line_groups(filters, scenario)))]
    return Reliability(
        since=filters.since,
        until=filters.until,
        runs=runs(ended),
        error_lines=sum(each.lines for each in lines),
        categories=top_categories(ended, lines, most),
        nodes=top_nodes(ended, lines, most),
        services=top_services(lines, most),
        days=days(ended),
        patterns=[Pattern(*row) for row in (await connection.execute(_patterns(filters, scenario, most)))],
    )


def _runs(filters: ErrorFilter, scenario: int | None) -> Select[Any]:
    statement = select(_RUN.run_key).where(
        _RUN.started_at >= filters.since, _RUN.started_at < filters.until, ~_RUN.deleted
    )
    return statement if scenario is None else statement.where(_RUN.scenario_key == scenario)


def _run_groups(filters: ErrorFilter, scenario: int | None) -> Select[Any]:
    """A filter on categories or nodes narrows the failures; rates would mean nothing without the successes."""
    day = cast(func.timezone("UTC", _RUN.started_at), Date)
    columns = (day, _RUN.outcome, _RUN.category, _RUN.failing_node)
    statement = _runs(filters, scenario).with_only_columns(*columns, func.count()).group_by(*columns)
    return _narrowed(statement, filters)


def _narrowed(statement: Select[Any], filters: ErrorFilter) -> Select[Any]:
    failed = _RUN.outcome == "failed"
    if filters.categories:
        statement = statement.where(~failed | func.coalesce(_RUN.category, "unknown").in_(filters.categories))
    if filters.nodes:
        statement = statement.where(~failed | _RUN.failing_node.in_(filters.nodes))
    return statement


def _lines(filters: ErrorFilter, scenario: int | None) -> ColumnElement[bool]:
    """By the partial index on error lines; warnings have none, and are read where they are asked for."""
    serious = serious_lines()
    conditions = [_LOG.occurred_at >= filters.since, _LOG.occurred_at < filters.until]
    conditions.append(_LOG.level.in_(filters.levels) if "WARN" in filters.levels else serious)
    if filters.levels and "WARN" not in filters.levels:
        conditions.append(_LOG.level.in_(filters.levels))
    if scenario is not None:
        conditions.append(_LOG.scenario_key == scenario)
    if filters.categories:
        conditions.append(func.coalesce(_LOG.category, "unknown").in_(filters.categories))
    if filters.nodes:
        conditions.append(_LOG.node.in_(filters.nodes))
    if filters.services:
        conditions.append(_LOG.service.in_(filters.services))
    return and_(*conditions)


def serious_lines() -> ColumnElement[bool]:
    """Written out, so that a prepared plan knows the partial indexes."""
    return _LOG.level.in_([literal_column(f"'{level}'", Text) for level in SERIOUS])


def _line_groups(filters: ErrorFilter, scenario: int | None) -> Select[Any]:
    columns = (_LOG.category, _LOG.node, _LOG.service)
    ends = (func.min(_LOG.occurred_at), func.max(_LOG.occurred_at))
    return select(*columns, func.count(), *ends).where(_lines(filters, scenario)).group_by(*columns)


def _patterns(filters: ErrorFilter, scenario: int | None, most: int) -> Select[Any]:
    found = (
        select(
            func.coalesce(_LOG.fingerprint, _LOG.error_type, _LOG.category, "", type_=Text).label("pattern"),
            _LOG.event_id,
            _LOG.occurred_at,
            _LOG.run_key,
            _LOG.scenario_key,
        )
        .where(_lines(filters, scenario))
        .cte("found")
    )
    top = (
        select(
            found.c.pattern,
            func.count().label("lines"),
            func.count(found.c.run_key.distinct()).label("runs"),
            func.count(found.c.scenario_key.distinct()).label("scenarios"),
            func.min(found.c.occurred_at).label("first_seen_at"),
            func.max(found.c.occurred_at).label("last_seen_at"),
        )
        .group_by(found.c.pattern)
        .order_by(func.count().desc(), found.c.pattern)
        .limit(most)
        .subquery("top")
    )
    return _with_newest(found, top)


def _with_newest(found: CTE, top: Any) -> Select[Any]:
    newest = (
        select(found.c.event_id, found.c.occurred_at)
        .where(found.c.pattern == top.c.pattern)
        .order_by(found.c.occurred_at.desc(), found.c.event_id.desc())
        .limit(1)
        .lateral("newest")
    )
    line = (_LOG.event_id == newest.c.event_id) & (_LOG.occurred_at == newest.c.occurred_at)
    return (
        select(
            _LOG.fingerprint,
            _LOG.error_type,
            _LOG.category,
            _LOG.node,
            func.coalesce(_LOG.error_message, _LOG.message),
            top.c.lines,
            top.c.runs,
            top.c.scenarios,
            top.c.first_seen_at,
            top.c.last_seen_at,
            dim_run.c.run_id,
        )
        .select_from(
            top.join(newest, true())
            .join(fact_cloudwatch_log, line)
            .join(dim_run, dim_run.c.run_key == _LOG.run_key, isouter=True)
        )
        .order_by(top.c.lines.desc(), top.c.pattern)
    )
