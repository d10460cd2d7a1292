"""The rows that the worker's code lands of episodes, by COPY: decoded and made into rows by the same code, joined in memory,
which an episode that is complete in itself allows. Nothing waits any more: what found no context is unlinked.

A test compares the outcome with that of the worker's own landing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from psycopg import Connection, Cursor, sql
from psycopg.types.json import Jsonb

from clearsight.events import Context, LogEvent, RowChange, TransactionKey
from clearsight.instants import DAY_US, from_us
from clearsight.lifecycle import transitions
from clearsight.links import Touched, link_of_change, place_log
from clearsight.mapping import Mapping, UserTable
from clearsight.runs import InputImage, LogCounts, inputs_at, run_state
from clearsight.topics import TopicNames
from stream_processors import rows
from stream_processors.copy_text import field, number
from stream_processors.correlate import touches_of
from stream_processors.decode import Decoder
from stream_processors.dimensions import DimensionKeys
from stream_processors.records import RawRecord
from stream_processors.rows import Joined, Located
from stream_processors.states import land_transitions

KEYS_AT_ONCE = 1000
RUN = (
    "run_key, scenario_key, user_key, correlation_id, start_epoch, start_commit_lsn, start_lsn, start_total_order, log_lines, "
    "log_warnings, log_errors, status, outcome, started_at, finished_at, duration_ms, category, error_type, error_message, "
    "failing_node, deleted, succeeded_commit_lsn, succeeded_lsn, inputs_at_start, last_good_run_key"
)
TABLES = {
    "dim_user": "user_key, user_id, name, email, first_seen_at, as_of_commit_lsn, as_of_lsn",
    "dim_scenario": "scenario_key, scenario_id, first_seen_at",
    "dim_run": "run_key, run_id, scenario_key, first_seen_at",
    "correlation": "correlation_key, correlation_id, first_seen_at",
    "correlation_touch": "correlation_key, kind, key",
    "transaction_context": "tx_id, committed_at, commit_lsn, correlation_id, user_id, use_case",
    "fact_row_change": rows.ROW_CHANGE,
    "fact_user_action": rows.USER_ACTION,
    "fact_cloudwatch_log": rows.CLOUDWATCH_LOG,
    "fact_run_diagnostic": RUN,
}
"""In an order that foreign keys allow."""
_SERIAL = {
    "dim_user": "user_key",
    "dim_scenario": "scenario_key",
    "dim_run": "run_key",
    "correlation": "correlation_key",
}


class Copied:
    """Collects the rows of episodes and writes them, a transaction a call of `flush`. Not safe for threads."""

    def __init__(self, connection: Connection[Any], mapping: Mapping, names: TopicNames) -> None:
        assert mapping.run is not None
        assert mapping.input is not None
        self._connection = connection
        self._mapping, self._run_table, self._input_table = mapping, mapping.run, mapping.input
        self._decode = Decoder(mapping, names)
        self._keys = {table: self._reserved(table, column) for table, column in _SERIAL.items()}
        self._users: dict[str, int] = {}
        self._scenarios: dict[str, int] = {}
        self._inputs: dict[str, dict[str, InputImage]] = defaultdict(dict)
        self._last_good: dict[str, int] = {}
        self._days: set[int] = set()
        self._clear()

    def _clear(self) -> None:
        self._texts: dict[str, list[str]] = {table: [] for table in TABLES}
        self._states: list[rows.Row] = []
        self._described: list[RowChange] = []
        self._spans: dict[tuple[str, int], tuple[int, int]] = {}
        self.rows = 0

    def add(self, records: list[RawRecord]) -> None:
        """An episode."""
        contexts: dict[TransactionKey, Context] = {}
        changes: list[RowChange] = []
        logs: list[LogEvent] = []
        for record in records:
            first, _ = self._spans.get((record.topic, record.partition), (record.offset, 0))
            self._spans[record.topic, record.partition] = (first, record.offset + 1)
            match self._decode(record):
                case Context() as context:
                    contexts[context.transaction] = context
                case RowChange() as change:
                    changes.append(change)
                case LogEvent() as log:
                    logs.append(log)
                case other:
                    raise AssertionError(f"an episode holds {other}")
        self._tell(_Episode(contexts, changes, logs))

    def _tell(self, episode: _Episode) -> None:
        self._described += [change for change in episode.changes if change.part == "scenario"]
        correlations = self._correlations(episode)
        self._people(episode)
        runs = self._places(episode)
        self._transactions(episode)
        joined = [self._join(change, episode, correlations, runs) for change in episode.changes]
        touched = self._touches(joined)
        for change, known in zip(episode.changes, joined, strict=True):
            self._change(change, known)
        located = [self._log(log, correlations, runs, touched) for log in episode.logs]
        for run_id, run in runs.items():
            self._run(run_id, run, episode, joined, located)
        self._learn(episode.changes)

    def _correlations(self, episode: _Episode) -> dict[str, int]:
        found: dict[str, int] = {}
        for correlation_id, time_us in episode.correlations():
            if correlation_id not in found:
                found[correlation_id] = next(self._keys["correlation"])
                self._put("correlation", found[correlation_id], correlation_id, from_us(time_us))
        return found

    def _people(self, episode: _Episode) -> None:
        rows_of = {change.row_key: change for change in episode.changes if isinstance(change.mapped, UserTable)}
        named = [(context.user_id, key.committed_us) for key, context in episode.contexts.items() if context.user_id]
        for user_id, time_us in [*((key, change.occurred_us) for key, change in rows_of.items()), *named]:
            if user_id not in self._users:
                key = self._users[user_id] = next(self._keys["dim_user"])
                row = rows_of.get(user_id)
                image = (row.after if row else None) or {}
                at = (row.commit_lsn, row.lsn) if row else (-1, -1)
                self._put("dim_user", key, user_id, image.get("name"), image.get("email"), from_us(time_us), *at)

    def _places(self, episode: _Episode) -> dict[str, int]:
        """Keys of the scenarios, which are kept, and of the runs, which are of this episode."""
        runs: dict[str, int] = {}
        for change in episode.changes:
            if change.scenario_id and change.scenario_id not in self._scenarios:
                key = self._scenarios[change.scenario_id] = next(self._keys["dim_scenario"])
                self._put("dim_scenario", key, change.scenario_id, from_us(change.occurred_us))
            if change.run_id and change.run_id not in runs:
                run = runs[change.run_id] = next(self._keys["dim_run"])
                scenario = self._scenarios[change.scenario_id] if change.scenario_id else None
                self._put("dim_run", run, change.run_id, scenario, from_us(change.occurred_us))
        return runs

    def _transactions(self, episode: _Episode) -> None:
        seen = {change.transaction: change.commit_lsn for change in episode.changes if change.transaction}
        for key, commit_lsn in seen.items():
            context = episode.contexts.get(key)
            said = (context.correlation_id, context.user_id, context.use_case) if context else (None, None, None)
            self._put("transaction_context", key.tx_id, from_us(key.committed_us), commit_lsn, *said)

    def _join(self, change: RowChange, episode: _Episode, correlations: dict[str, int], runs: dict[str, int]) -> Joined:
        context = episode.contexts.get(change.transaction) if change.transaction else None
        correlation_id = context.correlation_id if context else None
        scenario_id = change.scenario_id or episode.scenario_of(change.run_id)
        link = link_of_change(change.correlation_id, correlation_id, change.transaction is not None)
        return Joined(
            scenario=self._scenarios[scenario_id] if scenario_id else None,
            run=runs[change.run_id] if change.run_id else None,
            user=self._users[context.user_id] if context and context.user_id else None,
            changed_user=self._users[change.row_key] if change.part == "user" else None,
            correlation_id=correlation_id,
            correlation=correlations[correlation_id] if correlation_id else None,
            link="unlinked" if link == "pending" else link,
        )

    def _touches(self, joined: Iterable[Joined]) -> dict[int, Touched]:
        touches = {
            touch
            for change in joined
            if change.correlation is not None
            for touch in touches_of(change.correlation, change.scenario, change.run, change.changed_user)
        }
        by_kind: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for touch in sorted(touches):
            self._put("correlation_touch", *touch)
            by_kind[touch.correlation][touch.kind].add(touch.key)
        return {
            correlation: Touched(
                frozenset(kinds["scenario"]), frozenset(kinds["run"]), frozenset(kinds["user"] | kinds["other"])
            )
            for correlation, kinds in by_kind.items()
        }

    def _change(self, change: RowChange, joined: Joined) -> None:
        row, end = rows.change_row(change), rows.joined_text(joined)
        self._write("fact_row_change", row.text + end, change.occurred_us)
        if row.action_text is not None:
            self._write("fact_user_action", row.action_text + end, change.occurred_us)
        if change.part == "scenario":
            for found in transitions(change, self._mapping.source):
                self._states.append(rows.transition_row(found, change, self._scenarios[change.row_key], joined))
                self._days.add(found.occurred_us // DAY_US)

    def _log(
        self, log: LogEvent, correlations: dict[str, int], runs: dict[str, int], touched: dict[int, Touched]
    ) -> Located:
        line = log.line
        correlation = correlations[line.correlation_id] if line.correlation_id else None
        scenario = self._scenarios[line.scenario_id] if line.scenario_id else None
        place = place_log(
            scenario=scenario,
            run=runs[line.run_id] if line.run_id else None,
            run_scenario=scenario,
            correlation_id=line.correlation_id,
            touched=touched.get(correlation, Touched()) if correlation is not None else Touched(),
        )
        located = Located(
            place.scenario,
            place.run,
            self._users[line.user_id] if line.user_id else None,
            correlation,
            "unlinked" if place.link == "pending" else place.link,
        )
        self._write("fact_cloudwatch_log", rows.log_row(log).text + rows.located_text(located), log.occurred_us)
        return located

    def _run(self, run_id: str, run: int, episode: _Episode, joined: list[Joined], located: list[Located]) -> None:
        own = [
            (change, known)
            for change, known in zip(episode.changes, joined, strict=True)
            if change.run_id == run_id and change.part == "run"
        ]
        (first, known), newest = own[0], own[-1][0]
        assert first.scenario_id
        lines = [log for log, place in zip(episode.logs, located, strict=True) if place.run == run]
        counts = _counts(lines)
        state = run_state(newest.after, self._run_table, counts, self._mapping.errors)
        good = state.outcome == "succeeded"
        self._put(
            "fact_run_diagnostic", run, known.scenario, known.user, known.correlation_id,
            first.epoch, first.commit_lsn, first.lsn, first.total_order, *counts[:3],
            state.status, state.outcome,
            *(None if time_us is None else from_us(time_us) for time_us in (state.started_us, state.finished_us)),
            state.duration_ms, state.category, state.error_type, state.error_message, state.failing_node, "f",
            newest.commit_lsn if good else None, newest.lsn if good else None,
            msgspec.json.encode(inputs_at(list(self._inputs[first.scenario_id].values()), self._input_table)).decode(),
            self._last_good.get(first.scenario_id),
        )  # fmt: skip
        if good:
            self._last_good[first.scenario_id] = run

    def _learn(self, changes: Iterable[RowChange]) -> None:
        for change in changes:
            if change.part == "input" and change.scenario_id:
                image = InputImage(change.row_key, change.after, str(change.event_id))
                self._inputs[change.scenario_id][change.row_key] = image

    def _put(self, table: str, *values: Any) -> None:
        self._texts[table].append("\t".join(map(_text, values)) + "\n")

    def _write(self, fact: str, text: str, occurred_us: int) -> None:
        self._texts[fact].append(text)
        self._days.add(occurred_us // DAY_US)
        self.rows += 1

    def flush(self) -> int:
        """Write what was collected; returns how many rows of facts."""
        written = self.rows + len(self._states) + len(self._texts["fact_run_diagnostic"])
        for month in sorted({rows.month_of(day * DAY_US) for day in self._days}):
            self._connection.execute("SELECT rpt.ensure_month(%s)", [month])
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for table, columns in TABLES.items():
                _copy(cursor, table, columns, self._texts[table])
            DimensionKeys.describe_scenarios(cursor, self._described, self._scenarios)
            land_transitions(cursor, self._states)
            self._positions(cursor)
        self._days.clear()
        self._clear()
        return written

    def _positions(self, cursor: Cursor[Any]) -> None:
        for (topic, partition), (first, after) in self._spans.items():
            cursor.execute(
                "INSERT INTO rpt.batch (topic, kafka_partition, first_offset, next_offset) VALUES (%s, %s, %s, %s)",
                [topic, partition, first, after],
            )
            cursor.execute(
                """INSERT INTO rpt.consumer_position (topic, kafka_partition, next_offset, owner_epoch, cluster_id, topic_id)
                   VALUES (%s, %s, %s, 0, 'history', %s)
                   ON CONFLICT (topic, kafka_partition) DO UPDATE SET next_offset = excluded.next_offset""",
                [topic, partition, after, topic],
            )

    def _reserved(self, table: str, column: str) -> Iterator[int]:
        """Keys of the table's own sequence, many at a time."""
        while True:
            found = self._connection.execute(
                "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
                [f"rpt.{table}", column, KEYS_AT_ONCE],
            ).fetchall()
            yield from (key for (key,) in found)


