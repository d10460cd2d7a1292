"""Amendments that are too many for one transaction: a correlation id may have a million lines, and a transaction a million
changes, while a transaction may take a minute. They are noted, and the timer that closes what is overdue goes on with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from psycopg import Cursor

from clearsight.events import TransactionKey
from clearsight.instants import from_us, to_us
from stream_processors.arrays import columns

AT_ONCE = 20_000
"""Facts of a kind that a transaction amends: about a second's work."""

_KEYS = 200
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)

_LEAVE = """
INSERT INTO rpt.amendment_left (kind, key, at)
SELECT %s, * FROM unnest(%s::bigint[], %s::timestamptz[]) ORDER BY 2, 3 ON CONFLICT DO NOTHING
"""

_LEFT = """
SELECT a.kind, a.key, a.at, t.commit_lsn FROM rpt.amendment_left a
LEFT JOIN rpt.transaction_context t ON a.kind = 'transaction' AND t.tx_id = a.key AND t.committed_at = a.at
ORDER BY random() LIMIT %s
"""

_TAKE = """
DELETE FROM rpt.amendment_left a
USING unnest(%s::text[], %s::bigint[], %s::timestamptz[]) AS k(kind, key, at)
WHERE a.kind = k.kind AND a.key = k.key AND a.at = k.at
"""


class Left(NamedTuple):
    """Transactions (with their commit LSN), correlations and runs of which facts are still to be amended."""

    transactions: dict[TransactionKey, int]
    correlations: set[int]
    runs: set[int]


def timed(transactions: Iterable[TransactionKey]) -> list[tuple[int, datetime]]:
    """Of transactions, by number and time of the commit."""
    return [(key.tx_id, from_us(key.committed_us)) for key in transactions]


def untimed(keys: Iterable[int]) -> list[tuple[int, datetime]]:
    """Of correlations and runs, which a number alone identifies."""
    return [(key, _NO_TIME) for key in keys]


def leave(cursor: Cursor[Any], kind: str, keys: list[tuple[int, datetime]]) -> None:
    """Note them. As `take`, by whoever holds their locks."""
    cursor.execute(_LEAVE, [kind, *columns(keys)])


def left(cursor: Cursor[Any], at_once: int) -> Left:
    """What earlier transactions left, or any part of it: none waits for ever behind others."""
    found = cursor.execute(_LEFT, [min(_KEYS, at_once)]).fetchall()
    return Left(
        {TransactionKey(key, to_us(at)): lsn for kind, key, at, lsn in found if kind == "transaction"},
        {key for kind, key, *_ in found if kind == "correlation"},
        {key for kind, key, *_ in found if kind == "run"},
    )


def take(cursor: Cursor[Any], those: Left) -> None:
    """They are amended now: what is too much again is noted again."""
    keys = [
        *(("transaction", *key) for key in timed(those.transactions)),
        *(("correlation", *key) for key in untimed(those.correlations)),
        *(("run", *key) for key in untimed(those.runs)),
    ]
    if keys:
        cursor.execute(_TAKE, columns(keys))
