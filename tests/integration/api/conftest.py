"""A migrated reporting database of our own, and a builder of the rows that the worker lands."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from kit.server import Server
from kit.server import server as start_server
from psycopg.types.json import Jsonb
from pydantic import SecretStr

from api.main import create_api
from clearsight.asking import EVERYTHING
from clearsight.identity import event_id
from clearsight.settings import ApiSettings, ReportSettings, Settings
from sql.migrate import migrate

GROUPS = ("/clearsight/forecast-api", "/clearsight/forecast-engine")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """With the product's roles and a migrated database "clearsight"."""
    with start_server() as made:
        with psycopg.connect(made.dsn("postgres"), autocommit=True) as connection:
            for statement in Path("sql/roles.sql").read_text().split(";"):
                if "CREATE" in statement:
                    connection.execute(statement)
        migrate(made.dsn("clearsight_owner", "clearsight"))
        yield made


@pytest.fixture(scope="session")
def settings(server: Server) -> Settings:
    return Settings(
        report=ReportSettings(api_dsn=SecretStr(server.dsn("clearsight_api", "clearsight"))),
        api=ApiSettings(pool_size=4, pool_wait_s=30, statement_timeout_s=60),
    )


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    api = create_api(settings)
    transport = httpx.ASGITransport(app=api)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as made:
        yield made
    await api.state.service.engine.dispose()


@dataclass
class Input:
    row_key: str
    node: str
    name: str
    value: Any
    event_id: str = ""
    correlation_id: str | None = None


