"""One batch, one transaction.

Locks are taken by class, each sorted by key, never a lower class again: 1 positions, 2 transactions, 3 correlations,
4 dimensions, 5 scenarios, 6 runs, 7 shapes. Then the batch reads and amends in later statements, which see what others
committed; last it settles its dead letters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from psycopg import Connection, Cursor
from psycopg.errors import FeatureNotSupported, UniqueViolation

from clearsight.events import LogEvent, RowChange, SnapshotRow, TransactionKey
from clearsight.instants import DAY_US, clamp_us, from_us
from clearsight.lifecycle import Transition, snapshot_transitions, transitions
from clearsight.links import Touched, link_of_change, only_run, place_log
from clearsight.mapping import Mapping
from clearsight.topics import TopicNames
from stream_processors import amend, correlate, dead_letters, marks, missed, rows, runs
from stream_processors.batch import Batch, Span
from stream_processors.correlate import KnownContext, Touch
from stream_processors.dimensions import DimensionKeys, RunKey
from stream_processors.rows import Joined, Located, Row
from stream_processors.shapes import Shapes, ShapesMoved
from stream_processors.states import land_transitions

_SNAPSHOTS = """
INSERT INTO rpt.row_snapshot (snapshot_id, part, table_schema, table_name, row_key, scenario_key, image, epoch, topic,
                              kafka_partition, kafka_offset)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (snapshot_id) DO NOTHING
"""


class Landed(NamedTuple):
    """What a batch left to publish: rows landed now, and ids of those that had landed before."""

    changes: list[tuple[RowChange, str | None, Joined]]
    """With the name of the action behind each."""
    states: list[tuple[UUID, datetime]]
    logs: list[tuple[LogEvent, Located]]
    again: list[tuple[str, UUID, datetime]]
    amended: bool


class _Keys(NamedTuple):
    users: dict[str, int]
    scenarios: dict[str, int]
    runs: dict[str, RunKey]
    contexts: dict[TransactionKey, KnownContext]
    correlations: dict[str, int]


class _Entered(NamedTuple):
    """A state that a row of a batch shows to have been entered."""

    transition: Transition
    row: RowChange | SnapshotRow
    place: int | None
    """Of a change, in its batch."""


class Claim(Protocol):
    """The right to land records: taken by a transaction's first statements, told once it is committed."""

    def advance(self, cursor: Cursor[Any], spans: list[Span]) -> None: ...

    def advanced(self, spans: list[Span]) -> None: ...


