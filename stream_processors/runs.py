"""Recomputes rows of fact_run_diagnostic from the facts: never incremented, so whatever is landed twice counts once."""

from __future__ import annotations

from collections.abc import Iterable
from operator import add
from typing import Any, NamedTuple

import msgspec
from psycopg import Cursor

from clearsight.instants import clamp_us, from_us
from clearsight.mapping import Mapping, RunTable
from clearsight.runs import InputImage, LogCounts, as_known, inputs_at, is_partial, run_state
from stream_processors.arrays import columns

_LOCK = """
INSERT INTO rpt.fact_run_diagnostic AS d (run_key) SELECT * FROM unnest(%s::bigint[]) ORDER BY 1
ON CONFLICT (run_key) DO UPDATE SET run_key = excluded.run_key
"""

_LATER = """
SELECT d.run_key FROM rpt.fact_run_diagnostic d
JOIN unnest(%s::bigint[], %s::bigint[], %s::bigint[]) AS c(scenario_key, commit_lsn, lsn) USING (scenario_key)
WHERE (d.start_commit_lsn, d.start_lsn) >= (c.commit_lsn, c.lsn)
"""

_NEWEST = """
SELECT DISTINCT ON (run_key) run_key, image, deleted FROM (
    SELECT run_key, coalesce(after, before) AS image, op = 'd' AS deleted, epoch, commit_lsn, lsn, total_order
    FROM rpt.fact_row_change WHERE run_key = ANY(%(runs)s) AND part = 'run'
    UNION ALL
    SELECT r.run_key, s.image, false, s.epoch, -1, s.kafka_offset, 0
    FROM rpt.dim_run r JOIN rpt.row_snapshot s ON s.part = 'run' AND s.row_key = r.run_id
    WHERE r.run_key = ANY(%(runs)s)
) known
ORDER BY run_key, epoch DESC, commit_lsn DESC, lsn DESC, total_order DESC, deleted
"""

_IMAGES = """
SELECT run_key, image FROM (
    SELECT run_key, coalesce(after, before) AS image, epoch, commit_lsn, lsn, total_order, op <> 'd' AS later
    FROM rpt.fact_row_change WHERE run_key = ANY(%(runs)s) AND part = 'run'
    UNION ALL
    SELECT r.run_key, s.image, s.epoch, -1, s.kafka_offset, 0, true
    FROM rpt.dim_run r JOIN rpt.row_snapshot s ON s.part = 'run' AND s.row_key = r.run_id
    WHERE r.run_key = ANY(%(runs)s)
) known
WHERE image IS NOT NULL ORDER BY run_key, epoch, commit_lsn, lsn, total_order, later
"""

_SUCCEEDED = """
SELECT DISTINCT ON (run_key) run_key, commit_lsn, lsn FROM (
    SELECT run_key, commit_lsn, lsn FROM rpt.fact_row_change
    WHERE run_key = ANY(%(runs)s) AND part = 'run' AND after ->> %(status)s = ANY(%(succeeded)s)
    UNION ALL
    SELECT r.run_key, -1, -1
    FROM rpt.dim_run r JOIN rpt.row_snapshot s ON s.part = 'run' AND s.row_key = r.run_id
    WHERE r.run_key = ANY(%(runs)s) AND s.image ->> %(status)s = ANY(%(succeeded)s)
) known
ORDER BY run_key, commit_lsn, lsn
"""

_FIRST = """
SELECT DISTINCT ON (run_key) run_key, scenario_key, user_key, correlation_id, epoch, commit_lsn, lsn, total_order
FROM rpt.fact_row_change WHERE run_key = ANY(%s) AND part = 'run'
ORDER BY run_key, epoch, commit_lsn, lsn, total_order, op = 'd' DESC
"""

_COUNTED = "SELECT run_key, log_lines, log_warnings, log_errors FROM rpt.fact_run_diagnostic WHERE run_key = ANY(%s)"

_COUNT_ANEW = """
SELECT run_key, count(*), count(*) FILTER (WHERE level = 'WARN'), count(*) FILTER (WHERE level IN ('ERROR', 'FATAL'))
FROM rpt.fact_cloudwatch_log WHERE run_key = ANY(%s) GROUP BY run_key
"""

_LAST_ERRORS = """
SELECT r.run_key,
       (SELECT f.error_type FROM rpt.fact_cloudwatch_log f WHERE f.run_key = r.run_key AND f.error_type IS NOT NULL
        ORDER BY f.occurred_at DESC, f.event_id DESC LIMIT 1),
       (SELECT f.node FROM rpt.fact_cloudwatch_log f
        WHERE f.run_key = r.run_key AND f.node IS NOT NULL AND f.level IN ('ERROR', 'FATAL')
        ORDER BY f.occurred_at DESC, f.event_id DESC LIMIT 1)
FROM unnest(%s::bigint[]) AS r(run_key)
"""