@dataclass
class Story:
    """One scenario's facts, landed one after the other: a transaction a call, a second apart."""

    connection: psycopg.Connection[Any]
    scenario_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30))
    inputs: dict[str, Input] = field(default_factory=dict)
    healthy: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scenario_key = self._key("dim_scenario", "scenario_id", self.scenario_id, name="Winter plan")

    def within_a_day(self) -> None:
        """Begin early enough that no midnight comes between what is told."""
        self.now = min(self.now, self.now.replace(hour=23, minute=50, second=0))

    def user(self, user_id: str, name: str) -> int:
        return self._key("dim_user", "user_id", user_id, name=name)

    def input(self, node: str, name: str, value: Any, *, by: str | None = "ana") -> str:
        """Add an input, or change it; who is None: out of band. Returns the cause's change_key."""
        known = next((each for each in self.inputs.values() if (each.node, each.name) == (node, name)), None)
        after = Input(known.row_key if known else str(uuid.uuid4()), node, name, value)
        tx_id, correlation_id = self._transaction(by)
        before_row = self._row(known) if known else None
        after.correlation_id = correlation_id
        after.event_id = self._change(
            "input",
            "inputs",
            after.row_key,
            before_row,
            self._row(after),
            action="input.changed" if known else "input.added",
            by=by,
            node=node,
            label=f"{node}.{name}: {known.value if known else None} → {value}",
            tx_id=tx_id,
            correlation_id=correlation_id,
        )
        self.inputs[after.row_key] = after
        return f"forecast.inputs/{after.row_key}/{tx_id}"

    def state(self, to_state: str, *, by: str) -> None:
        """A transition by a column of the scenario's row."""
        tx_id, correlation_id = self._transaction(by)
        last = self.connection.execute(
            "SELECT to_state, occurred_at FROM rpt.fact_scenario_state_change WHERE scenario_key = %s"
            " ORDER BY occurred_at DESC LIMIT 1",
            (self.scenario_key,),
        ).fetchone()
        self.connection.execute(
            """INSERT INTO rpt.fact_scenario_state_change (event_id, occurred_at, scenario_key, from_state, to_state, how_known,
               ms_in_state_before, user_key, tx_id, correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order)
               VALUES (%s, %s, %s, %s, %s, 'column', %s, %s, %s, %s, %s, 'correlated', 1, %s, %s, 1)""",
            (self._event_id(), self.now, self.scenario_key, last[0] if last else None, to_state,
             int((self.now - last[1]).total_seconds() * 1000) if last else None, self.user(by, by.title()), tx_id,
             correlation_id, self._correlation(correlation_id), self._lsn(), self._lsn()),
        )  # fmt: skip

    def start_run(self, *, by: str = "ana") -> Run:
        run_id = str(uuid.uuid4())
        run_key = self._key("dim_run", "run_id", run_id, scenario_key=self.scenario_key)
        tx_id, correlation_id = self._transaction(by)
        after = {"run_id": run_id, "scenario_id": self.scenario_id, "status": "running"}
        self._change(
            "run", "runs", run_id, None, after,
            action="run.started", by=by, run_key=run_key, label=f"run {run_id}", tx_id=tx_id, correlation_id=correlation_id,
        )  # fmt: skip
        pinned = {
            each.row_key: {
                "node": each.node,
                "name": each.name,
                "value": each.value,
                "event_id": each.event_id,
                "correlation_id": each.correlation_id,
            }
            for each in self.inputs.values()
        }
        self.connection.execute(
            """INSERT INTO rpt.fact_run_diagnostic (run_key, scenario_key, user_key, status, outcome, started_at, inputs_at_start,
               last_good_run_key, correlation_id, start_epoch, start_commit_lsn, start_lsn, start_total_order)
               VALUES (%s, %s, %s, 'running', 'running', %s, %s, %s, %s, 1, %s, %s, 1)""",
            (run_key, self.scenario_key, self.user(by, by.title()), self.now, Jsonb(pinned),
             self.healthy[-1] if self.healthy else None, correlation_id, self._lsn(), self._lsn()),
        )  # fmt: skip
        return Run(self, run_id, run_key, correlation_id or "", self.now)

    def log(
        self,
        message: str,
        *,
        level: str = "INFO",
        node: str | None = None,
        run_key: int | None = None,
        correlation_id: str | None = None,
        link: str = "direct",
        error_type: str | None = None,
        error_message: str | None = None,
        stack: str | None = None,
    ) -> None:
        self.now += timedelta(milliseconds=20)
        self.connection.execute(
            """INSERT INTO rpt.fact_cloudwatch_log (event_id, occurred_at, cloudwatch_id, log_group, log_stream, level, message,
               error_type, error_message, stack, node, service, scenario_key, run_key, correlation_id, correlation_key, link,
               correlation_source, topic, kafka_partition, kafka_offset)
               VALUES (%s, %s, '0', %s, 's', %s, %s, %s, %s, %s, %s, 'engine', %s, %s, %s, %s, %s, %s, 't', 0, 0)""",
            (self._event_id(), self.now, GROUPS[1], level, message, error_type, error_message, stack, node,
             None if link in ("pending", "unlinked") else self.scenario_key, run_key, correlation_id,
             self._correlation(correlation_id), link,
             "field" if correlation_id else "none"),
        )  # fmt: skip

    def transaction(self, *, by: str | None) -> tuple[int, str | None]:
        """A committed transaction of somebody else, without changes that are told."""
        return self._transaction(by)

    def covered(self, through: datetime | None = None, next_offset: int = 10, reached: int = 10) -> None:
        """Watermarks of the source and both log groups, at offset `next_offset`, of which `reached` have landed."""
        through = through or datetime.now(UTC)
        self.connection.execute(
            """INSERT INTO rpt.consumer_position (topic, kafka_partition, next_offset, owner_epoch, cluster_id, topic_id)
               VALUES ('t', 0, %s, 1, 'c', 'i')
               ON CONFLICT (topic, kafka_partition) DO UPDATE SET next_offset = excluded.next_offset""",
            (reached,),
        )
        for kind, name in (("changes", "forecast"), *(("logs", group) for group in GROUPS)):
            self.connection.execute(
                "INSERT INTO rpt.watermark (kind, name, through_at, position, offsets) VALUES (%s, %s, %s, %s, %s)",
                (kind, name, through, self._lsn() if kind == "changes" else None, Jsonb({"t/0": next_offset})),
            )

    def _key(self, table: str, column: str, value: str, **more: Any) -> int:
        names = ", ".join([column, *more, "first_seen_at"])
        places = ", ".join(["%s"] * (len(more) + 2))
        row = self.connection.execute(
            f"INSERT INTO rpt.{table} ({names}) VALUES ({places}) "
            f"ON CONFLICT ({column}) DO UPDATE SET {column} = excluded.{column} RETURNING {table[4:]}_key",
            (value, *more.values(), self.now),
        ).fetchone()
        assert row
        return int(row[0])

    def _event_id(self) -> str:
        """As the product makes them: the event's time in front."""
        return str(event_id(int(self.now.timestamp() * 1000), uuid.uuid4()))

    def _lsn(self) -> int:
        return int(self.now.timestamp() * 1000)

    def _row(self, item: Input) -> dict[str, Any]:
        kind = "value_text"
        if isinstance(item.value, (dict, list)):
            kind = "value_json"
        elif _numeric(item.value):
            kind = "value_number"
        values = {"value_number": None, "value_text": None, "value_json": None}
        values[kind] = json.dumps(item.value) if kind == "value_json" else item.value
        return {
            "input_id": item.row_key, "scenario_id": self.scenario_id, "node": item.node, "name": item.name, **values
        }  # fmt: skip

    def _transaction(self, by: str | None) -> tuple[int, str | None]:
        self.now += timedelta(seconds=1)
        row = self.connection.execute("SELECT coalesce(max(tx_id), 700) + 1 FROM rpt.transaction_context").fetchone()
        assert row
        correlation_id = str(uuid.uuid4()) if by else None
        if by:
            self.user(by, by.title())
        self._correlation(correlation_id)
        self.connection.execute(
            "INSERT INTO rpt.transaction_context (tx_id, committed_at, commit_lsn, correlation_id, user_id) VALUES (%s, %s, %s, %s, %s)",
            (row[0], self.now, self._lsn(), correlation_id, by),
        )
        return int(row[0]), correlation_id

    def _correlation(self, correlation_id: str | None) -> int | None:
        """Its key; it touches the scenario."""
        if correlation_id is None:
            return None
        row = self.connection.execute(
            """INSERT INTO rpt.correlation AS c (correlation_id, first_seen_at) VALUES (%s, %s)
               ON CONFLICT (correlation_id) DO UPDATE SET first_seen_at = c.first_seen_at RETURNING correlation_key""",
            (correlation_id, self.now),
        ).fetchone()
        assert row
        self.connection.execute(
            "INSERT INTO rpt.correlation_touch (correlation_key, kind, key) VALUES (%s, 'scenario', %s) ON CONFLICT DO NOTHING",
            (row[0], self.scenario_key),
        )
        return int(row[0])

    def _change(
        self,
        part: str,
        table: str,
        row_key: str,
        before: dict[str, Any] | None,
        after: dict[str, Any] | None,
        *,
        action: str | None,
        by: str | None,
        label: str,
        tx_id: int,
        correlation_id: str | None,
        node: str | None = None,
        run_key: int | None = None,
    ) -> str:
        event_id, action_id = self._event_id(), self._event_id()
        user_key = self.user(by, by.title()) if by else None
        changed = [name for name in (after or {}) if before and before.get(name) != (after or {}).get(name)]
        link = "correlated" if correlation_id else "unlinked"
        self.connection.execute(
            """INSERT INTO rpt.fact_row_change (event_id, occurred_at, op, part, table_schema, table_name, row_key, before, after,
               changed, action, scenario_key, run_key, user_key, node, tx_id, correlation_id, correlation_key, link, epoch,
               commit_lsn, lsn, total_order, topic, kafka_partition, kafka_offset)
               VALUES (%s, %s, %s, %s, 'forecast', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s, 1, 't', 0, 0)""",
            (event_id, self.now, "u" if before else "c", part, table, row_key, Jsonb(before) if before else None,
             Jsonb(after), changed, action, self.scenario_key, run_key, user_key, node, tx_id, correlation_id,
             self._correlation(correlation_id), link, self._lsn(), self._lsn()),
        )  # fmt: skip
        if action:
            self.connection.execute(
                """INSERT INTO rpt.fact_user_action (event_id, occurred_at, action, change_event_id, user_key, scenario_key, run_key,
                   node, details, tx_id, correlation_id, correlation_key, link, epoch, commit_lsn, lsn, total_order)
                   VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s, 1)""",
                (action_id, self.now, action, event_id, user_key, self.scenario_key, run_key, node, Jsonb({"label": label}),
                 tx_id, correlation_id, self._correlation(correlation_id), link, self._lsn(), self._lsn()),
            )  # fmt: skip
        return event_id


