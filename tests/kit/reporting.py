"""A reporting database and workers that land into it without a broker: the worker's own code on a real Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from kit.waiting import until

from clearsight.mapping import Mapping
from clearsight.topics import TopicNames
from stream_processors.batch import assemble
from stream_processors.deadline import close_overdue
from stream_processors.decode import Decoder
from stream_processors.land import Landed, Landing
from stream_processors.positions import Identity, Ownership, Partition
from stream_processors.records import RawRecord

BUSINESS = {
    "changes": """
        SELECT f.event_id::text, f.occurred_at, f.op, f.part, f.row_key, f.before, f.after, f.changed, f.action, f.node,
               f.tx_id, f.correlation_id, f.link, s.scenario_id, r.run_id, u.user_id, f.epoch, f.commit_lsn, f.lsn, f.total_order
        FROM rpt.fact_row_change f LEFT JOIN rpt.dim_scenario s USING (scenario_key)
        LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key LEFT JOIN rpt.dim_user u USING (user_key) ORDER BY 1""",
    "actions": """
        SELECT f.event_id::text, f.occurred_at, f.action, f.details, f.node, f.correlation_id, f.link, s.scenario_id, r.run_id,
               u.user_id
        FROM rpt.fact_user_action f LEFT JOIN rpt.dim_scenario s USING (scenario_key)
        LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key LEFT JOIN rpt.dim_user u USING (user_key) ORDER BY 1""",
    "states": """
        SELECT f.event_id::text, f.occurred_at, f.from_state, f.to_state, f.how_known, f.ms_in_state_before, f.correlation_id,
               f.link, s.scenario_id, u.user_id
        FROM rpt.fact_scenario_state_change f LEFT JOIN rpt.dim_scenario s USING (scenario_key)
        LEFT JOIN rpt.dim_user u USING (user_key) ORDER BY 1""",
    "logs": """
        SELECT f.event_id::text, f.occurred_at, f.cloudwatch_id, f.message, f.level, f.category, f.correlation_id, f.link,
               s.scenario_id, r.run_id
        FROM rpt.fact_cloudwatch_log f LEFT JOIN rpt.dim_scenario s USING (scenario_key)
        LEFT JOIN rpt.dim_run r ON r.run_key = f.run_key ORDER BY 1""",
    "runs": """
        SELECT r.run_id, s.scenario_id, f.status, f.outcome, f.started_at, f.finished_at, f.duration_ms, f.category, f.error_type,
               f.error_message, f.failing_node, f.log_lines, f.log_warnings, f.log_errors, f.inputs_at_start, g.run_id,
               f.correlation_id
        FROM rpt.fact_run_diagnostic f JOIN rpt.dim_run r ON r.run_key = f.run_key
        LEFT JOIN rpt.dim_scenario s ON s.scenario_key = f.scenario_key
        LEFT JOIN rpt.dim_run g ON g.run_key = f.last_good_run_key ORDER BY 1""",
    "schema changes": """
        SELECT event_id::text, occurred_at, table_schema, table_name, what, added, dropped, retyped, change_event_id::text, epoch,
               commit_lsn, lsn, total_order
        FROM rpt.fact_schema_change WHERE NOT withdrawn ORDER BY 1""",
    "scenarios": "SELECT scenario_id, name, owner, status, deleted FROM rpt.dim_scenario ORDER BY 1",
    "users": "SELECT user_id, name, email FROM rpt.dim_user ORDER BY 1",
}
"""What must be the same however the records came: without revision, landing time, coordinates and surrogate keys."""

Facts = dict[str, list[tuple[Any, ...]]]


class Reporting:
    """A reporting database and workers that land into it the topics of a mapping."""

    def __init__(self, owner_dsn: str, writer_dsn: str, mapping: Mapping, names: TopicNames) -> None:
        self._owner = psycopg.connect(owner_dsn, autocommit=True)
        self.writer_dsn = writer_dsn
        self._mapping = mapping
        self._names = names
        self._decode = Decoder(mapping, names)

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.writer_dsn, autocommit=True, options="-c timezone=UTC")

    def ownership(
        self, name: str = "worker", topics: Iterable[str] | None = None, partitions: Iterable[int] = (0,)
    ) -> Ownership:
        """Of these partitions of these topics; of all topics where none is named."""
        ownership = Ownership(name)
        everywhere = self._names.consumed(self._mapping.tables())
        identities = {
            Partition(topic, number): Identity("cluster", topic)
            for topic in topics or everywhere
            for number in partitions
        }
        with self.connect() as connection, connection.cursor() as cursor:
            ownership.take(cursor, identities)
        return ownership

    def worker(
        self,
        name: str = "worker",
        topics: Iterable[str] | None = None,
        partitions: Iterable[int] = (0,),
        connect: Callable[[], psycopg.Connection[Any]] | None = None,
    ) -> Callable[[list[RawRecord]], Landed]:
        """Lands a batch. A worker that takes a partition fences the one that had it."""
        landing = Landing(connect or self.connect, self._mapping, self._names, self.ownership(name, topics, partitions))
        return lambda records: landing.land(assemble(records, self._decode))

    def settle(self, deadline_s: float = 0.0) -> None:
        with self.connect() as connection:
            close_overdue(connection, self._mapping, deadline_s)

    def settle_all(self) -> None:
        """Close what is still open, in as many turns as the limit of one takes."""
        with self.connect() as connection:
            while any(close_overdue(connection, self._mapping, 0.0)):
                pass

    def facts(self) -> Facts:
        return {name: self._owner.execute(query.encode()).fetchall() for name, query in BUSINESS.items()}

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self._owner.execute(query.encode(), parameters).fetchall()

    def execute(self, statements: str) -> None:
        """As the owner."""
        self._owner.execute(statements.encode())

    def waiting(self) -> int:
        """Sessions that wait for a lock."""
        return int(self.rows("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")[0][0])

    def until_waiting(self, sessions: int) -> None:
        """Wait until so many sessions wait for a lock."""
        until(lambda: self.waiting() >= sessions, f"{sessions} sessions wait for a lock", every_s=0.005)

    def empty(self) -> None:
        tables = self.rows(
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'rpt' AND tablename NOT IN ('dim_date', 'alembic_version')"
            " AND tablename !~ '_[0-9]{6}$'"
        )
        self._owner.execute(
            f"TRUNCATE {', '.join(f'rpt.{name}' for (name,) in tables)} RESTART IDENTITY CASCADE".encode()
        )

    def close(self) -> None:
        self._owner.close()
