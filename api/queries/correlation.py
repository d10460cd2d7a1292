"""Everything of one correlation id: transactions, row changes, actions, transitions, log lines and what it touched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.events import (
    ChangeEvent,
    LogEvent,
    change_event,
    change_events,
    commit_order,
    correlation_key,
    log_event,
    log_events,
)
from api.queries.known import unknown
from sql.models import (
    correlation as correlations,
)
from sql.models import (
    correlation_touch,
    dim_run,
    dim_scenario,
    dim_user,
    fact_cloudwatch_log,
    fact_row_change,
    fact_scenario_state_change,
    fact_user_action,
    transaction_context,
)

MOST = 1000
"""Of each list; `truncated` names those that had more."""


@dataclass(frozen=True, slots=True)
class TransactionView:
    tx_id: int
    committed_at: datetime
    user_id: str | None
    use_case: str | None


@dataclass(frozen=True, slots=True)
class ActionView:
    event_id: str
    occurred_at: datetime
    action: str
    user_id: str | None
    user_name: str | None
    scenario_id: str | None
    run_id: str | None
    node: str | None
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StateChangeView:
    event_id: str
    occurred_at: datetime
    scenario_id: str
    from_state: str | None
    to_state: str
    how_known: str


@dataclass(frozen=True, slots=True)
class Touched:
    scenarios: list[str]
    runs: list[str]
    users: list[str]


@dataclass(frozen=True, slots=True)
class CorrelationStory:
    correlation_id: str
    first_seen_at: datetime
    transactions: list[TransactionView]
    changes: list[ChangeEvent]
    actions: list[ActionView]
    state_changes: list[StateChangeView]
    logs: list[LogEvent]
    touched: Touched
    truncated: list[str]


async def correlation(connection: AsyncConnection, correlation_id: str) -> CorrelationStory:
    """Raises Unknown, after one look at an index where nothing of the id has landed."""
    first_seen_at = await connection.scalar(
        select(correlations.c.first_seen_at).where(correlations.c.correlation_id == correlation_id)
    )
    if first_seen_at is None:
        raise await unknown(connection, "correlation", correlation_id)
    rows = {
        name: (await connection.execute(statement.limit(MOST + 1))).all()
        for name, statement in _statements(correlation_id).items()
    }
    kept = {name: found[:MOST] for name, found in rows.items()}
    return CorrelationStory(
        correlation_id=correlation_id,
        first_seen_at=first_seen_at,
        transactions=[TransactionView(*row) for row in kept["transactions"]],
        changes=[change_event(row) for row in kept["changes"]],
        actions=[ActionView(str(row[0]), *row[1:]) for row in kept["actions"]],
        state_changes=[StateChangeView(str(row[0]), *row[1:]) for row in kept["state_changes"]],
        logs=[log_event(row) for row in kept["logs"]],
        touched=_touched(kept["touched"]),
        truncated=[name for name, found in rows.items() if len(found) > MOST],
    )


def _statements(correlation_id: str) -> dict[str, Select[Any]]:
    return {
        "transactions": _transactions(correlation_id),
        "changes": change_events()
        .where(fact_row_change.c.correlation_key == correlation_key(correlation_id))
        .order_by(*commit_order(), fact_row_change.c.event_id),
        "actions": _actions(correlation_id),
        "state_changes": _state_changes(correlation_id),
        "logs": log_events()
        .where(fact_cloudwatch_log.c.correlation_key == correlation_key(correlation_id))
        .order_by(fact_cloudwatch_log.c.occurred_at, fact_cloudwatch_log.c.event_id),
        "touched": _touches(correlation_id),
    }


def _transactions(correlation_id: str) -> Select[Any]:
    context = transaction_context.c
    return (
        select(context.tx_id, context.committed_at, context.user_id, context.use_case)
        .where(context.correlation_id == correlation_id)
        .order_by(context.commit_lsn, context.tx_id)
    )


def _actions(correlation_id: str) -> Select[Any]:
    action = fact_user_action.c
    return (
        select(
            action.event_id,
            action.occurred_at,
            action.action,
            dim_user.c.user_id,
            dim_user.c.name,
            dim_scenario.c.scenario_id,
            dim_run.c.run_id,
            action.node,
            action.details,
        )
        .join(dim_scenario, dim_scenario.c.scenario_key == action.scenario_key, isouter=True)
        .join(dim_run, dim_run.c.run_key == action.run_key, isouter=True)
        .join(dim_user, dim_user.c.user_key == action.user_key, isouter=True)
        .where(action.correlation_key == correlation_key(correlation_id))
        .order_by(action.epoch, action.commit_lsn, action.lsn, action.total_order, action.event_id)
    )


def _state_changes(correlation_id: str) -> Select[Any]:
    state = fact_scenario_state_change.c
    return (
        select(
            state.event_id,
            state.occurred_at,
            dim_scenario.c.scenario_id,
            state.from_state,
            state.to_state,
            state.how_known,
        )
        .join(dim_scenario, dim_scenario.c.scenario_key == state.scenario_key)
        .where(state.correlation_key == correlation_key(correlation_id))
        .order_by(state.occurred_at, state.event_id)
    )


def _touches(correlation_id: str) -> Select[Any]:
    touch = correlation_touch.c
    of_kind = [
        select(touch.kind, identifier.label("id"))
        .join(identifier.table, key == touch.key)
        .where(touch.correlation_key == correlation_key(correlation_id), touch.kind == kind)
        for kind, identifier, key in (
            ("scenario", dim_scenario.c.scenario_id, dim_scenario.c.scenario_key),
            ("run", dim_run.c.run_id, dim_run.c.run_key),
            ("user", dim_user.c.user_id, dim_user.c.user_key),
        )
    ]
    touched = union_all(*of_kind).subquery()
    return select(touched.c.kind, touched.c.id).order_by(touched.c.kind, touched.c.id)


def _touched(rows: Any) -> Touched:
    by_kind: dict[str, list[str]] = {"scenario": [], "run": [], "user": []}
    for kind, identifier in rows:
        by_kind[kind].append(identifier)
    return Touched(by_kind["scenario"], by_kind["run"], by_kind["user"])
