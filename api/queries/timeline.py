"""The events of the timeline, one select a kind: what trail and stream read, each within its own bounds.

The same events in SQL are `rpt.view_scenario_audit_trail`; a test compares both. The view cannot take a LIMIT into its
branches, so a page of it sorts the whole scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import Raw
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Table,
    Text,
    case,
    cast,
    func,
    literal,
    null,
)
from sqlalchemy.dialects.postgresql import JSONB

from api.queries.branch import ORDER, Branch
from clearsight.confidence import Confidence, confidence
from sql.models import fact_cloudwatch_log, fact_row_change, fact_scenario_state_change, fact_user_action

_ACTION, _CHANGE = fact_user_action.c, fact_row_change.c
_STATE, _LOG = fact_scenario_state_change.c, fact_cloudwatch_log.c
_NOTHING = cast(null(), Text)


@dataclass(frozen=True, slots=True)
class TrailEvent:
    event_id: str
    occurred_at: datetime
    kind: str
    event_type: str
    summary: str
    scenario_id: str | None
    user_id: str | None
    user_name: str | None
    run_id: str | None
    node: str | None
    level: str | None
    category: str | None
    correlation_id: str | None
    correlation_source: str | None
    link: str
    confidence: Confidence
    revision: int
    approximate_order: bool
    """Between log lines and row changes the order is by wall clock."""
    details: Any
    """A JSON object, by kind: what an action did, a row before and after, states, a line's error and stack."""


def _columns(fact: Table, kind: str, **more: ColumnElement[Any]) -> tuple[ColumnElement[Any], ...]:
    zero = {"epoch": literal(0, Integer), **dict.fromkeys(ORDER[2:5], literal(0, BigInteger))}
    common = {name: fact.c[name] if name in fact.c else zero[name] for name in ORDER}
    shown = {
        "scenario_key": fact.c.scenario_key,
        "user_key": fact.c.user_key,
        "correlation_id": fact.c.correlation_id,
        "link": fact.c.link,
        "revision": fact.c.revision,
        **more,
    }
    return (literal(kind, Text).label("kind"), *(column.label(name) for name, column in (common | shown).items()))


_ACTION_SUMMARY = _ACTION.action + func.coalesce(" " + _ACTION.details.op("->>")("label"), "")
_CHANGE_TYPE = _CHANGE.part + case(
    (_CHANGE.op == "c", ".inserted"),
    (_CHANGE.op == "u", ".updated"),
    (_CHANGE.op == "d", ".deleted"),
    else_=".truncated",
)
_CHANGED = func.nullif(func.array_to_string(_CHANGE.changed, ", "), "")
_CHANGE_SUMMARY = _CHANGE.table_name + " " + _CHANGE.row_key + func.coalesce(": " + _CHANGED, "")
_STATE_TYPE = "scenario." + _STATE.to_state
_STATE_SUMMARY = func.coalesce(_STATE.from_state, "(new)") + " → " + _STATE.to_state
_LOG_TYPE = "log." + func.lower(_LOG.level)
_LOG_DETAILS = func.jsonb_strip_nulls(
    func.jsonb_build_object(
        "service", _LOG.service, "error_type", _LOG.error_type, "error_message", _LOG.error_message,
        "stack", _LOG.stack, "log_group", _LOG.log_group, "log_stream", _LOG.log_stream, type_=JSONB,
    ), type_=JSONB,
)  # fmt: skip

ACTIONS = Branch(
    kind="action",
    fact=fact_user_action,
    columns=_columns(
        fact_user_action,
        "action",
        event_type=_ACTION.action,
        summary=_ACTION_SUMMARY,
        run_key=_ACTION.run_key,
        node=_ACTION.node,
        level=_NOTHING,
        category=_NOTHING,
        correlation_source=_NOTHING,
        details=cast(_ACTION.details, Text),
    ),
    event_type=_ACTION.action,
    searched=(_ACTION_SUMMARY,),
    prefixes=("scenario.", "input.", "run."),
)
CHANGES = Branch(
    kind="change",
    fact=fact_row_change,
    columns=_columns(
        fact_row_change,
        "change",
        event_type=_CHANGE_TYPE,
        summary=_CHANGE_SUMMARY,
        run_key=_CHANGE.run_key,
        node=_CHANGE.node,
        level=_NOTHING,
        category=_NOTHING,
        correlation_source=_NOTHING,
        details=cast(
            func.jsonb_build_object(
                "before", _CHANGE.before, "after", _CHANGE.after, "changed", _CHANGE.changed, "tx_id", _CHANGE.tx_id
            ),
            Text,
        ),
    ),
    event_type=_CHANGE_TYPE,
    searched=(_CHANGE_SUMMARY,),
    prefixes=("scenario.", "input.", "run.", "user.", "other."),
    conditions=(_CHANGE.action.is_(None),),
)
STATES = Branch(
    kind="state_change",
    fact=fact_scenario_state_change,
    columns=_columns(
        fact_scenario_state_change,
        "state_change",
        event_type=_STATE_TYPE,
        summary=_STATE_SUMMARY,
        run_key=cast(null(), BigInteger),
        node=_NOTHING,
        level=_NOTHING,
        category=_NOTHING,
        correlation_source=_NOTHING,
        details=cast(
            func.jsonb_build_object(
                "from_state", _STATE.from_state, "to_state", _STATE.to_state, "how_known", _STATE.how_known,
                "ms_in_state_before", _STATE.ms_in_state_before,
            ),
            Text,
        ),
    ),
    event_type=_STATE_TYPE,
    searched=(_STATE_SUMMARY,),
    prefixes=("scenario.",),
)  # fmt: skip
LOGS = Branch(
    kind="log",
    fact=fact_cloudwatch_log,
    columns=_columns(
        fact_cloudwatch_log,
        "log",
        event_type=_LOG_TYPE,
        summary=_LOG.message,
        run_key=_LOG.run_key,
        node=_LOG.node,
        level=_LOG.level,
        category=_LOG.category,
        correlation_source=_LOG.correlation_source,
        details=cast(_LOG_DETAILS, Text),
    ),
    event_type=_LOG_TYPE,
    searched=(_LOG.message, func.coalesce(_LOG.error_message, ""), func.coalesce(_LOG.stack, "")),
    prefixes=("log.",),
)
BRANCHES = (ACTIONS, CHANGES, STATES, LOGS)


def shown(
    found: Any, scenario_id: ColumnElement[str], user: Any, run_id: ColumnElement[str]
) -> list[ColumnElement[Any]]:
    """The columns of `trail_event`, of events with a branch's columns and of what they belong to."""
    named = {
        "event_id": cast(found.event_id, Text),
        "scenario_id": scenario_id,
        "user_id": user.user_id,
        "user_name": user.name,
        "run_id": run_id,
    }
    return [named.get(name, found.get(name)).label(name) for name in (*_SHOWN, *ORDER[1:5])]


_SHOWN = (
    "event_id", "occurred_at", "kind", "event_type", "summary", "scenario_id", "user_id", "user_name", "run_id", "node",
    "level", "category", "correlation_id", "correlation_source", "link", "revision", "details",
)  # fmt: skip


def trail_event(row: Any) -> TrailEvent:
    """Of a row with the columns of `shown`. By place, for this is done for each event of each page."""
    return _EVENT(*row[:15], confidence(row[14], row[13]), row[15], row[2] == "log", Raw(row[16]))


_EVENT: Callable[..., TrailEvent] = TrailEvent
