"""Keeps the runs of row shapes of each table (`clearsight.shapes`) and the schema changes that follow from them.

A batch whose rows have the shapes that are known shares the lock of its tables' runs, one statement; nobody can change them
until it is committed. One that shows another shape takes the lock alone, last of all locks, and sees then what every other
worker has landed. A batch that shares the lock cannot take it alone any more without a deadlock, so it begins anew where
the runs changed meanwhile and its rows do not fit them any more.
"""

from __future__ import annotations

import logging
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from psycopg import Cursor

from clearsight.events import RowChange
from clearsight.identity import schema_change_id
from clearsight.instants import from_us, to_us
from clearsight.order import CommitPosition
from clearsight.shapes import Aspect, Change, Run, Seen, Shape, changes, observe, run_at, shape_of
from stream_processors.arrays import array, columns

log = logging.getLogger(__name__)

SCHEMA_CHANGE = (
    "event_id, occurred_at, table_schema, table_name, what, added, dropped, retyped, withdrawn, change_event_id, epoch, "
    "commit_lsn, lsn, total_order"
)


MOST_RUNS = 1_000
"""Of a table. A transformation of the connector that leaves out nulls gives each row a shape of its own."""


class ShapesMoved(Exception):
    """Another worker changed the runs while this batch waited: it must begin anew."""


class _Key(NamedTuple):
    table_schema: str
    table_name: str
    aspect: Aspect


class _Known:
    """The runs of a table's aspect, and what the newest of them needs of a row."""

    def __init__(self, version: int, runs: list[Run], closed: bool) -> None:
        self.version = version
        self.runs = runs
        self.closed = closed
        """These rows have no shape to follow: any fits."""
        self.newest = frozenset(column for column, _ in runs[-1].shape) if runs else None
        self.since = runs[-1].first.position if runs else CommitPosition(0, 0, 0, 0)

    def fits(self, position: CommitPosition, shape: Shape) -> bool:
        run = run_at(self.runs, position)
        return self.closed or (run is not None and run.shape == shape)


