"""Real log lines and database writes, joined by trace id: exact counts, though lines come twice and run backwards."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kit import nezha
from kit.batches import in_batches
from kit.debezium import NAMES
from kit.reporting import Reporting

from clearsight.instants import clamp_us
from clearsight.topics import PARTITIONS
from connectors.cloudwatch.seen import SeenIds

pytestmark = pytest.mark.integration

LEVELS = ("INFO", "WARN", "ERROR")

LINES = """
SELECT l.correlation_id, l.correlation_source, l.link, s.scenario_id, l.level, l.log_stream, l.revision
FROM rpt.fact_cloudwatch_log l LEFT JOIN rpt.dim_scenario s USING (scenario_key)
"""


@pytest.fixture(scope="module")
def day(shared_data: Path) -> nezha.Day:
    folder = shared_data / "nezha"
    if not folder.is_dir():
        pytest.skip(f"the data is not at {folder}")
    return nezha.Day(folder)


@pytest.fixture(scope="module")
def landed(day: nezha.Day, new_report_database: Callable[[], Any]) -> Iterator[Reporting]:
    """Half of the lines, then the writes, then the rest: some lines wait for their change, others find it."""
    database = new_report_database()
    reporting = Reporting(database.owner_dsn, database.writer_dsn, nezha.mapping(), NAMES)
    lines = list(nezha.log_records(nezha.events([*day.lines, *day.faultless])))
    half = len(lines) // 2
    land = reporting.worker(partitions=range(PARTITIONS))
    for batch in in_batches([*lines[:half], *nezha.change_records(day.writes), *lines[half:]]):
        land(batch)
    reporting.settle_all()
    yield reporting
    reporting.close()


@pytest.fixture(scope="module")
def lines(landed: Reporting) -> list[tuple[Any, ...]]:
    return landed.rows(LINES)


def distinct(rows: list[nezha.Row]) -> list[nezha.Row]:
    return list({tuple(row.values()): row for row in rows}.values())


def tables_of(day: nezha.Day) -> dict[str, list[str]]:
    """The tables that each trace wrote to, one entry a row."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in distinct(day.writes):
        found[row["TraceID"]].append(row["OperationName"].split(" ")[1])
    return found


def test_the_data_holds_what_its_description_says(day: nezha.Day) -> None:
    assert (len(day.lines), len(day.writes)) == (94_703, 1_376)
    assert len(day.lines) - len(distinct(day.lines)) == 565
    assert len({row["TraceID"] for row in day.lines}) == 2_475
    assert len({row["TraceID"] for row in day.writes}) == 649
    assert sum(map(len, day.faults.values())) == 17


def test_a_line_that_comes_twice_is_landed_once(lines: list[tuple[Any, ...]], day: nezha.Day) -> None:
    assert len(lines) == 94_703 - 565 + len(day.faultless) == 96_623


def test_the_forwarder_already_knows_a_line_that_comes_twice(day: nezha.Day) -> None:
    seen, dropped = SeenIds(), 0
    for event in nezha.events(day.lines):
        dropped += seen.has(event.id, event.timestamp)
        seen.add(event.id, event.timestamp)
    assert dropped == 565


def test_a_write_that_comes_twice_is_landed_once(landed: Reporting, day: nezha.Day) -> None:
    told = Counter((row["TraceID"], row["OperationName"].split(" ")[1]) for row in distinct(day.writes))
    assert sum(told.values()) == 1_373
    changes = landed.rows("SELECT correlation_id, table_schema || '.' || table_name, link FROM rpt.fact_row_change")
    assert Counter((trace, table) for trace, table, _ in changes) == told
    assert {link for *_, link in changes} == {"correlated"}


def test_every_line_has_the_id_and_level_of_its_text(lines: list[tuple[Any, ...]], day: nezha.Day) -> None:
    told = Counter((row["TraceID"], _level(row), row["PodName"]) for row in distinct([*day.lines, *day.faultless]))
    assert Counter((trace, level, pod) for trace, _, _, _, level, pod, _ in lines) == told
    assert {source for _, source, *_ in lines} == {"trace"}


