"""One batch, one transaction.

Locks are taken by class, each sorted by key, never a lower class again: 1 positions, 2 transactions, 3 correlations,
4 dimensions, 5 scenarios, 6 runs, 7 shapes. Then the batch reads and amends in later statements, which see what others
committed; last it settles its dead letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from psycopg import Connection, Cursor

from clearsight.events import LogEvent, RowChange, SnapshotRow, TransactionKey
from clearsight.instants import DAY_US, clamp_us, from_us
from clearsight.lifecycle import Transition, snapshot_transitions, transitions
from clearsight.links import only_run
from clearsight.mapping import Mapping
from clearsight.topics import TopicNames
from stream_processors import amend, concerned, correlate, dead_letters, marks, missed, named, rows, runs, several
from stream_processors.batch import Batch, Span
from stream_processors.correlate import KnownContext
from stream_processors.dimensions import DimensionKeys, RunKey
from stream_processors.insert import insert
from stream_processors.join import Keys, join, locate
from stream_processors.landing_cursor import giving_cursor
from stream_processors.right_of_way import RightOfWay
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
        way: RightOfWay | None = None,
    ) -> None:
        """`settle_letters` is told last, in the same transaction; as it is, it keeps what could not be landed."""
        self._way = way or RightOfWay()
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
        with self._way.taken():
            return self._landed(batch)

    def _landed(self, batch: Batch) -> Landed:
        connection = self._open()
        entered = self._entered(batch)
        self._ensure_months(connection, batch, entered)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                landed = self._land(cursor, batch, entered)
                self._way.give()  # the commit waits for the disk
        except ShapesMoved:
            self._dimensions.rollback()
            return self._landed(batch)
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
            self._connection.cursor_factory = giving_cursor(self._way, self._connection.cursor_factory)
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
        contexts = correlate.lock_transactions(cursor, batch.transactions(), batch.contexts, batch.further)
        correlations = correlate.lock_correlations(cursor, named.correlations(batch, contexts))
        keys, placed = self._resolve(cursor, batch, contexts, correlations)
        changed = concerned.scenario_changes(batch, keys)
        amendable = amend.scenarios_of(cursor, batch.contexts)
        amendable |= several.scenarios_of(cursor, {key: contexts[key] for key in batch.contexts})
        self._dimensions.lock_scenarios(cursor, {*changed, *concerned.described_scenarios(batch, keys), *amendable})
        self._dimensions.describe_scenarios(cursor, batch.rows(), keys.scenarios)

        joined = join(batch, keys)
        distinct = set(joined)
        given = _given(batch, keys)
        amended = [*amend.by_context(cursor, given), *several.settle(cursor, given)]
        placements = {run.run: run.scenario for run in placed if run.scenario is not None}
        late = amend.changes_by_run(cursor, placements)
        touches = [*concerned.touches(distinct, amended, late), *concerned.attempted(batch, keys)]
        anew = correlate.touch(cursor, [*touches, *concerned.of_further_contexts(batch, joined, keys)])
        of_logs = {correlations[log.line.correlation_id] for log in batch.logs if log.line.correlation_id}
        started = {run.run for run in placed} | concerned.changed_runs(batch, joined)
        started |= runs.later_runs(cursor, changed.values())
        dirty = started | correlate.touched_runs(cursor, anew) | concerned.named_runs(distinct, batch, keys)
        touched = correlate.touched(cursor, of_logs)
        dirty |= {run for found in touched.values() if (run := only_run(found)) is not None}
        dirty |= {found.run for found in amended if found.run is not None}
        runs.lock(cursor, dirty | correlate.unplaced_runs(cursor, touched.values()))
        self._shapes.land(cursor, batch.changes)

        # read again: who held a run's lock before us may have placed it since
        touched = correlate.touched(cursor, of_logs)
        landed = self._write(cursor, batch, keys, entered, joined, locate(batch, keys, touched))
        amend.logs_by_run(cursor, placements)
        moved = amend.logs_by_touch(cursor, anew)
        runs.recompute(
            cursor, dirty, started, runs.Lines(concerned.lines_of_runs(landed.logs), moved.runs), self._mapping
        )
        marks.keep(cursor, self._mapping.source, self._names.logs, batch)
        missed.keep(cursor, self._mapping.source, self._mapping.tables(), self._names, batch)
        self._settle_letters(cursor, batch, landed)
        return landed._replace(amended=bool(amended or late or moved.any))

    def _resolve(
        self,
        cursor: Cursor[Any],
        batch: Batch,
        contexts: dict[TransactionKey, KnownContext],
        correlations: dict[str, int],
    ) -> tuple[Keys, list[RunKey]]:
        seen = named.named(batch, contexts)
        users = self._dimensions.resolve_users(cursor, seen.users, batch.rows())
        scenarios = self._dimensions.resolve_scenarios(cursor, seen.scenarios)
        scenario_of = {run: scenarios[scenario] for run, scenario in seen.scenario_of.items()}
        run_keys, placed = self._dimensions.resolve_runs(cursor, seen.runs, scenario_of)
        return Keys(users, scenarios, run_keys, contexts, correlations), placed

    def _write(
        self,
        cursor: Cursor[Any],
        batch: Batch,
        keys: Keys,
        entered: list[_Entered],
        joined: list[Joined],
        located: list[Located],
    ) -> Landed:
        ends = list(map(rows.joined_text, joined))
        texts = [(row.text, end) for row, end in zip(batch.change_rows, ends, strict=True)]
        actions = [
            (row.action_text, end)
            for row, end in zip(batch.change_rows, ends, strict=True)
            if row.action_text is not None
        ]
        lines = [(row.text, rows.located_text(place)) for row, place in zip(batch.log_rows, located, strict=True)]
        new_changes = insert(cursor, "fact_row_change", rows.ROW_CHANGE, texts)
        insert(cursor, "fact_user_action", rows.USER_ACTION, actions)
        new_logs = insert(cursor, "fact_cloudwatch_log", rows.CLOUDWATCH_LOG, lines)
        cursor.executemany(_SNAPSHOTS, [_snapshot_row(row, keys) for row in batch.snapshots])
        states = land_transitions(cursor, _transition_rows(entered, keys, joined))
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
        return Landed(changes, states, logs, again, amended=False)


def _known_before(
    kind: str, events: Iterable[RowChange | LogEvent], new: set[UUID] | None
) -> Iterator[tuple[str, UUID, datetime]]:
    """Those of a batch's events that had landed before it; `new` is None where none had."""
    if new is not None:
        for event in events:
            if event.event_id not in new:
                yield kind, event.event_id, from_us(event.occurred_us)


def _transition_rows(entered: list[_Entered], keys: Keys, joined: list[Joined]) -> list[Row]:
    return [
        rows.transition_row(
            found.transition,
            found.row,
            keys.scenarios[found.row.row_key],
            None if found.place is None else joined[found.place],
        )
        for found in entered
    ]


def _given(batch: Batch, keys: Keys) -> dict[TransactionKey, amend.Given]:
    """What the contexts of this batch give to changes that landed before them."""
    return {key: amend.given(keys.contexts[key], keys.correlations, keys.users) for key in batch.contexts}


def _snapshot_row(row: SnapshotRow, keys: Keys) -> tuple[Any, ...]:
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
