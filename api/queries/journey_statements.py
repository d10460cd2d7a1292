"""What a journey asks the database, made once: a page of actions, what carries their correlation ids, and other users."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    true,
)

from api.queries.branch import ORDER, Branch
from api.queries.prepared import Prepared, prepared
from api.queries.timeline import ACTIONS, LOGS, STATES
from sql.models import dim_run, dim_scenario, dim_user, fact_run_diagnostic, fact_user_action

MOST = 5000
"""Actions that sessions and velocity are made of, the newest of the range."""
MOST_FOLLOWING = 500
"""Events of each kind that follow from the actions of one page."""
PEERS = 50
"""Other users that the user is compared with."""

_ACTION, _RUN = fact_user_action.c, fact_run_diagnostic.c

BEGINNING, END = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

_SINCE, _UNTIL = (bindparam(name, type_=_ACTION.occurred_at.type) for name in ("since", "until"))
_KEYS, _MOST = bindparam("keys", type_=ARRAY(BigInteger)), bindparam("most", type_=BigInteger)
_DURING = (_ACTION.occurred_at >= _SINCE, _ACTION.occurred_at < _UNTIL)
_WITHIN = (_ACTION.user_key == bindparam("user", type_=BigInteger), *_DURING)


def _acts() -> Select[Any]:
    newest = (
        select(_ACTION.occurred_at, _ACTION.action, _ACTION.scenario_key)
        .where(*_WITHIN)
        .order_by(_ACTION.occurred_at.desc(), _ACTION.event_id.desc())
        .limit(literal_column(str(MOST + 1)))
        .subquery()
    )
    return (
        select(newest.c.occurred_at, newest.c.action, dim_scenario.c.scenario_id)
        .join(dim_scenario, dim_scenario.c.scenario_key == newest.c.scenario_key, isouter=True)
        .order_by(newest.c.occurred_at)
    )


def _peers() -> Select[Any]:
    peers = (
        select(dim_user.c.user_key)
        .where(dim_user.c.user_key != bindparam("user", type_=BigInteger))
        .order_by(func.hashint8(dim_user.c.user_key), dim_user.c.user_key)
        .limit(literal_column(str(PEERS)))
        .subquery("peers")
    )
    acts = select(literal(1)).where(_ACTION.user_key == peers.c.user_key, *_DURING).limit(_MOST).correlate(peers)
    counted = select(func.count().label("acts")).select_from(acts.subquery()).lateral("counted")
    return select(counted.c.acts).select_from(peers.join(counted, true()))


@lru_cache(maxsize=4)
def actions(later: bool, correlated: bool) -> Prepared:
    statement = select(*_columns(ACTIONS), _ACTION.correlation_key).where(*_WITHIN)
    if later:
        statement = statement.where(ACTIONS.later())
    if correlated:
        statement = statement.where(_ACTION.correlation_key == bindparam("correlation", type_=BigInteger))
    return prepared(_named(statement.order_by(*ACTIONS.order).limit(_MOST), "run_key", "correlation_key"))


def _carrying(branch: Branch) -> Select[Any]:
    fact = branch.fact.c
    first, last = (bindparam(name, type_=fact.occurred_at.type) for name in ("first", "last"))
    return _named(
        select(*_columns(branch))
        .where(fact.correlation_key == func.any(_KEYS), fact.occurred_at.between(first, last))
        .order_by(fact.occurred_at, fact.event_id)
        .limit(literal_column(str(MOST_FOLLOWING + 1)))
    )


def _columns(branch: Branch) -> list[ColumnElement[Any]]:
    """A story is told without details: stacks and row images would be most of what is read."""
    return [column for column in branch.columns if column.key != "details"]


def _named(events: Select[Any], *more: str) -> Select[Any]:
    """The events with the application's ids, in their order and the columns in that of JourneyEvent."""
    found = events.subquery("found")
    named = {
        "event_id": cast(found.c.event_id, Text),
        "scenario_id": dim_scenario.c.scenario_id,
        "run_id": dim_run.c.run_id,
    }
    return (
        select(
            *((named[name] if name in named else found.c[name]).label(name) for name in (*_SHOWN, *ORDER[1:5], *more))
        )
        .select_from(found)
        .join(dim_scenario, dim_scenario.c.scenario_key == found.c.scenario_key, isouter=True)
        .join(dim_run, dim_run.c.run_key == found.c.run_key, isouter=True)
        .order_by(*(found.c[name] for name in ORDER))
    )


_SHOWN = (
    "event_id", "occurred_at", "kind", "event_type", "summary", "scenario_id", "run_id", "node", "level", "category",
    "correlation_id", "link", "correlation_source",
)  # fmt: skip


def _ended() -> Select[Any]:
    told = func.coalesce(_RUN.error_message, func.concat(func.coalesce(_RUN.duration_ms, 0), " ms"))
    columns = {
        "event_id": func.concat("run/", dim_run.c.run_id),
        "occurred_at": _RUN.finished_at,
        "kind": literal("run"),
        "event_type": "run." + _RUN.outcome,
        "summary": func.concat("run ", dim_run.c.run_id, " ", _RUN.outcome, ": ", told),
        "scenario_id": dim_scenario.c.scenario_id,
        "run_id": dim_run.c.run_id,
        "node": _RUN.failing_node,
        "level": null(),
        "category": _RUN.category,
        "correlation_id": _RUN.correlation_id,
        "link": literal("direct"),
        "correlation_source": null(),
    }
    ended = (_RUN.outcome == "succeeded") | (_RUN.outcome == "failed")
    return (
        select(*(columns[name].label(name) for name in _SHOWN))
        .join(dim_run, dim_run.c.run_key == _RUN.run_key)
        .join(dim_scenario, dim_scenario.c.scenario_key == _RUN.scenario_key, isouter=True)
        .where(
            _RUN.run_key == func.any(bindparam("runs", type_=ARRAY(BigInteger))), _RUN.finished_at.is_not(None), ended
        )
    )


ACTS, COUNTED_PEERS, ENDED = prepared(_acts()), prepared(_peers()), prepared(_ended())
NEWEST = prepared(
    select(_ACTION.occurred_at).where(*_WITHIN).order_by(_ACTION.occurred_at.desc()).limit(literal_column("1"))
)
EARLIER = prepared(
    select(_ACTION.correlation_key).where(_ACTION.correlation_key == func.any(_KEYS), *_WITHIN, ACTIONS.earlier())
)
CARRYING = tuple(prepared(_carrying(branch)) for branch in (STATES, LOGS))