@dataclass
class Run:
    story: Story
    run_id: str
    run_key: int
    correlation_id: str
    started_at: datetime

    def compute(self, *nodes: str) -> Run:
        for node in nodes:
            self.log(f"computing node {node}", node=node)
        return self

    def log(self, message: str, **more: Any) -> None:
        self.story.log(message, run_key=self.run_key, correlation_id=self.correlation_id, **more)

    def succeed(self) -> Run:
        self._finish("succeeded", None, None, None, None)
        self.story.healthy.append(self.run_key)
        return self

    def fail(self, node: str | None, category: str, error_type: str, message: str, stack: str = "") -> Run:
        self.log(
            f"node {node} failed",
            level="ERROR", node=node, error_type=error_type, error_message=message.splitlines()[0], stack=stack or message,
        )  # fmt: skip
        self._finish("failed", category, error_type, f"{error_type}: {message.splitlines()[0]}", node)
        return self

    def _finish(
        self, outcome: str, category: str | None, error_type: str | None, message: str | None, node: str | None
    ) -> None:
        story = self.story
        story.now += timedelta(seconds=1)
        tx_id, _ = story.transaction(by="service")
        story._change(
            "run", "runs", self.run_id, {"status": "running"}, {"status": outcome},
            action=None, by=None, label="", tx_id=tx_id, correlation_id=self.correlation_id, run_key=self.run_key,
        )  # fmt: skip
        story.connection.execute(
            """UPDATE rpt.fact_run_diagnostic SET status = %s, outcome = %s, finished_at = %s, category = %s, error_type = %s,
               error_message = %s, failing_node = %s, duration_ms = %s WHERE run_key = %s""",
            (outcome, outcome, story.now, category, error_type, message, node,
             int((story.now - self.started_at).total_seconds() * 1000), self.run_key),
        )  # fmt: skip


@pytest.fixture
def story(server: Server) -> Iterator[Story]:
    with psycopg.connect(server.dsn("clearsight_owner", "clearsight"), autocommit=True) as connection:
        for table in ("gap", "dead_letter", "watermark", "consumer_position"):
            connection.execute(f"DELETE FROM rpt.{table}")
        connection.execute("SELECT rpt.ensure_month(now()), rpt.ensure_month(now() - interval '8 hours')")
        made = Story(connection)
        made.covered()
        yield made


@pytest.fixture
def reader(server: Server) -> Iterator[psycopg.Connection[Any]]:
    """As the API's role, for an admin: views of log lines show nothing to who does not say who asks."""
    dsn = server.dsn("clearsight_api", "clearsight")
    with psycopg.connect(dsn, autocommit=True, options=EVERYTHING) as connection:
        yield connection


def _numeric(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
