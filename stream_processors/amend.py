"""Amendments: facts that landed before what they belong to was known. Each grows the revision and queues the event for
publication again. All run inside a batch's or timer's transaction that holds the locks of the classes involved, and amend as
much as one transaction can (left_over.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Cursor

from clearsight.events import TransactionKey
from clearsight.instants import from_us
from stream_processors import left_over
from stream_processors.arrays import array, columns
from stream_processors.correlate import KnownContext


class Amended(NamedTuple):
    """A change that was amended: what its correlation id touched through it."""

    correlation: int
    scenario: int | None
    run: int | None
    changed_user: int | None


_KEYS = """
keys(tx_id, committed_at, correlation_id, correlation_key, user_key) AS
    (SELECT * FROM unnest(%(tx)s::bigint[], %(at)s::timestamptz[], %(id)s::text[], %(correlation)s::bigint[],
                          %(user)s::bigint[]))
"""

# A row that names its correlation id itself still learns from its context who did it.
_UNJOINED = (
    "(f.link IN ('pending', 'unlinked') OR (f.link = 'direct' AND f.user_key IS NULL AND k.user_key IS NOT NULL))"
)
_AMENDED = """found AS (
    SELECT f.event_id, f.occurred_at, k.correlation_id, k.correlation_key, k.user_key
    FROM keys k JOIN rpt.{fact} f ON {on}
    LIMIT %(at_once)s
){then}
    UPDATE rpt.{fact} f
    SET correlation_id = CASE WHEN f.link = 'direct' THEN f.correlation_id ELSE k.correlation_id END,
        correlation_key = CASE WHEN f.link = 'direct' THEN f.correlation_key ELSE k.correlation_key END,
        user_key = k.user_key, link = CASE WHEN f.link = 'direct' THEN 'direct' ELSE 'correlated' END,
        revision = f.revision + 1
    FROM found k WHERE f.event_id = k.event_id AND f.occurred_at = k.occurred_at
"""
QUEUED = (
    "INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at) SELECT '{kind}', event_id, occurred_at FROM amended"
)


def joined(fact: str, on: str) -> str:
    """The end of a statement WITH `keys` that gives the facts that they are joined `on` what their context says."""
    return _AMENDED.format(fact=fact, on=on, then="")


def joined_and_told(fact: str, on: str, also: str = "") -> str:
    """The same as a table `amended` of their ids and times, `also` of more, for the rest of the statement."""
    return f"{_AMENDED.format(fact=fact, on=on, then=', amended AS (')} RETURNING f.event_id, f.occurred_at{also} )"


_BY_CHANGE = f"f.tx_id = k.tx_id AND f.occurred_at = k.committed_at AND {_UNJOINED}"
_BY_STATE = f"f.tx_id = k.tx_id AND f.committed_at = k.committed_at AND {_UNJOINED}"
_OF_CHANGE = """, f.correlation_key, f.scenario_key, f.run_key,
              CASE WHEN f.part = 'user' THEN f.row_key END AS user_id"""

_CHANGES = f"""
WITH {_KEYS}, {joined_and_told("fact_row_change", _BY_CHANGE, _OF_CHANGE)}, queued AS (
    {QUEUED.format(kind="change")}
)
SELECT a.correlation_key, a.scenario_key, a.run_key, u.user_key, count(*)
FROM amended a LEFT JOIN rpt.dim_user u ON u.user_id = a.user_id
GROUP BY 1, 2, 3, 4
"""  # noqa: S608 - no value is put into the text
_ACTIONS = f"WITH {_KEYS}, {joined('fact_user_action', _BY_CHANGE)}"
_STATES = f"""
WITH {_KEYS}, {joined_and_told("fact_scenario_state_change", _BY_STATE)}
{QUEUED.format(kind="state_change")}
"""


_SCENARIOS = """
WITH k(tx_id, committed_at) AS (SELECT * FROM unnest(%s::bigint[], %s::timestamptz[]))
SELECT f.scenario_key FROM k JOIN rpt.fact_row_change f ON f.tx_id = k.tx_id AND f.occurred_at = k.committed_at
WHERE f.part = 'scenario' AND f.scenario_key IS NOT NULL
  AND (f.link IN ('pending', 'unlinked') OR (f.link = 'direct' AND f.user_key IS NULL))