class Shapes:
    """The runs as this worker knows them: an accelerator, never the truth. A version is never used twice."""

    def __init__(self, source: str, most_runs: int = MOST_RUNS) -> None:
        self._source = source
        self._most_runs = most_runs
        self._known: dict[_Key, _Known] = {}

    def land(self, cursor: Cursor[Any], batch: list[RowChange]) -> None:
        """Land what the shapes of these changes say of their tables, before the changes themselves.

        Raises ShapesMoved: the transaction must be rolled back and may begin anew at once.
        """
        tables = {change.mapped.table: change for change in batch if change.after is not None}
        typed = any(change.types is not None for change in batch)
        keys = sorted(key for each in tables.values() for key in _keys(each.table_schema, each.table_name, typed))
        if not keys:
            return
        if not self._fit(batch):
            self._extend(cursor, keys, batch)
            return
        versions = {key: version for key, version, _ in _read(cursor, _SHARE, keys)}
        stale = [key for key in keys if versions.get(key) != self._version(key)]
        if stale:
            for key in stale:
                self._known.pop(key, None)
            self._learn(_read(cursor, _RUNS, stale))
            if not self._fit(batch):
                raise ShapesMoved

    def _version(self, key: _Key) -> int | None:
        known = self._known.get(key)
        return known.version if known else None

    def _fit(self, batch: list[RowChange]) -> bool:
        """Whether every row has the shape of the run that it falls into."""
        by_table: dict[str, _Known | None] = {}
        for change in batch:
            after = change.after
            if after is None:
                continue
            table = change.mapped.table
            if table not in by_table:
                by_table[table] = self._known.get(_Key(change.table_schema, change.table_name, "columns"))
            known = by_table[table]
            if known is None:
                return False
            position = (change.epoch, change.commit_lsn, change.lsn, change.total_order)
            of_newest = after.keys() == known.newest and position >= known.since
            if not of_newest and not known.fits(change.position, shape_of(after)):
                return False
            if change.types is not None:
                types = self._known.get(_Key(change.table_schema, change.table_name, "types"))
                if types is None or not types.fits(change.position, change.types):
                    return False
        return True

    def _learn(self, rows: Iterable[tuple[_Key, int, list[Run]]]) -> None:
        self._known.update({key: _Known(version, runs, len(runs) >= self._most_runs) for key, version, runs in rows})

    def _extend(self, cursor: Cursor[Any], keys: list[_Key], batch: list[RowChange]) -> None:
        cursor.execute(_FIRST, columns(keys))
        self._learn(_read(cursor, _ALONE, keys))
        rows: dict[_Key, list[tuple[Seen, Shape]]] = defaultdict(list)
        for change in _not_landed(cursor, [change for change in batch if change.after is not None]):
            seen = Seen(change.position, change.occurred_us, change.event_id)
            for key in _keys(change.table_schema, change.table_name, change.types is not None):
                rows[key].append((seen, change.types or () if key.aspect == "types" else shape_of(change.after or ())))
        for key, found in sorted(rows.items()):
            before = runs = self._known[key].runs
            for seen, shape in sorted(found):  # what follows a row can then only be in the database
                if len(runs) >= self._most_runs:
                    break
                runs = observe(runs, shape, seen, partial(_next_seen, cursor, key))
            if runs != before:
                self._keep(cursor, key, runs)

    def _keep(self, cursor: Cursor[Any], key: _Key, runs: list[Run]) -> None:
        if len(runs) >= self._most_runs:
            log.warning(
                "the %s of %s.%s changed %d times and are not followed any more", key.aspect, *key[:2], len(runs)
            )
        version = secrets.randbits(62)
        cursor.execute(_KEEP, (version, msgspec.json.encode(runs).decode(), *key))
        self._learn([(key, version, runs)])
        found = [self._row(key, change) for change in changes(key.aspect, runs)]
        ids = [row[0] for row in found]
        changed = cursor.execute(_WITHDRAW, (key.table_schema, key.table_name, _KINDS[key.aspect], ids)).fetchall()
        for row in found:
            changed += cursor.execute(_UPSERT, row).fetchall()
        cursor.executemany(_QUEUE, changed)

    def _row(self, key: _Key, change: Change) -> tuple[Any, ...]:
        before, after = (msgspec.json.encode(shape).decode() for shape in (change.before, change.after))
        return (
            schema_change_id(self._source, *key, before, after, change.nth),
            from_us(change.first.occurred_us),
            key.table_schema,
            key.table_name,
            change.what,
            list(change.added),
            list(change.dropped),
            msgspec.json.encode(change.retyped).decode() if change.retyped else None,
            False,
            change.first.event_id,
            *change.first.position,
        )


_KINDS = {"columns": ["columns.added", "columns.dropped", "columns.replaced"], "types": ["types.changed"]}

_OF_KEYS = (
    "JOIN unnest(%s::text[], %s::text[], %s::text[]) AS k(table_schema, table_name, aspect)"
    " USING (table_schema, table_name, aspect)"
)
_LOCKED = "ORDER BY table_schema, table_name, aspect FOR {} OF s"
_SHARE = (
    f"SELECT table_schema, table_name, aspect, version, NULL FROM rpt.row_shape s {_OF_KEYS} {_LOCKED.format('SHARE')}"  # noqa: S608
)
_RUNS = f"SELECT table_schema, table_name, aspect, version, runs::text FROM rpt.row_shape s {_OF_KEYS}"  # noqa: S608
_ALONE = f"{_RUNS} {_LOCKED.format('UPDATE')}"

_FIRST = """
INSERT INTO rpt.row_shape (table_schema, table_name, aspect, version, runs)
SELECT *, 0, '[]' FROM unnest(%s::text[], %s::text[], %s::text[]) ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING
"""
_KEEP = """
UPDATE rpt.row_shape SET version = %s, runs = %s WHERE table_schema = %s AND table_name = %s AND aspect = %s
"""

