"""How PostgreSQL answers each question on seeded data: no fact of more than 10,000 rows is read from end to end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from api.callers import Caller
from api.database import question, single_engine
from api.queries import logs as log_lines
from api.queries import out_of_band as unlinked
from api.queries import stream
from api.queries.branch import TrailFilter
from api.queries.comparison import run_comparison
from api.queries.correlation import correlation
from api.queries.coverage import coverage
from api.queries.inputs import InputFilter, input_changes
from api.queries.journey import JourneyFilter, journey
from api.queries.reliability import ErrorFilter, scenario_errors, top_errors
from api.queries.run import diagnostics
from api.queries.runs import RunFilter, runs
from api.queries.scenarios import ScenarioFilter, scenarios
from api.queries.state import Moment, scenario_state
from api.queries.states import state_changes
from api.queries.trail import trail
from api.queries.why import why
from clearsight.errors import NotFound
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.settings import ReportSettings, Settings

pytestmark = pytest.mark.integration

MOST_ROWS = 10_000
HOT = "scenario-1"
MAPPING = load_mapping(DEFAULT_MAPPING)
NOW = datetime.now(UTC)
DAY = NOW - timedelta(days=1)
SINCE = {("changes", 0): 89_000, ("logs", 0): 89_000}

ID_OF = """
CREATE FUNCTION pg_temp.uuid_of(at timestamptz, n bigint) RETURNS uuid LANGUAGE sql AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM at) * 1000)::bigint), 12, '0') || '8000a000' || lpad(to_hex(n), 12, '0'))::uuid
$$
"""

Ask = Callable[[AsyncConnection], Awaitable[Any]]

QUESTIONS: dict[str, Ask] = {
    "audit-trail": lambda c: trail(c, HOT, TrailFilter(), 100),
    "audit-trail, a later page": lambda c: trail(c, HOT, TrailFilter(), 100, (DAY, 1, 88_000, 88_000, 1, str(_id()))),
    "audit-trail, filtered": lambda c: trail(
        c,
        HOT,
        TrailFilter(since=DAY, levels=("ERROR",), users=("user-3",), correlation_id="correlation-9", q="line"),
        100,
    ),
    "audit-trail of a small scenario": lambda c: trail(c, "scenario-61", TrailFilter(), 100),
    "state-changes": lambda c: state_changes(c, HOT, TrailFilter(), 100),
    "inputs": lambda c: input_changes(c, HOT, MAPPING, TrailFilter(), InputFilter(nodes=("demand",)), 100),
    "state": lambda c: scenario_state(c, HOT, MAPPING, Moment(at=DAY)),
    "state at a position": lambda c: scenario_state(c, HOT, MAPPING, Moment(position="0/FFFF")),
    "run-comparison": lambda c: run_comparison(c, HOT, MAPPING, None, None),
    "error-summary": lambda c: scenario_errors(c, HOT, ErrorFilter(), 10),
    "diagnostics": lambda c: diagnostics(c, "run-600", MAPPING),
    "why": lambda c: why(c, "run-600", MAPPING, (), ""),
    "journey": lambda c: journey(c, "user-3", JourneyFilter(since=DAY), timedelta(minutes=30), 100),
    "journey without a range": lambda c: journey(c, "user-3", JourneyFilter(), timedelta(minutes=30), 100),
    "correlation": lambda c: correlation(c, "correlation-500"),
    "top-categories of a day": lambda c: top_errors(c, ErrorFilter(since=DAY), 10),
    "out-of-band": lambda c: unlinked.out_of_band(c, unlinked.OutOfBandFilter(), 100),
    "out-of-band of a scenario": lambda c: unlinked.out_of_band(c, unlinked.OutOfBandFilter(scenario=HOT), 100),
    "runs": lambda c: runs(c, RunFilter(), 100),
    "runs that failed": lambda c: runs(c, RunFilter(since=DAY, outcomes=("failed",)), 100),
    "scenarios": lambda c: scenarios(c, ScenarioFilter(), 100),
    "logs of a run": lambda c: log_lines.logs(c, log_lines.LogFilter(run="run-600"), 100),
    "logs of a correlation": lambda c: log_lines.logs(c, log_lines.LogFilter(correlation_id="correlation-500"), 100),
    "logs of a scenario": lambda c: log_lines.logs(c, log_lines.LogFilter(scenario=HOT), 100),
    "errors": lambda c: log_lines.logs(c, log_lines.LogFilter(levels=("ERROR", "FATAL")), 100),
    "coverage": lambda c: coverage(c, ()),
    "stream": lambda c: _streamed(c),
}
"""What is asked, as the endpoints ask it."""


def _id() -> str:
    return "01a00000-0000-8000-a000-000000000000"


async def _streamed(connection: AsyncConnection) -> None:
    within = await stream.window(connection, stream.Window(SINCE, SINCE))
    assert within.amended[1] > 0
    found = await stream.arrived(connection, within, TrailFilter(), None, None, 100)
    assert found.events


@pytest.fixture(scope="module")
def seeded(new_report_database: Callable[[], Any]) -> Any:
    database = new_report_database()
    with psycopg.connect(database.owner_dsn, autocommit=True) as connection:
        connection.execute(ID_OF.encode())
        text = (Path(__file__).parent / "seeded.sql").read_text("utf-8").replace("uuid_of(", "pg_temp.uuid_of(")
        connection.execute(text.encode())
        connection.execute("VACUUM (ANALYZE)")
    return database


def statements(dsn: str, ask: Ask, caller: Caller) -> list[tuple[str, Any]]:
    """Each statement that the question sends, with its parameters."""
    engine = single_engine(Settings(report=ReportSettings(api_dsn=SecretStr(dsn))))
    sent: list[tuple[str, Any]] = []

    async def asked() -> None:
        event.listen(
            engine.sync_engine,
            "before_cursor_execute",
            lambda _connection, _cursor, statement, parameters, *_: sent.append((statement, parameters)),
        )
        async with question(engine, caller) as connection:
            with suppress(NotFound) if caller.role == "viewer" else nullcontext():
                await ask(connection)

    asyncio.run(asked())
    return [each for each in sent if each[0].lstrip().startswith(("SELECT", "WITH"))]


def scanned(plan: Any) -> Iterator[str]:
    """Relations that are read from end to end."""
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for each in plan.get("Plans", ()):
        yield from scanned(each)


@pytest.mark.parametrize("caller", [Caller("admin"), Caller("viewer", "user-2")], ids=["admin", "viewer"])
@pytest.mark.parametrize("name", QUESTIONS)
def test_no_large_fact_is_read_from_end_to_end(seeded: Any, name: str, caller: Caller) -> None:
    sent = statements(seeded.api_dsn, QUESTIONS[name], caller)
    assert sent
    with psycopg.connect(seeded.api_dsn) as connection:
        large = {
            row[0]
            for row in connection.execute(
                "SELECT relname FROM pg_class WHERE relname LIKE 'fact\\_%%' AND reltuples > %s", (MOST_ROWS,)
            )
        }
        assert len(large) >= 5
        connection.execute("SELECT rpt.ask_as(%s, %s)", (caller.role, caller.user_id))
        for statement, parameters in sent:
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), parameters).fetchone()
            assert row is not None
            found = set(scanned(row[0][0]["Plan"])) & large
            assert not found, f"{found} read from end to end by\n{statement}\n{json.dumps(row[0], indent=1)[:3000]}"