class _Episode:
    def __init__(self, contexts: dict[TransactionKey, Context], changes: list[RowChange], logs: list[LogEvent]) -> None:
        self.contexts = contexts
        self.changes = changes
        self.logs = logs
        self._scenarios = {change.run_id: change.scenario_id for change in changes if change.part == "run"}

    def scenario_of(self, run_id: str | None) -> str | None:
        return self._scenarios.get(run_id) if run_id else None

    def correlations(self) -> Iterator[tuple[str, int]]:
        """Each correlation id that is named, with a time."""
        for key, context in self.contexts.items():
            yield context.correlation_id, key.committed_us
        for log in self.logs:
            if log.line.correlation_id:
                yield log.line.correlation_id, log.occurred_us


def _counts(lines: list[LogEvent]) -> LogCounts:
    errors = [log for log in lines if log.line.level in ("ERROR", "FATAL")]
    last = max((log for log in errors if log.line.error), key=_place, default=None)
    named = max((log for log in errors if log.line.node), key=_place, default=None)
    return LogCounts(
        lines=len(lines),
        warnings=sum(log.line.level == "WARN" for log in lines),
        errors=len(errors),
        error_type=last.line.error.type if last and last.line.error else None,
        node=named.line.node if named else None,
    )


def _place(log: LogEvent) -> tuple[int, str]:
    return log.occurred_us, str(log.event_id)


def _text(value: Any) -> str:
    if isinstance(value, str) or value is None:
        return field(value)
    return number(value) if isinstance(value, int) else value.isoformat()


def _copy(cursor: Cursor[Any], table: str, columns: str, texts: list[str]) -> None:
    if texts:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier("rpt", table), sql.SQL(", ").join(map(sql.Identifier, columns.split(", ")))
        )
        with cursor.copy(statement) as copy:
            copy.write("".join(texts).encode())


def cover(connection: Connection[Any], mapping: Mapping, groups: Iterable[str], through: datetime) -> None:
    """Watermarks that say that everything has landed."""
    for kind, name in (("changes", mapping.source), *(("logs", group) for group in groups)):
        connection.execute(
            "INSERT INTO rpt.watermark (kind, name, through_at, position, offsets) VALUES (%s, %s, %s, %s, %s)",
            [kind, name, through, 1 if kind == "changes" else None, Jsonb({})],
        )