UNION
SELECT f.scenario_key FROM k JOIN rpt.fact_scenario_state_change f
  ON f.tx_id = k.tx_id AND f.committed_at = k.committed_at
WHERE f.link IN ('pending', 'unlinked') OR (f.link = 'direct' AND f.user_key IS NULL)
"""


def scenarios_of(cursor: Cursor[Any], transactions: Iterable[TransactionKey]) -> set[int]:
    """Scenarios of unjoined changes of these locked transactions. Whoever amends their state changes locks them first: who
    lands others of the same scenario amends the neighbours."""
    keys = left_over.timed(transactions)
    if not keys:
        return set()
    return {scenario for (scenario,) in cursor.execute(_SCENARIOS, columns(keys)).fetchall()}


class Given(NamedTuple):
    """What a context gives to the changes of its transaction."""

    correlation_id: str
    correlation: int
    user: int | None
    others: tuple[int, ...] | None
    """Keys of the other correlation ids of a transaction with several contexts; None where it has one."""


def given(known: KnownContext, correlations: dict[str, int], users: dict[str, int]) -> Given:
    """A context as keys, of its ids."""
    others = None if known.others is None else tuple(correlations[each] for each in known.others)
    user = users.get(known.user_id) if known.user_id else None
    return Given(known.correlation_id, correlations[known.correlation_id], user, others)


def by_context(cursor: Cursor[Any], contexts: dict[TransactionKey, Given], in_part: bool = False) -> list[Amended]:
    """Give the unjoined changes of these locked transactions their correlation and user. `in_part`: some may have got it
    before, so that their actions and states are left alone."""
    if not contexts:
        return []
    keys = {
        "at_once": left_over.AT_ONCE,
        "tx": array(key.tx_id for key in contexts),
        "at": array(from_us(key.committed_us) for key in contexts),
        "id": array(given.correlation_id for given in contexts.values()),
        "correlation": array(given.correlation for given in contexts.values()),
        "user": array(given.user for given in contexts.values()),
    }
    found = cursor.execute(_CHANGES, keys).fetchall()
    counts = [sum(count for *_, count in found)]
    if found or in_part:
        counts += [cursor.execute(query, keys).rowcount for query in (_ACTIONS, _STATES)]
    if max(counts) >= left_over.AT_ONCE:
        left_over.leave(cursor, "transaction", left_over.timed(contexts))
    return [Amended(*row) for *row, _ in found]


_LOGS = """
WITH touched AS (
    SELECT correlation_key,
           count(*) FILTER (WHERE kind = 'scenario') AS scenarios, min(key) FILTER (WHERE kind = 'scenario') AS scenario,
           count(*) FILTER (WHERE kind = 'run') AS runs, min(key) FILTER (WHERE kind = 'run') AS run
    FROM rpt.correlation_touch WHERE correlation_key = ANY(%s) GROUP BY correlation_key
), placed AS (
    SELECT f.event_id, f.occurred_at, f.scenario_key AS scenario_before, f.run_key AS run_before, f.link AS link_before,
           CASE WHEN f.link = 'direct' THEN f.scenario_key WHEN t.scenarios = 1 THEN t.scenario END AS scenario_key,
           CASE WHEN f.names_run THEN f.run_key
                WHEN f.link = 'direct' AND (t.scenarios <> 1 OR t.scenario IS DISTINCT FROM f.scenario_key) THEN NULL
                WHEN t.runs = 1 THEN t.run END AS run_key,
           CASE WHEN f.link = 'direct' THEN 'direct' WHEN t.scenarios > 1 THEN 'shared' ELSE 'correlated' END AS link
    FROM touched t JOIN rpt.fact_cloudwatch_log f ON f.correlation_key = t.correlation_key
), misplaced AS (
    SELECT * FROM placed
    WHERE (scenario_before, run_before, link_before) IS DISTINCT FROM (scenario_key, run_key, link)
    LIMIT %s
), amended AS (
    UPDATE rpt.fact_cloudwatch_log f
    SET scenario_key = p.scenario_key, run_key = p.run_key, link = p.link, revision = f.revision + 1
    FROM misplaced p
    WHERE f.event_id = p.event_id AND f.occurred_at = p.occurred_at
    RETURNING f.event_id, f.occurred_at, p.run_before, f.run_key
), queued AS (
    INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at) SELECT 'log', event_id, occurred_at FROM amended
)
SELECT run_before, run_key, count(*) FROM amended GROUP BY 1, 2
"""


class Moved(NamedTuple):
    """Lines that were placed anew: whether there were any, and the runs that any of them came to or left."""

    any: bool
    runs: frozenset[int]


def logs_by_touch(cursor: Cursor[Any], correlations: Iterable[int]) -> Moved:
    """Place the lines of these locked correlations anew, as `clearsight.links.place_log` says."""
    ids = sorted(correlations)
    if not ids:
        return Moved(False, frozenset())
    found = cursor.execute(_LOGS, [ids, left_over.AT_ONCE]).fetchall()
    if sum(count for *_, count in found) >= left_over.AT_ONCE:
        left_over.leave(cursor, "correlation", left_over.untimed(ids))
    moved = {run for before, after, _ in found if before != after for run in (before, after) if run is not None}
    return Moved(bool(found), frozenset(moved))


_PLACED = """
WITH placed(run_key, scenario_key) AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[])), found AS (
    SELECT f.event_id, f.occurred_at, p.scenario_key
    FROM placed p JOIN rpt.{fact} f ON f.run_key = p.run_key AND f.scenario_key IS NULL{but} LIMIT %s
), amended AS (
    UPDATE rpt.{fact} f SET scenario_key = p.scenario_key, revision = f.revision + 1
    FROM found p WHERE f.event_id = p.event_id AND f.occurred_at = p.occurred_at
    RETURNING f.event_id, f.occurred_at, f.correlation_key, f.scenario_key{also}
), queued AS (
    INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at) SELECT '{kind}', event_id, occurred_at FROM amended
)
SELECT correlation_key, scenario_key, count(*) FROM amended GROUP BY 1, 2
"""
# every correlation id of a transaction with several contexts touched it
_CHANGES_OF_RUN = (
    _PLACED.format(fact="fact_row_change", kind="change", also=", f.tx_id, f.link", but="")
    + """