_INPUTS = """
SELECT r.run_key, i.row_key, i.image, i.event_id::text
FROM unnest(%s::bigint[], %s::bigint[], %s::int[], %s::bigint[], %s::bigint[], %s::bigint[])
     AS r(run_key, scenario_key, epoch, commit_lsn, lsn, total_order)
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (row_key) row_key, image, event_id FROM (
        SELECT c.row_key, c.after AS image, c.event_id, c.epoch, c.commit_lsn, c.lsn, c.total_order,
               c.op = 'd' AS deleted
        FROM rpt.fact_row_change c
        WHERE c.scenario_key = r.scenario_key AND c.part = 'input'
          AND (c.epoch, c.commit_lsn, c.lsn, c.total_order) < (r.epoch, r.commit_lsn, r.lsn, r.total_order)
        UNION ALL
        -- the first snapshot is nearest to what was before every change; a later one shows what came after the start
        SELECT s.row_key, s.image, NULL, s.epoch, -1, -s.kafka_offset, 0, false
        FROM rpt.row_snapshot s WHERE s.scenario_key = r.scenario_key AND s.part = 'input' AND s.epoch <= r.epoch
        UNION ALL
        -- and nothing of a row that was only created after the start, whatever a later snapshot shows
        SELECT row_key, NULL, NULL, epoch, -1, 1, 0, true FROM (
            SELECT DISTINCT ON (c.row_key) c.row_key, c.op, c.epoch FROM rpt.fact_row_change c
            WHERE c.scenario_key = r.scenario_key AND c.part = 'input'
              AND (c.epoch, c.commit_lsn, c.lsn, c.total_order) > (r.epoch, r.commit_lsn, r.lsn, r.total_order)
            ORDER BY c.row_key, c.epoch, c.commit_lsn, c.lsn, c.total_order, c.op <> 'd'
        ) later WHERE op = 'c'
    ) known
    ORDER BY row_key, epoch DESC, commit_lsn DESC, lsn DESC, total_order DESC, deleted
) i
"""

_LAST_GOOD = """
UPDATE rpt.fact_run_diagnostic d SET last_good_run_key = found.good
FROM (
    SELECT r.run_key, (
        SELECT g.run_key FROM rpt.fact_run_diagnostic g
        WHERE g.scenario_key = r.scenario_key AND g.outcome = 'succeeded' AND g.run_key <> r.run_key
          AND (g.succeeded_commit_lsn, g.succeeded_lsn) < (r.start_commit_lsn, r.start_lsn)
        ORDER BY g.succeeded_commit_lsn DESC, g.succeeded_lsn DESC, g.finished_at DESC NULLS LAST,
                 (SELECT run_id FROM rpt.dim_run WHERE run_key = g.run_key) DESC LIMIT 1) AS good
    FROM rpt.fact_run_diagnostic r WHERE r.run_key = ANY(%s)
) found
WHERE d.run_key = found.run_key AND d.last_good_run_key IS DISTINCT FROM found.good
"""

_COLUMNS = {
    "run_key": "bigint",
    "scenario_key": "bigint",
    "user_key": "bigint",
    "correlation_id": "text",
    "start_epoch": "int",
    "start_commit_lsn": "bigint",
    "start_lsn": "bigint",
    "start_total_order": "bigint",
    "log_lines": "int",
    "log_warnings": "int",
    "log_errors": "int",
    "status": "text",
    "outcome": "text",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "duration_ms": "bigint",
    "category": "text",
    "error_type": "text",
    "error_message": "text",
    "failing_node": "text",
    "deleted": "boolean",
    "succeeded_commit_lsn": "bigint",
    "succeeded_lsn": "bigint",
}
_WRITE = f"""
UPDATE rpt.fact_run_diagnostic d
SET {", ".join(f"{name} = v.{name}" for name in list(_COLUMNS)[2:])}, revision = d.revision + 1,
    scenario_key = coalesce(v.scenario_key, r.scenario_key) -- a run that only a snapshot has seen has no change
FROM unnest({", ".join(f"%s::{kind}[]" for kind in _COLUMNS.values())}) AS v({", ".join(_COLUMNS)})
JOIN rpt.dim_run r USING (run_key)
WHERE d.run_key = v.run_key
"""  # noqa: S608 - the names are those above

_WRITE_INPUTS = """
UPDATE rpt.fact_run_diagnostic d SET inputs_at_start = v.inputs
FROM unnest(%s::bigint[], %s::jsonb[]) AS v(run_key, inputs) WHERE d.run_key = v.run_key
"""


class ScenarioChange(NamedTuple):
    """The first change of a scenario's inputs or runs in a batch: runs that start after it are recomputed."""

    scenario: int
    commit_lsn: int
    lsn: int


class Lines(NamedTuple):
    """What a batch or a timer did to the log lines of locked runs."""

    landed: dict[int, tuple[int, int, int]]
    """Lines, warnings and errors that landed now, each for the first time."""
    moved: frozenset[int] = frozenset()
    """Runs that lines of before came to or left: they are counted anew. All others only grow, so a batch costs the same
    whatever the run holds already."""


