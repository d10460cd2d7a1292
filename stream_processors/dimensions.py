"""Dimension keys: rows are created when first seen, keys are cached once they are committed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from psycopg import Cursor

from clearsight.events import RowChange, SnapshotRow
from clearsight.instants import from_us
from clearsight.mapping import ScenarioTable, UserTable
from clearsight.unavailable import is_unavailable, known
from stream_processors.arrays import array, columns

CACHED_IDS = 200_000

_USERS = """
INSERT INTO rpt.dim_user AS d (user_id, name, email, first_seen_at, as_of_commit_lsn, as_of_lsn)
SELECT id, CASE WHEN knows_name THEN seen.name ELSE old.name END,
       CASE WHEN knows_email THEN seen.email ELSE old.email END, seen, commit_lsn, lsn
FROM unnest(%s::text[], %s::text[], %s::boolean[], %s::text[], %s::boolean[], %s::timestamptz[], %s::bigint[], %s::bigint[])
     AS seen(id, name, knows_name, email, knows_email, seen, commit_lsn, lsn)
LEFT JOIN rpt.dim_user old ON old.user_id = id
ORDER BY id
ON CONFLICT (user_id) DO UPDATE SET name = excluded.name, email = excluded.email,
    as_of_commit_lsn = excluded.as_of_commit_lsn, as_of_lsn = excluded.as_of_lsn
WHERE (excluded.as_of_commit_lsn, excluded.as_of_lsn) > (d.as_of_commit_lsn, d.as_of_lsn)
"""
_USER_KEYS = "SELECT user_id, user_key FROM rpt.dim_user WHERE user_id = ANY(%s)"

_SCENARIOS = """
INSERT INTO rpt.dim_scenario (scenario_id, first_seen_at)
SELECT id, seen FROM unnest(%s::text[], %s::timestamptz[]) AS seen(id, seen) ORDER BY id
ON CONFLICT (scenario_id) DO NOTHING
"""
_SCENARIO_KEYS = "SELECT scenario_id, scenario_key FROM rpt.dim_scenario WHERE scenario_id = ANY(%s)"

_LOCK_SCENARIOS = """
SELECT scenario_key FROM rpt.dim_scenario WHERE scenario_key = ANY(%s) ORDER BY scenario_key FOR NO KEY UPDATE
"""

_DESCRIBE_SCENARIOS = """
UPDATE rpt.dim_scenario d
SET name = CASE WHEN knows_name THEN v.name ELSE d.name END,
    owner = CASE WHEN knows_owner THEN v.owner ELSE d.owner END,
    status = CASE WHEN knows_status THEN v.status ELSE d.status END,
    deleted = v.deleted, as_of_commit_lsn = v.commit_lsn, as_of_lsn = v.lsn
FROM unnest(%s::bigint[], %s::text[], %s::boolean[], %s::text[], %s::boolean[], %s::text[], %s::boolean[], %s::boolean[],
            %s::bigint[], %s::bigint[])
     AS v(key, name, knows_name, owner, knows_owner, status, knows_status, deleted, commit_lsn, lsn)
