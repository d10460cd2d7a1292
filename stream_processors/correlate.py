"""The join's state in Postgres: transactions' contexts, correlation ids and what each touched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Cursor

from clearsight.events import Context, TransactionKey
from clearsight.instants import from_us, to_us
from clearsight.links import Touched
from stream_processors.arrays import array, columns


class KnownContext(NamedTuple):
    """The first context of a transaction, in the order of the log."""

    correlation_id: str
    user_id: str | None
    others: tuple[str, ...] | None = None
    """The other correlation ids of a transaction with several contexts; None where it has one."""

    @property
    def ids(self) -> tuple[str, ...]:
        """All of them, the first one first."""
        return (self.correlation_id, *(self.others or ()))


OTHERS = 100
"""Correlation ids of a transaction besides the first that are kept: each touches what all of its changes do."""

_FIRST = "t.correlation_id IS NULL OR excluded.context_lsn < t.context_lsn"
_TRANSACTIONS = f"""
INSERT INTO rpt.transaction_context AS t
    (tx_id, committed_at, commit_lsn, correlation_id, user_id, use_case, context_lsn)
SELECT * FROM unnest(%s::bigint[], %s::timestamptz[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[])
ORDER BY 1, 2
ON CONFLICT (tx_id, committed_at) DO UPDATE
SET correlation_id = CASE WHEN {_FIRST} THEN excluded.correlation_id ELSE t.correlation_id END,
    user_id = CASE WHEN {_FIRST} THEN excluded.user_id ELSE t.user_id END,
    use_case = CASE WHEN {_FIRST} THEN excluded.use_case ELSE t.use_case END,
    context_lsn = CASE WHEN {_FIRST} THEN excluded.context_lsn ELSE t.context_lsn END,
    other_ids = CASE WHEN t.correlation_id IS NOT NULL AND excluded.context_lsn <> coalesce(t.context_lsn, 0) THEN
        (SELECT coalesce((array_agg(DISTINCT id ORDER BY id))[1:{OTHERS}], '{{}}')
         FROM unnest(t.other_ids || t.correlation_id || excluded.correlation_id) AS id
         WHERE id <> CASE WHEN {_FIRST} THEN excluded.correlation_id ELSE t.correlation_id END)
        ELSE t.other_ids END
RETURNING tx_id, committed_at, correlation_id, user_id, other_ids
"""  # noqa: S608 - no value is put into the text


def lock_transactions(
    cursor: Cursor[Any],
    transactions: dict[TransactionKey, int],
    contexts: dict[TransactionKey, Context],
    further: Iterable[Context] = (),
) -> dict[TransactionKey, KnownContext]:
    """Lock these transactions (with their commit LSN), keep the contexts that came, and return every context known now.
    `further` are contexts of the same transactions besides those of `contexts`.

    A transaction of which only changes came gets a placeholder: without it, two workers that land the halves of one
    transaction at the same time would both miss the other's.
    """
    if not transactions:
        return {}
    known = _keep(cursor, [_row(key, lsn, contexts.get(key)) for key, lsn in transactions.items()])
    for context in further:
        known |= _keep(cursor, [_row(context.transaction, context.commit_lsn, context)])
    return known


def _keep(cursor: Cursor[Any], rows: list[tuple[Any, ...]]) -> dict[TransactionKey, KnownContext]:
    cursor.execute(_TRANSACTIONS.encode(), columns(rows))
    return {
        TransactionKey(tx_id, to_us(committed_at)): KnownContext(
            correlation_id, user_id, None if others is None else tuple(others)
        )
        for tx_id, committed_at, correlation_id, user_id, others in cursor.fetchall()
        if correlation_id is not None
    }


def _row(key: TransactionKey, commit_lsn: int, context: Context | None) -> tuple[Any, ...]:
    said = context and (context.correlation_id, context.user_id, context.use_case, context.lsn)
    return key.tx_id, from_us(key.committed_us), commit_lsn, *(said or (None,) * 4)


_CORRELATIONS = """
INSERT INTO rpt.correlation AS c (correlation_id, first_seen_at)
SELECT * FROM unnest(%s::text[], %s::timestamptz[]) ORDER BY 1
ON CONFLICT (correlation_id) DO UPDATE SET first_seen_at = least(c.first_seen_at, excluded.first_seen_at)
RETURNING correlation_id, correlation_key
"""


def lock_correlations(cursor: Cursor[Any], seen: dict[str, int]) -> dict[str, int]:
    """Lock these correlation ids (id → first seen, µs), also those that did not exist; return the key of each."""
    if not seen:
        return {}
    cursor.execute(_CORRELATIONS, (array(seen), array(map(from_us, seen.values()))))
    return dict(cursor.fetchall())


class Touch(NamedTuple):
    """Of a correlation, by key: kind `scenario`, `run`, `user` or `other`, and the key of that."""

    correlation: int
    kind: str
    key: int


def touches_of(correlation: int, scenario: int | None, run: int | None, changed_user: int | None) -> list[Touch]:
    """What a change touched. One that belongs to no scenario, run or user still is what the lines of its correlation id
    belong to: kind `other`."""
    found = (("scenario", scenario), ("run", run), ("user", changed_user))
    return [Touch(correlation, kind, key) for kind, key in found if key is not None] or [Touch(correlation, "other", 0)]


# The outer query sees the table as it was before the insertion.
_TOUCH = """
WITH new AS (
    INSERT INTO rpt.correlation_touch (correlation_key, kind, key)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[]) ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING RETURNING correlation_key, kind
)
SELECT n.correlation_key
FROM (SELECT correlation_key, bool_or(kind = 'scenario') AS scenario, bool_or(kind = 'run') AS run
      FROM new GROUP BY correlation_key) n
