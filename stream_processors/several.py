"""Transactions with several contexts. The first in the log counts for what was changed and who did it, whichever landed first;
every other correlation id has touched the same, so that its log lines are joined too. All runs inside a batch's or timer's
transaction that holds the locks of the classes involved.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor

from clearsight.events import TransactionKey
from clearsight.identity import id_time_ms, ids_at
from clearsight.instants import EARLIEST_US, LATEST_US, from_us, to_us
from stream_processors import left_over
from stream_processors.amend import QUEUED, Amended, Given, joined, joined_and_told
from stream_processors.arrays import array, columns
from stream_processors.correlate import KnownContext

_PLACES = "unnest(%(tx)s::bigint[], %(at)s::timestamptz[], %(first)s::uuid[], %(last)s::uuid[])"
_KEYS = """
keys(tx_id, committed_at, first_id, last_id, correlation_id, correlation_key, user_key) AS
    (SELECT * FROM unnest(%(tx)s::bigint[], %(at)s::timestamptz[], %(first)s::uuid[], %(last)s::uuid[], %(id)s::text[],
                          %(correlation)s::bigint[], %(user)s::bigint[]))
"""
# Joined facts have no index by transaction: their ids begin with its time. The bounds of all are there for the planner.
_OF = """f.event_id BETWEEN k.first_id AND k.last_id AND f.occurred_at = k.committed_at AND f.tx_id = k.tx_id
    AND f.event_id BETWEEN %(lowest)s AND %(highest)s AND f.occurred_at BETWEEN %(since)s AND %(until)s"""
_DIFFERS = """(f.link = 'correlated' AND f.correlation_key IS DISTINCT FROM k.correlation_key
       OR f.link IN ('direct', 'correlated') AND f.user_key IS DISTINCT FROM k.user_key)"""

_CHANGES = f"""
WITH {_KEYS}, {joined_and_told("fact_row_change", f"{_OF} AND {_DIFFERS}")}
{QUEUED.format(kind="change")}
"""
_ACTIONS = f"WITH {_KEYS}, {joined('fact_user_action', f'{_OF} AND {_DIFFERS}')}"
_BY_STATE = f"""f.tx_id = k.tx_id AND f.committed_at = k.committed_at AND {_DIFFERS}
    WHERE f.scenario_key = ANY(%(scenarios)s::bigint[])"""
_STATES = f"""
WITH {_KEYS}, {joined_and_told("fact_scenario_state_change", _BY_STATE)}
{QUEUED.format(kind="state_change")}
"""

_TOUCHED = f"""
WITH {_KEYS}
SELECT DISTINCT k.tx_id, k.committed_at, CASE WHEN f.link = 'direct' THEN f.correlation_key END, f.scenario_key, f.run_key,
       u.user_key
FROM keys k JOIN rpt.fact_row_change f ON {_OF} LEFT JOIN rpt.dim_user u ON f.part = 'user' AND u.user_id = f.row_key
WHERE f.link IN ('direct', 'correlated')
"""  # noqa: S608

_SCENARIOS = f"""
SELECT DISTINCT f.scenario_key
FROM {_PLACES} AS k(tx_id, committed_at, first_id, last_id)
JOIN rpt.fact_row_change f ON {_OF} WHERE f.part = 'scenario' AND f.scenario_key IS NOT NULL
"""  # noqa: S608


def scenarios_of(cursor: Cursor[Any], contexts: dict[TransactionKey, KnownContext]) -> set[int]:
    """Scenarios whose own rows those of these locked transactions changed that have several contexts."""
    keys = [key for key, known in contexts.items() if known.others is not None]
    if not keys:
        return set()
    return {scenario for (scenario,) in cursor.execute(_SCENARIOS.encode(), _places(keys)).fetchall()}


def settle(cursor: Cursor[Any], contexts: dict[TransactionKey, Given]) -> list[Amended]:
    """Give the facts of those of these locked transactions that have several contexts what the first says, and return what
    each of their correlation ids touched."""
    found = {key: given for key, given in contexts.items() if given.others is not None}
    if not found:
        return []
    keys = {
        **_places(found),
        "at_once": left_over.AT_ONCE,
        "id": array(given.correlation_id for given in found.values()),
        "correlation": array(given.correlation for given in found.values()),
        "user": array(given.user for given in found.values()),
    }
    touched = cursor.execute(_TOUCHED.encode(), keys).fetchall()
    keys["scenarios"] = array({scenario for _, _, _, scenario, _, _ in touched if scenario is not None})
    counts = [cursor.execute(query.encode(), keys).rowcount for query in (_CHANGES, _ACTIONS, _STATES)]
    if max(counts) >= left_over.AT_ONCE:
        left_over.leave(cursor, "transaction", left_over.timed(found))
    return [
        Amended(correlation, *what)
        for tx_id, committed_at, own, *what in touched
        for correlation in _correlations(own, found[TransactionKey(tx_id, to_us(committed_at))])
    ]


def _correlations(own: int | None, given: Given) -> Iterable[int]:
    """Of a change: its own, where its row names one."""
    return (given.correlation, *(given.others or ())) if own is None else (own,)


def _places(transactions: Iterable[TransactionKey]) -> dict[str, Any]:
    """Where the facts of these transactions lie, of each and of all, as parameters."""
    places = [_place(key) for key in transactions]
    tx, at, first, last = columns(places)
    times = [committed_at for _, committed_at, _, _ in places]
    ids = [each for _, _, *both in places for each in both]
    bounds = {"since": min(times), "until": max(times), "lowest": min(ids), "highest": max(ids)}
    return {"tx": tx, "at": at, "first": first, "last": last, **bounds}


def _place(key: TransactionKey) -> tuple[int, datetime, UUID, UUID]:
    """A transaction, and between which ids its facts lie. Ids keep the time that a clamped one came with."""
    clamped = key.committed_us in (EARLIEST_US, LATEST_US)
    first, last = (UUID(int=0), UUID(int=2**128 - 1)) if clamped else ids_at(id_time_ms(key.committed_us))
    return key.tx_id, from_us(key.committed_us), first, last