_LANDED = """
SELECT event_id FROM rpt.fact_row_change
JOIN unnest(%s::uuid[], %s::timestamptz[]) AS c(event_id, occurred_at) USING (event_id, occurred_at)
"""

_WITHDRAW = """
UPDATE rpt.fact_schema_change SET withdrawn = true, revision = revision + 1
WHERE table_schema = %s AND table_name = %s AND what = ANY(%s) AND event_id <> ALL(%s) AND NOT withdrawn
RETURNING event_id, occurred_at
"""
_UPSERT = f"""
INSERT INTO rpt.fact_schema_change AS f ({SCHEMA_CHANGE})
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (event_id) DO UPDATE
SET occurred_at = excluded.occurred_at, withdrawn = false, change_event_id = excluded.change_event_id,
    epoch = excluded.epoch, commit_lsn = excluded.commit_lsn, lsn = excluded.lsn, total_order = excluded.total_order,
    revision = f.revision + 1
WHERE f.withdrawn OR f.change_event_id <> excluded.change_event_id
RETURNING event_id, occurred_at
"""  # noqa: S608 - the column list is ours
_QUEUE = "INSERT INTO rpt.audit_outbox (kind, event_id, occurred_at) VALUES ('schema_change', %s, %s)"

_NEXT = """
SELECT epoch, commit_lsn, lsn, total_order, occurred_at, event_id FROM rpt.fact_row_change
WHERE table_schema = %s AND table_name = %s AND after IS NOT NULL AND event_id >= %s AND event_id < %s
  AND (epoch, commit_lsn, lsn, total_order) > (%s, %s, %s, %s)
ORDER BY epoch, commit_lsn, lsn, total_order LIMIT 1
"""
DISORDER_MS = 60_000
"""How far commit times may run against commit order."""
_REACHES_MS = (120_000, 1_800_000, 36_000_000, 1 << 48)
_LAST_MS = (1 << 48) - 1


def _keys(schema: str, table: str, typed: bool) -> Iterator[_Key]:
    yield _Key(schema, table, "columns")
    if typed:
        yield _Key(schema, table, "types")


def _read(cursor: Cursor[Any], query: str, keys: list[_Key]) -> list[tuple[_Key, int, list[Run]]]:
    rows = cursor.execute(query.encode(), columns(keys)).fetchall()
    return [(_Key(*key), version, _runs(runs) if runs else []) for *key, version, runs in rows]


def _runs(text: str) -> list[Run]:
    return msgspec.json.decode(text, type=list[Run])


def _not_landed(cursor: Cursor[Any], batch: list[RowChange]) -> list[RowChange]:
    """Without those that come again: their first landing was observed."""
    times = (array(change.event_id for change in batch), array(from_us(change.occurred_us) for change in batch))
    landed = {event_id for (event_id,) in cursor.execute(_LANDED, times).fetchall()}
    return [change for change in batch if change.event_id not in landed]


def _next_seen(cursor: Cursor[Any], key: _Key, after: Seen, until: Seen | None) -> Seen | None:
    """The first row of a table that has landed after a position, and before another.

    Looked for in growing spans of time, which the partitions and the order of the ids bound: the table has no index on
    positions, which each landing would have to pay.
    """
    for reach_ms in _REACHES_MS:
        found = _first_within(cursor, key, after, reach_ms)
        safe_ms = _ms(after) + reach_ms - DISORDER_MS
        if any(each is not None and _ms(each) < safe_ms for each in (found, until)):
            break
    return found if found is not None and (until is None or found.position < until.position) else None


def _first_within(cursor: Cursor[Any], key: _Key, after: Seen, reach_ms: int) -> Seen | None:
    ids = (UUID(int=min(max(0, _ms(after) + ms), _LAST_MS) << 80) for ms in (-DISORDER_MS, reach_ms))
    row = cursor.execute(_NEXT, (key.table_schema, key.table_name, *ids, *after.position)).fetchone()
    return Seen(CommitPosition(*row[:4]), to_us(row[4]), row[5]) if row else None


def _ms(seen: Seen) -> int:
    """The time in front of an id."""
    return seen.event_id.int >> 80