UNION
SELECT c.correlation_key, a.scenario_key, 0
FROM amended a JOIN rpt.transaction_context t ON t.tx_id = a.tx_id AND t.committed_at = a.occurred_at
JOIN rpt.correlation c ON c.correlation_id = ANY(t.other_ids)
WHERE a.link = 'correlated'
"""
)
# what is shared shows in each scenario that its correlation id touched
_LOGS_OF_RUN = _PLACED.format(fact="fact_cloudwatch_log", kind="log", also="", but=" AND f.link <> 'shared'")


def changes_by_run(cursor: Cursor[Any], placed: dict[int, int]) -> list[tuple[int, int]]:
    """Give changes of these runs (run key → scenario key) their scenario; return (correlation, scenario) touched."""
    return _by_run(cursor, _CHANGES_OF_RUN, placed)


def logs_by_run(cursor: Cursor[Any], placed: dict[int, int]) -> None:
    """The same for log lines of these locked runs, which `logs_by_touch` may amend too."""
    _by_run(cursor, _LOGS_OF_RUN, placed)


def _by_run(cursor: Cursor[Any], query: str, placed: dict[int, int]) -> list[tuple[int, int]]:
    if not placed:
        return []
    found = cursor.execute(query.encode(), [*columns(placed.items()), left_over.AT_ONCE]).fetchall()
    if sum(count for *_, count in found) >= left_over.AT_ONCE:
        left_over.leave(cursor, "run", left_over.untimed(placed))
    return [(correlation, scenario) for correlation, scenario, _ in found if correlation is not None]