CROSS JOIN LATERAL (
    SELECT count(*) AS touches, count(*) FILTER (WHERE kind = 'scenario') AS scenarios,
           count(*) FILTER (WHERE kind = 'run') AS runs
    FROM rpt.correlation_touch t WHERE t.correlation_key = n.correlation_key) before
WHERE before.touches = 0 OR n.scenario AND before.scenarios < 2 OR n.run AND before.runs < 2
"""


def touch(cursor: Cursor[Any], touches: Iterable[Touch]) -> set[int]:
    """Remember what locked correlations touched; return those whose lines may belong elsewhere now.

    Not those that had touched several scenarios and several runs already: one more changes nothing, and placing all their
    lines again with every batch would be quadratic.
    """
    rows = set(touches)
    if not rows:
        return set()
    cursor.execute(_TOUCH, columns(rows))
    return {correlation for (correlation,) in cursor.fetchall()}


_TOUCHED = """
SELECT correlation_key, array_agg(key) FILTER (WHERE kind = 'scenario'), array_agg(key) FILTER (WHERE kind = 'run'),
       array_agg(key) FILTER (WHERE kind IN ('user', 'other'))
FROM rpt.correlation_touch WHERE correlation_key = ANY(%s::bigint[]) GROUP BY correlation_key
"""


def touched(cursor: Cursor[Any], correlations: Iterable[int]) -> dict[int, Touched]:
    """What each of these correlations touched so far."""
    cursor.execute(_TOUCHED, [array(correlations)])
    return {
        correlation: Touched(frozenset(scenarios or ()), frozenset(runs or ()), frozenset(others or ()))
        for correlation, scenarios, runs, others in cursor.fetchall()
    }


_TOUCHED_RUNS = (
    "SELECT DISTINCT key FROM rpt.correlation_touch WHERE correlation_key = ANY(%s::bigint[]) AND kind = 'run'"
)


def touched_runs(cursor: Cursor[Any], correlations: Iterable[int]) -> set[int]:
    """The runs that these correlations touched so far."""
    return {run for (run,) in cursor.execute(_TOUCHED_RUNS, [array(correlations)]).fetchall()}


_UNPLACED = "SELECT run_key FROM rpt.dim_run WHERE run_key = ANY(%s::bigint[]) AND scenario_key IS NULL"


def unplaced_runs(cursor: Cursor[Any], found: Iterable[Touched]) -> set[int]:
    """Runs without a known scenario, where that may still change what lines belong to. Who learns it holds the run's lock,
    not that of the correlation."""
    runs = {run for touched in found if len(touched.scenarios) < 2 for run in touched.runs}
    return {run for (run,) in cursor.execute(_UNPLACED, [array(runs)]).fetchall()} if runs else set()