class Landing:
    """Lands batches through one connection. Not safe for threads."""

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        mapping: Mapping,
        names: TopicNames,
        ownership: Claim,
        settle_letters: Callable[[Cursor[Any], Batch, Landed], None] | None = None,
    ) -> None:
        """`settle_letters` is told last, in the same transaction; as it is, it keeps what could not be landed."""
        self._connect = connect
        self._connection: Connection[Any] | None = None
        self._mapping = mapping
        self._names = names
        self._ownership = ownership
        self._settle_letters = settle_letters or (
            lambda cursor, batch, _: dead_letters.keep(cursor, batch.letters, names)
        )
        self._dimensions = DimensionKeys()
        self._shapes = Shapes(mapping.source)
        self._months: set[datetime] = set()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def land(self, batch: Batch) -> Landed:
        """Land a batch.

        Raises Fenced where a partition has another owner, psycopg.DataError where Postgres refuses a value, and
        psycopg.OperationalError where the database is away: nothing has landed then, and the same batch may come again.
        """
        connection = self._open()
        entered = self._entered(batch)
        self._ensure_months(connection, batch, entered)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                landed = self._land(cursor, batch, entered)
        except ShapesMoved:
            self._dimensions.rollback()
            return self.land(batch)
        except BaseException:
            self._dimensions.rollback()
            raise
        self._dimensions.commit()
        self._ownership.advanced(batch.spans)
        return landed

    def _open(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed or self._connection.broken:
            self.close()
            self._connection = self._connect()
        return self._connection

    def _ensure_months(self, connection: Connection[Any], batch: Batch, entered: list[_Entered]) -> None:
        """Make missing partitions before the batch, in a transaction of their own."""
        days = {change.occurred_us // DAY_US for change in batch.changes}
        days |= {log.occurred_us // DAY_US for log in batch.logs}
        days |= {clamp_us(found.transition.occurred_us) // DAY_US for found in entered}
        months = {rows.month_of(day * DAY_US) for day in days} - self._months
        for month in sorted(months):
            with connection.transaction():
                connection.execute("SELECT rpt.ensure_month(%s)", [month])
        self._months |= months

    def _entered(self, batch: Batch) -> list[_Entered]:
        source = self._mapping.source
        return [
            *(_Entered(found, row, None) for row in batch.snapshots for found in snapshot_transitions(row, source)),
            *(
                _Entered(found, row, place)
                for place, row in enumerate(batch.changes)
                if row.part == "scenario"
                for found in transitions(row, source)
            ),
        ]

    def _land(self, cursor: Cursor[Any], batch: Batch, entered: list[_Entered]) -> Landed:
        self._ownership.advance(cursor, batch.spans)
        contexts = correlate.lock_transactions(cursor, batch.transactions(), batch.contexts)
        correlations = correlate.lock_correlations(cursor, _correlations(batch, contexts))
        keys, placed = self._resolve(cursor, batch, contexts, correlations)
        changed = _scenario_changes(batch, keys)
        self._dimensions.lock_scenarios(cursor, {*changed, *_described(batch, keys)})
        self._dimensions.describe_scenarios(cursor, batch.rows(), keys.scenarios)

        joined = [_join(change, keys) for change in batch.changes]
        distinct = set(joined)
        amended = amend.by_context(cursor, _known_users(batch, keys))
        late = amend.by_run(cursor, {run.run: run.scenario for run in placed if run.scenario is not None})
        anew = correlate.touch(cursor, [*_touches(distinct, amended, late), *_attempted(batch, keys)])
        of_logs = {correlations[log.line.correlation_id] for log in batch.logs if log.line.correlation_id}
        started = {run.run for run in placed} | _changed_runs(batch, joined)
        started |= runs.later_runs(cursor, changed.values())
        dirty = started | correlate.touched_runs(cursor, anew) | _named_runs(distinct, batch, keys)
        dirty |= {run for found in correlate.touched(cursor, of_logs).values() if (run := only_run(found)) is not None}
        dirty |= {found.run for found in amended if found.run is not None}
        runs.lock(cursor, dirty)
        self._shapes.land(cursor, batch.changes)

        # read again: who held a run's lock before us may have placed it since
        touched = correlate.touched(cursor, of_logs)
        landed = self._write(cursor, batch, keys, joined, _locate(batch, keys, touched))
        states = land_transitions(cursor, _transition_rows(entered, keys, joined))
        moved = amend.logs_by_touch(cursor, anew)
        runs.recompute(cursor, dirty, started, runs.Lines(_lines_of_runs(landed.logs), moved.runs), self._mapping)
        marks.keep(cursor, self._mapping.source, self._names.logs, batch)
        missed.keep(cursor, self._mapping.source, self._mapping.tables(), self._names, batch)
        landed = landed._replace(states=states)
        self._settle_letters(cursor, batch, landed)
        return landed._replace(amended=bool(amended or late or moved.any))

    def _resolve(
        self,
        cursor: Cursor[Any],
        batch: Batch,
        contexts: dict[TransactionKey, KnownContext],
        correlations: dict[str, int],
    ) -> tuple[_Keys, list[RunKey]]:
        seen = _Seen(batch, contexts, self._mapping)
        users = self._dimensions.resolve_users(cursor, seen.users, batch.rows())
        scenarios = self._dimensions.resolve_scenarios(cursor, seen.scenarios)
        scenario_of = {run: scenarios[scenario] for run, scenario in seen.scenario_of.items()}
        run_keys, placed = self._dimensions.resolve_runs(cursor, seen.runs, scenario_of)
        return _Keys(users, scenarios, run_keys, contexts, correlations), placed

    def _write(
        self, cursor: Cursor[Any], batch: Batch, keys: _Keys, joined: list[Joined], located: list[Located]
    ) -> Landed:
        ends = list(map(rows.joined_text, joined))
        texts = [(row.text, end) for row, end in zip(batch.change_rows, ends, strict=True)]
        actions = [
            (row.action_text, end)
            for row, end in zip(batch.change_rows, ends, strict=True)
            if row.action_text is not None
        ]
        lines = [(row.text, rows.located_text(place)) for row, place in zip(batch.log_rows, located, strict=True)]
        new_changes = _insert(cursor, "fact_row_change", rows.ROW_CHANGE, texts)
        _insert(cursor, "fact_user_action", rows.USER_ACTION, actions)
        new_logs = _insert(cursor, "fact_cloudwatch_log", rows.CLOUDWATCH_LOG, lines)
        cursor.executemany(_SNAPSHOTS, [_snapshot_row(row, keys) for row in batch.snapshots])
        changes = [(row.change, row.action, known) for row, known in zip(batch.change_rows, joined, strict=True)]
        logs = list(zip(batch.logs, located, strict=True))
        again = [
            *_known_before("change", batch.changes, new_changes),
            *_known_before("log", batch.logs, new_logs),
        ]
        if new_changes is not None:
            changes = [change for change in changes if change[0].event_id in new_changes]
        if new_logs is not None:
            logs = [log for log in logs if log[0].event_id in new_logs]
        return Landed(changes, [], logs, again, amended=False)


def _known_before(
    kind: str, events: Iterable[RowChange | LogEvent], new: set[UUID] | None
) -> Iterator[tuple[str, UUID, datetime]]:
    """Those of a batch's events that had landed before it; `new` is None where none had."""
    if new is not None:
        for event in events:
            if event.event_id not in new:
                yield kind, event.event_id, from_us(event.occurred_us)


def _transition_rows(entered: list[_Entered], keys: _Keys, joined: list[Joined]) -> list[Row]:
    return [
        rows.transition_row(
            found.transition,
            found.row,
            keys.scenarios[found.row.row_key],
            None if found.place is None else joined[found.place],
        )
        for found in entered
    ]


def _insert(cursor: Cursor[Any], fact: str, columns: str, new: list[tuple[str, str]]) -> set[UUID] | None:
    """COPY straight into the fact; only where that meets a redelivered event, by way of a temporary table, and where the
    role lacks BYPASSRLS, without which COPY refuses tables with row-level security.

    Returns the ids that are new where some are not, None where all are.
    """
    if not new:
        return None
    try:
        with cursor.connection.transaction():
            _copy(cursor, f"COPY rpt.{fact} ({columns}) FROM STDIN", new)
        return None
    except (UniqueViolation, FeatureNotSupported):
        stage = f"stage_{fact}"
        cursor.execute(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {stage} (LIKE rpt.{fact} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS"
        )
        _copy(cursor, f"COPY {stage} ({columns}) FROM STDIN", new)
        cursor.execute(
            f"INSERT INTO rpt.{fact} ({columns}) SELECT {columns} FROM {stage} ON CONFLICT DO NOTHING RETURNING event_id"  # noqa: S608
        )
        return {event_id for (event_id,) in cursor.fetchall()}


_ROWS_AT_ONCE = 1000


def _copy(cursor: Cursor[Any], statement: str, new: list[tuple[str, str]]) -> None:
    with cursor.copy(statement.encode()) as copy:
        for first in range(0, len(new), _ROWS_AT_ONCE):
            copy.write("".join(chain.from_iterable(new[first : first + _ROWS_AT_ONCE])).encode())


class _Seen:
    """The ids that a batch names, each with the earliest time that it was seen at (µs)."""

    def __init__(self, batch: Batch, contexts: dict[TransactionKey, KnownContext], mapping: Mapping) -> None:
        self.users: dict[str, int] = {}
        self.scenarios: dict[str, int] = {}
        self.runs: dict[str, int] = {}
        self.scenario_of: dict[str, str] = {}
        for row in batch.snapshots:
            self._row(row, row.seen_us, mapping)
        for change in batch.changes:
            self._row(change, change.occurred_us, mapping)
        for key, context in contexts.items():
            self._note(self.users, context.user_id, key.committed_us)
        for attempt in batch.attempts:
            self._note(self.users, attempt.user_id, attempt.occurred_us)
            self._note(self.scenarios, attempt.scenario_id, attempt.occurred_us)
        for log in batch.logs:
            self._note(self.users, log.line.user_id, log.occurred_us)
            self._note(self.scenarios, log.line.scenario_id, log.occurred_us)
            self._note(self.runs, log.line.run_id, log.occurred_us)

    def _row(self, row: RowChange | SnapshotRow, time_us: int, mapping: Mapping) -> None:
        self._note(self.scenarios, row.scenario_id, time_us)
        self._note(self.runs, row.run_id, time_us)
        if row.part == "user" and row.row_key:
            self._note(self.users, row.row_key, time_us)
        if row.run_id and row.scenario_id:
            self.scenario_of[row.run_id] = row.scenario_id

    @staticmethod
    def _note(seen: dict[str, int], key: str | None, time_us: int) -> None:
        if key:
            seen[key] = min(time_us, seen.get(key, time_us))


def _correlations(batch: Batch, contexts: dict[TransactionKey, KnownContext]) -> dict[str, int]:
    seen: dict[str, int] = {}
    found = [
        *((context.correlation_id, key.committed_us) for key, context in contexts.items()),
        *((attempt.correlation_id, attempt.occurred_us) for attempt in batch.attempts),
        *((change.correlation_id, change.occurred_us) for change in batch.changes),
        *((log.line.correlation_id, log.occurred_us) for log in batch.logs),
    ]
    for correlation_id, time_us in found:
        if correlation_id:
            seen[correlation_id] = min(time_us, seen.get(correlation_id, time_us))
    return seen


def _join(change: RowChange, keys: _Keys) -> Joined:
    context = keys.contexts.get(change.transaction) if change.transaction else None
    run = keys.runs[change.run_id] if change.run_id else None
    scenario = keys.scenarios[change.scenario_id] if change.scenario_id else (run.scenario if run else None)
    correlation_id = change.correlation_id or (context.correlation_id if context else None)
    return Joined(
        scenario=scenario,
        run=run.run if run else None,
        user=keys.users[context.user_id] if context and context.user_id else None,
        changed_user=keys.users.get(change.row_key) if change.part == "user" else None,
        correlation_id=correlation_id,
        correlation=keys.correlations[correlation_id] if correlation_id else None,
        link=link_of_change(
            change.correlation_id, context.correlation_id if context else None, change.transaction is not None
        ),
    )


def _known_users(batch: Batch, keys: _Keys) -> dict[TransactionKey, amend.Given]:
    """What the contexts of this batch give to changes that landed before them."""
    known = ((key, keys.contexts[key]) for key in batch.contexts)
    return {
        key: amend.Given(
            context.correlation_id,
            keys.correlations[context.correlation_id],
            keys.users[context.user_id] if context.user_id else None,
        )
        for key, context in known
    }


def _changed_runs(batch: Batch, joined: list[Joined]) -> set[int]:
    found = (known.run for change, known in zip(batch.changes, joined, strict=True) if change.part == "run")
    return {run for run in found if run is not None}


def _named_runs(joined: Iterable[Joined], batch: Batch, keys: _Keys) -> set[int]:
    """Runs that a change or a line names."""
    by_changes = {change.run for change in joined if change.run is not None}
    return by_changes | {keys.runs[log.line.run_id].run for log in batch.logs if log.line.run_id}


def _scenario_changes(batch: Batch, keys: _Keys) -> dict[int, runs.ScenarioChange]:
    """The first change of inputs or runs of each scenario; what a snapshot shows was so before every change."""
    first = {
        keys.scenarios[row.scenario_id]: runs.ScenarioChange(keys.scenarios[row.scenario_id], 0, 0)
        for row in batch.snapshots
        if row.part in ("input", "run") and row.scenario_id
    }
    for change in batch.changes:
        if change.part in ("input", "run") and change.scenario_id:
            key = keys.scenarios[change.scenario_id]
            found = runs.ScenarioChange(key, change.commit_lsn, change.lsn)
            first[key] = min(found, first.get(key, found))
    return first


def _described(batch: Batch, keys: _Keys) -> set[int]:
    described = (row for row in batch.rows() if row.part == "scenario" and row.scenario_id)
    return {keys.scenarios[row.scenario_id] for row in described if row.scenario_id}


def _touches(joined: Iterable[Joined], amended: list[amend.Amended], late: list[tuple[int, int]]) -> list[Touch]:
    touches = [Touch(correlation, "scenario", scenario) for correlation, scenario in late]
    for change in joined:
        if change.correlation is not None:
            touches += correlate.touches_of(change.correlation, change.scenario, change.run, change.changed_user)
    for found in amended:
        touches += correlate.touches_of(*found)
    return touches


def _attempted(batch: Batch, keys: _Keys) -> Iterator[Touch]:
    """What an attempt says of itself stands for the rows that may never come: its scenario and who made it."""
    for attempt in batch.attempts:
        scenario = keys.scenarios[attempt.scenario_id] if attempt.scenario_id else None
        user = keys.users[attempt.user_id] if attempt.user_id else None
        yield from correlate.touches_of(keys.correlations[attempt.correlation_id], scenario, None, user)


def _locate(batch: Batch, keys: _Keys, touched: dict[int, Touched]) -> list[Located]:
    """Where each log line of a batch belongs."""
    nothing = Touched()
    located = []
    for log in batch.logs:
        line = log.line
        run = keys.runs[line.run_id] if line.run_id else None
        correlation = keys.correlations[line.correlation_id] if line.correlation_id else None
        place = place_log(
            scenario=keys.scenarios[line.scenario_id] if line.scenario_id else None,
            run=run.run if run else None,
            run_scenario=run.scenario if run else None,
            correlation_id=line.correlation_id,
            touched=touched.get(correlation, nothing) if correlation is not None else nothing,
        )
        user = keys.users[line.user_id] if line.user_id else None
        located.append(Located(place.scenario, place.run, user, correlation, place.link))
    return located


def _lines_of_runs(landed: list[tuple[LogEvent, Located]]) -> dict[int, tuple[int, int, int]]:
    """Lines, warnings and errors of each run among these lines."""
    levels = Counter((place.run, event.line.level) for event, place in landed if place.run is not None)
    found: dict[int, tuple[int, int, int]] = {}
    for (run, level), count in levels.items():
        lines, warnings, errors = found.get(run, (0, 0, 0))
        warnings += count if level == "WARN" else 0
        errors += count if level in ("ERROR", "FATAL") else 0
        found[run] = (lines + count, warnings, errors)
    return found


def _snapshot_row(row: SnapshotRow, keys: _Keys) -> tuple[Any, ...]:
    scenario = keys.scenarios[row.scenario_id] if row.scenario_id else None
    head = (
        row.snapshot_id,
        row.part,
        row.table_schema,
        row.table_name,
        row.row_key,
        scenario,
        row.image_json,
        row.epoch,
    )
    return (*head, row.at.topic, row.at.partition, row.at.offset)
