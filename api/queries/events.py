"""The shapes of events in answers, and the columns that fill them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, ScalarSelect, Select, Tuple, literal, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from clearsight.case import Order
from clearsight.confidence import Confidence, confidence
from sql.models import correlation, dim_run, dim_scenario, dim_user, fact_cloudwatch_log, fact_row_change


@dataclass(frozen=True, slots=True)
class LogEvent:
    event_id: str
    occurred_at: datetime
    level: str
    category: str | None
    message: str
    error_type: str | None
    error_message: str | None
    stack: str | None
    service: str | None
    node: str | None
    log_group: str
    log_stream: str
    scenario_id: str | None
    run_id: str | None
    user_id: str | None
    correlation_id: str | None
    correlation_source: str
    link: str
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    event_id: str
    occurred_at: datetime
    op: str
    part: str
    table: str
    row_key: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    changed: list[str]
    action: str | None
    scenario_id: str | None
    run_id: str | None
    user_id: str | None
    user_name: str | None
    node: str | None
    tx_id: int | None
    correlation_id: str | None
    link: str
    confidence: Confidence


def log_events() -> Select[Any]:
    """Log lines with the ids of what they belong to; add WHERE, ORDER BY and LIMIT."""
    log = fact_cloudwatch_log.c
    return (
        select(
            log.event_id,
            log.occurred_at,
            log.level,
            log.category,
            log.message,
            log.error_type,
            log.error_message,
            log.stack,
            log.service,
            log.node,
            log.log_group,
            log.log_stream,
            dim_scenario.c.scenario_id,
            dim_run.c.run_id,
            dim_user.c.user_id,
            log.correlation_id,
            log.correlation_source,
            log.link,
        )
        .join(dim_scenario, dim_scenario.c.scenario_key == log.scenario_key, isouter=True)
        .join(dim_run, dim_run.c.run_key == log.run_key, isouter=True)
        .join(dim_user, dim_user.c.user_key == log.user_key, isouter=True)
    )


def log_event(row: Row[Any]) -> LogEvent:
    fields = {**row._mapping, "event_id": str(row.event_id)}
    return LogEvent(**fields, confidence=confidence(row.link, row.correlation_source))


def change_events() -> Select[Any]:
    """Row changes with the ids of what they belong to; add WHERE, ORDER BY and LIMIT."""
    change = fact_row_change.c
    return (
        select(
            change.event_id,
            change.occurred_at,
            change.op,
            change.part,
            (change.table_schema + "." + change.table_name).label("table"),
            change.row_key,
            change.before,
            change.after,
            change.changed,
            change.action,
            dim_scenario.c.scenario_id,
            dim_run.c.run_id,
            dim_user.c.user_id,
            dim_user.c.name.label("user_name"),
            change.node,
            change.tx_id,
            change.correlation_id,
            change.link,
        )
        .join(dim_scenario, dim_scenario.c.scenario_key == change.scenario_key, isouter=True)
        .join(dim_run, dim_run.c.run_key == change.run_key, isouter=True)
        .join(dim_user, dim_user.c.user_key == change.user_key, isouter=True)
    )


def change_event(row: Row[Any]) -> ChangeEvent:
    fields = {**row._mapping, "event_id": str(row.event_id)}
    return ChangeEvent(**fields, confidence=confidence(row.link))


def commit_order() -> tuple[ColumnElement[Any], ...]:
    """Order of row changes."""
    change = fact_row_change.c
    return (change.epoch, change.commit_lsn, change.lsn, change.total_order)


def position(order: Order) -> Tuple:
    """A commit position, to be compared with `tuple_(*commit_order())`."""
    return tuple_(*(literal(value, column.type) for value, column in zip(order, commit_order(), strict=True)))


def correlation_key(correlation_id: str) -> ScalarSelect[int]:
    """What facts are looked up by."""
    return select(correlation.c.correlation_key).where(correlation.c.correlation_id == correlation_id).scalar_subquery()