def test_every_line_is_joined_to_what_its_trace_wrote(lines: list[tuple[Any, ...]], day: nezha.Day) -> None:
    """One order: its timeline. Several: each of theirs. Other tables only: joined, though to no order. Nothing: unlinked."""
    written = tables_of(day)
    order_of = {row["TraceID"]: row["SpanID"] for row in day.writes if row["OperationName"].endswith(" ts.orders")}
    expected: Counter[tuple[str, str | None]] = Counter()
    for row in distinct([*day.lines, *day.faultless]):
        orders = written.get(row["TraceID"], []).count("ts.orders")
        if row["TraceID"] not in written:
            expected["unlinked", None] += 1
        elif orders > 1:
            expected["shared", None] += 1
        else:
            expected["correlated", order_of[row["TraceID"]] if orders else None] += 1
    assert Counter((link, scenario) for _, _, link, scenario, *_ in lines) == expected
    assert sum(count for (link, _), count in expected.items() if link != "unlinked") == _joined(day)


def test_lines_that_ran_ahead_of_their_writes_were_amended_once(lines: list[tuple[Any, ...]]) -> None:
    """Landed as pending, they were given their place, or closed, with one revision more."""
    assert {revision for *_, revision in lines} <= {1, 2}
    assert sum(revision == 2 for _, _, link, *_, revision in lines if link == "correlated") > 1_000


def test_the_writes_are_in_commit_order_though_the_file_runs_backwards(landed: Reporting, day: nezha.Day) -> None:
    times = [int(row["StartTimeUnixNano"]) for row in day.writes]
    assert sum(later < earlier for earlier, later in pairwise(times)) == 527
    ours = landed.rows("SELECT row_key FROM rpt.fact_row_change ORDER BY epoch, commit_lsn, lsn, total_order")
    in_time = sorted(distinct(day.writes), key=lambda row: int(row["StartTimeUnixNano"]))
    assert [span for (span,) in ours] == [row["SpanID"] for row in in_time]


def test_lines_read_backwards_have_their_own_times(landed: Reporting, day: nezha.Day) -> None:
    times = [int(row["TimeUnixNano"]) for row in day.lines]
    assert sum(later < earlier for earlier, later in pairwise(times)) == 81_186
    ours = landed.rows(
        "SELECT correlation_id, array_agg((extract(epoch FROM occurred_at) * 1000)::bigint ORDER BY occurred_at)"
        " FROM rpt.fact_cloudwatch_log GROUP BY 1"
    )
    told: dict[str, list[int]] = defaultdict(list)
    for row in distinct([*day.lines, *day.faultless]):
        told[row["TraceID"]].append(clamp_us(int(row["TimeUnixNano"]) // 1_000_000 * 1_000) // 1_000)
    assert dict(ours) == {trace: sorted(times) for trace, times in told.items()}


def test_a_time_before_the_epoch_is_clamped_and_flagged(landed: Reporting, day: nezha.Day) -> None:
    """The collector wrote a negative number where it knew no nanoseconds."""
    odd = sum(int(row["TimeUnixNano"]) < 0 for row in distinct(day.lines))
    assert landed.rows(
        "SELECT flags, date_trunc('day', occurred_at), count(*) FROM rpt.fact_cloudwatch_log"
        " WHERE flags IS NOT NULL GROUP BY 1, 2"
    ) == [(["odd_time"], datetime(2000, 1, 1, tzinfo=UTC), odd)]
    assert odd == 79


def _joined(day: nezha.Day) -> int:
    """Lines of traces that wrote, by the shortest way."""
    traces = {row["TraceID"] for row in day.writes}
    return sum(row["TraceID"] in traces for row in distinct(day.lines))


def _level(row: nezha.Row) -> str:
    said = json.loads(row["Log"])["log"]
    places = {level: said.find(f" {level} ") for level in LEVELS}
    return min((place, level) for level, place in places.items() if place >= 0)[1]