class _First(NamedTuple):
    scenario: int | None = None
    user: int | None = None
    correlation_id: str | None = None
    epoch: int | None = None
    commit_lsn: int | None = None
    lsn: int | None = None
    total_order: int | None = None


def later_runs(cursor: Cursor[Any], changes: Iterable[ScenarioChange]) -> set[int]:
    """Runs of these locked scenarios that start after the change given for each."""
    rows = list(changes)
    if not rows:
        return set()
    cursor.execute(_LATER, columns(rows))
    return {run for (run,) in cursor.fetchall()}


def lock(cursor: Cursor[Any], runs: Iterable[int]) -> None:
    cursor.execute(_LOCK, [sorted(set(runs))])


def recompute(
    cursor: Cursor[Any], runs: Iterable[int], starts_or_inputs_of: Iterable[int], lines: Lines, mapping: Mapping
) -> None:
    """Recompute these locked runs; their inputs at the start only of those whose start or earlier inputs are new."""
    keys = sorted(set(runs))
    if not keys or mapping.run is None:
        return
    named = {"runs": keys, "status": mapping.run.status, "succeeded": list(mapping.run.succeeded)}
    newest = _newest(cursor, named, mapping.run)
    succeeded = {run: at for run, *at in cursor.execute(_SUCCEEDED, named).fetchall()}
    first = {row[0]: _First(*row[1:]) for row in _rows(cursor, _FIRST, keys)}
    counts = _counts(cursor, keys, lines)
    written = [
        (
            *_row(run, first.get(run, _First()), counts[run], *newest.get(run, (None, False)), mapping),
            *succeeded.get(run, (None, None)),
        )
        for run in keys
    ]
    cursor.execute(_WRITE.encode(), columns(written))
    inputs = _inputs(cursor, {run: first[run] for run in starts_or_inputs_of if run in first}, mapping)
    if inputs:
        cursor.execute(_WRITE_INPUTS, (list(inputs), list(inputs.values())))
    cursor.execute(_LAST_GOOD, [keys])


def _newest(
    cursor: Cursor[Any], named: dict[str, Any], table: RunTable
) -> dict[int, tuple[dict[str, Any] | None, bool]]:
    """Each run's row as it was last known, and whether it was deleted. Only where the source does not tell all of it in
    each change are the changes before read too."""
    newest = {run: (image, deleted) for run, image, deleted in cursor.execute(_NEWEST, named).fetchall()}
    partial = [run for run, (image, _) in newest.items() if is_partial(image, table)]
    if partial:
        images: dict[int, list[dict[str, Any]]] = {run: [] for run in partial}
        for run, image in cursor.execute(_IMAGES, {"runs": partial}).fetchall():
            images[run].append(image)
        newest |= {run: (as_known(images[run]), newest[run][1]) for run in partial}
    return newest


def _counts(cursor: Cursor[Any], keys: list[int], lines: Lines) -> dict[int, LogCounts]:
    counted = {found[0]: LogCounts(*found[1:]) for found in _rows(cursor, _COUNTED, keys)}
    for run, landed in lines.landed.items():
        counted[run] = LogCounts(*map(add, counted[run][:3], landed))
    if lines.moved:
        anew = {found[0]: LogCounts(*found[1:]) for found in _rows(cursor, _COUNT_ANEW, sorted(lines.moved))}
        counted |= {run: anew.get(run, LogCounts()) for run in lines.moved}
    return {
        run: counted[run]._replace(error_type=error_type, node=node)
        for run, error_type, node in _rows(cursor, _LAST_ERRORS, keys)
    }


def _row(
    run: int, start: _First, logs: LogCounts, image: dict[str, Any] | None, deleted: bool, mapping: Mapping
) -> tuple[Any, ...]:
    """The values of _COLUMNS, up to `deleted`."""
    assert mapping.run is not None
    state = run_state(image, mapping.run, logs, mapping.errors)
    times = (
        None if time_us is None else from_us(clamp_us(time_us)) for time_us in (state.started_us, state.finished_us)
    )
    failure = (state.duration_ms, state.category, state.error_type, state.error_message, state.failing_node)
    return run, *start, *logs[:3], state.status, state.outcome, *times, *failure, deleted


def _rows(cursor: Cursor[Any], query: str, keys: list[int]) -> list[Any]:
    return cursor.execute(query, [keys]).fetchall()


def _inputs(cursor: Cursor[Any], first: dict[int, _First], mapping: Mapping) -> dict[int, str]:
    """The inputs at the start of each run whose start is known, as JSON text."""
    starts = [(run, start.scenario, *start[3:7]) for run, start in first.items() if start.scenario is not None]
    if mapping.input is None or not starts:
        return {}
    cursor.execute(_INPUTS, columns(starts))
    images: dict[int, list[InputImage]] = {run: [] for run, *_ in starts}
    for run, row_key, image, event_id in cursor.fetchall():
        images[run].append(InputImage(row_key, image, event_id))
    return {run: msgspec.json.encode(inputs_at(found, mapping.input)).decode() for run, found in images.items()}