WHERE d.scenario_key = v.key AND (v.commit_lsn, v.lsn) > (d.as_of_commit_lsn, d.as_of_lsn)
"""

_RUNS = """
INSERT INTO rpt.dim_run AS d (run_id, scenario_key, first_seen_at)
SELECT id, scenario, seen FROM unnest(%s::text[], %s::bigint[], %s::timestamptz[]) AS seen(id, scenario, seen) ORDER BY id
ON CONFLICT (run_id) DO UPDATE SET scenario_key = coalesce(d.scenario_key, excluded.scenario_key)
RETURNING run_id, run_key, scenario_key
"""


class RunKey(NamedTuple):
    run: int
    scenario: int | None


class _Description(NamedTuple):
    commit_lsn: int
    lsn: int
    image: dict[str, Any]
    deleted: bool


class DimensionKeys:
    """Keys by id. `resolve_*` write inside the caller's transaction; call `commit` or `rollback` with it."""

    def __init__(self) -> None:
        self._users: dict[str, int] = {}
        self._scenarios: dict[str, int] = {}
        self._runs: dict[str, RunKey] = {}
        self._new: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def commit(self) -> None:
        for cache, keys in self._new:
            if len(cache) + len(keys) > CACHED_IDS:
                cache.clear()
            cache.update(keys)
        self._new.clear()

    def rollback(self) -> None:
        self._new.clear()

    def resolve_users(
        self, cursor: Cursor[Any], seen: dict[str, int], rows: Iterable[RowChange | SnapshotRow]
    ) -> dict[str, int]:
        """Keys of these user ids (id → first seen, µs), described by the rows of the user table among `rows`."""
        described = _newest(row for row in rows if isinstance(row.mapped, UserTable))
        unknown = sorted(described.keys() | (seen.keys() - self._users.keys()))
        if unknown:
            rows_in = [_user_row(user, seen.get(user), described.get(user)) for user in unknown]
            cursor.execute(_USERS, columns(rows_in))
            cursor.execute(_USER_KEYS, [unknown])
            self._new.append((self._users, dict(cursor.fetchall())))
        return _known(self._users, self._new, seen)

    def resolve_scenarios(self, cursor: Cursor[Any], seen: dict[str, int]) -> dict[str, int]:
        """Keys of these scenario ids (id → first seen, µs)."""
        unknown = sorted(seen.keys() - self._scenarios.keys())
        if unknown:
            cursor.execute(_SCENARIOS, (array(unknown), array(from_us(seen[scenario]) for scenario in unknown)))
            cursor.execute(_SCENARIO_KEYS, [unknown])
            self._new.append((self._scenarios, dict(cursor.fetchall())))
        return _known(self._scenarios, self._new, seen)

    def resolve_runs(
        self, cursor: Cursor[Any], seen: dict[str, int], scenario_of: dict[str, int]
    ) -> tuple[dict[str, RunKey], list[RunKey]]:
        """Keys of these run ids (id → first seen, µs), and those runs whose scenario became known with this batch.

        A run without a known scenario is locked until the batch ends, so that whoever learns its scenario finds our facts.
        """
        unplaced = RunKey(-1, None)
        unknown = sorted(run for run in seen if self._runs.get(run, unplaced).scenario is None)
        placed: list[RunKey] = []
        if unknown:
            scenarios = [scenario_of.get(run) for run in unknown]
            cursor.execute(_RUNS, (array(unknown), array(scenarios), array(from_us(seen[run]) for run in unknown)))
            keys = {run_id: RunKey(run, scenario) for run_id, run, scenario in cursor.fetchall()}
            self._new.append((self._runs, keys))
            placed = [keys[run] for run in unknown if run in scenario_of]
        return _known(self._runs, self._new, seen), placed

    @staticmethod
    def lock_scenarios(cursor: Cursor[Any], keys: Iterable[int]) -> None:
        cursor.execute(_LOCK_SCENARIOS, [sorted(set(keys))])

    @staticmethod
    def describe_scenarios(cursor: Cursor[Any], rows: Iterable[RowChange | SnapshotRow], keys: dict[str, int]) -> None:
        """Name, owner and status of locked scenarios, unless a later commit has described them already."""
        newest = _newest(row for row in rows if isinstance(row.mapped, ScenarioTable))
        if newest:
            rows_in = [_scenario_row(keys[scenario], *newest[scenario]) for scenario in newest]
            cursor.execute(_DESCRIBE_SCENARIOS, columns(rows_in))


def _newest(
    rows: Iterable[RowChange | SnapshotRow],
) -> dict[str, tuple[_Description, Any]]:
    """The newest image of each row by commit position, with what it does not tell from those before; a snapshot's comes
    before every change."""
    newest: dict[str, tuple[_Description, Any]] = {}
    for row in rows:
        match row:
            case SnapshotRow():
                found = _Description(0, 0, row.image, deleted=False)
            case _:
                image = row.after if row.after is not None else row.before
                if image is None or not row.row_key:
                    continue
                found = _Description(row.commit_lsn, row.lsn, image, deleted=row.op == "d")
        before = newest.get(row.row_key)
        if before is None or before[0][:2] <= found[:2]:
            image = {**before[0].image, **known(found.image)} if before else found.image
            newest[row.row_key] = (found._replace(image=image), row.mapped)
    return newest


def _user_row(user: str, seen_us: int | None, described: tuple[_Description, UserTable] | None) -> tuple[Any, ...]:
    first_seen = from_us(seen_us or 0)
    if described is None:
        return user, None, False, None, False, first_seen, -1, -1
    found, table = described
    columns = (*_column(found, table.name), *_column(found, table.email))
    return user, *columns, first_seen, found.commit_lsn, found.lsn


def _scenario_row(key: int, found: _Description, table: ScenarioTable) -> tuple[Any, ...]:
    columns = (*_column(found, table.name), *_column(found, table.owner), *_column(found, table.status))
    return key, *columns, found.deleted, found.commit_lsn, found.lsn


def _column(found: _Description, column: str | None) -> tuple[str | None, bool]:
    """A column's value as text, and whether the image tells it."""
    if column is None or column not in found.image:
        return None, False
    value = found.image[column]
    return (None if value is None else str(value)), not is_unavailable(value)


def _known(
    cache: dict[str, Any], new: list[tuple[dict[str, Any], dict[str, Any]]], wanted: Iterable[str]
) -> dict[str, Any]:
    fresh = {key: value for target, keys in new if target is cache for key, value in keys.items()}
    return {key: fresh[key] if key in fresh else cache[key] for key in wanted}
