"""More facts of one correlation id, transaction or run than one transaction amends: in turns, each once, none forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kit.arrival import batches, transaction
from kit.debezium import T0_US, log_line
from kit.story import INPUTS, RUNS, an_input, run

from stream_processors import left_over

pytestmark = pytest.mark.integration

AT_ONCE = 3
MANY = 10
TURNS = MANY // AT_ONCE + 1

LINES = [log_line(n, T0_US + n, "x", correlation_id="c") for n in range(MANY)]
LINES_OF_A_RUN = [log_line(n, T0_US + n, "x", run_id="r1") for n in range(MANY)]


@pytest.fixture(autouse=True)
def few_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(left_over, "AT_ONCE", AT_ONCE)
        yield


def edits(correlation_id: str | None = None, second: str | None = None) -> Any:
    """One transaction with many changes, and with its context, or both, where there is one."""
    made = transaction(1, correlation_id)
    if second:
        made.context(second, "u2")
    for number in range(MANY):
        made.insert(INPUTS, an_input(f"i{number}", "s1", "5"))
    return made.records


def links(reporting: Any, fact: str) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = reporting.rows(
        f"SELECT link, revision, count(*) FROM rpt.{fact} GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return found


def settle(reporting: Any, turns: int) -> None:
    for _ in range(turns):
        reporting.settle(900.0)


def test_lines_of_a_correlation_id(reporting: Any) -> None:
    land = reporting.worker()
    lines, touch = batches(LINES, transaction(1, "c").insert(RUNS, run("r1", "s1")).records)
    land(lines)
    land(touch)
    assert links(reporting, "fact_cloudwatch_log") == [("correlated", 2, AT_ONCE), ("pending", 1, MANY - AT_ONCE)]
    settle(reporting, TURNS)
    assert links(reporting, "fact_cloudwatch_log") == [("correlated", 2, MANY)]
    assert reporting.rows("SELECT log_lines FROM rpt.fact_run_diagnostic") == [(MANY,)]
    assert reporting.rows("SELECT count(DISTINCT event_id) FROM rpt.audit_outbox WHERE kind = 'log'") == [(MANY,)]
    assert reporting.rows("SELECT FROM rpt.amendment_left") == []


def test_a_line_that_waits_for_its_turn_is_never_unlinked(reporting: Any) -> None:
    land = reporting.worker()
    for batch in batches(LINES, transaction(1, "c").insert(RUNS, run("r1", "s1")).records):
        land(batch)
    reporting.settle_all()
    assert links(reporting, "fact_cloudwatch_log") == [("correlated", 2, MANY)]


def test_changes_of_a_transaction_whose_context_comes_last(reporting: Any) -> None:
    land = reporting.worker()
    context, *changes = edits("c")
    for batch in batches(changes, [context]):
        land(batch)
    assert links(reporting, "fact_row_change") == [("correlated", 2, AT_ONCE), ("pending", 1, MANY - AT_ONCE)]
    settle(reporting, TURNS)
    assert links(reporting, "fact_row_change") == [("correlated", 2, MANY)]
    assert links(reporting, "fact_user_action") == [("correlated", 2, MANY)]
    assert reporting.rows("SELECT FROM rpt.amendment_left") == []


def test_changes_that_the_first_context_takes_over_from_the_second(reporting: Any) -> None:
    land = reporting.worker()
    first, *rest = edits("c", "second")
    for batch in batches(rest, [first]):
        land(batch)
    ids = "SELECT correlation_id, revision, count(*) FROM rpt.fact_row_change GROUP BY 1, 2 ORDER BY 1"
    assert reporting.rows(ids) == [("c", 2, AT_ONCE), ("second", 1, MANY - AT_ONCE)]
    settle(reporting, TURNS)
    assert reporting.rows(ids) == [("c", 2, MANY)]
    assert links(reporting, "fact_user_action") == [("correlated", 2, MANY)]
    assert reporting.rows("SELECT FROM rpt.amendment_left") == []


def test_changes_out_of_band(reporting: Any) -> None:
    land = reporting.worker()
    for batch in batches(edits()):
        land(batch)
    reporting.settle()
    assert links(reporting, "fact_row_change") == [("pending", 1, MANY)]
    assert links(reporting, "fact_user_action") == [("pending", 1, MANY - AT_ONCE), ("unlinked", 2, AT_ONCE)]
    reporting.settle_all()
    assert links(reporting, "fact_row_change") == [("unlinked", 2, MANY)]
    assert links(reporting, "fact_user_action") == [("unlinked", 2, MANY)]
    assert reporting.rows("SELECT count(*) FROM rpt.audit_outbox WHERE kind = 'change'") == [(MANY,)]


def test_lines_of_nobody(reporting: Any) -> None:
    land = reporting.worker()
    for batch in batches(LINES):
        land(batch)
    reporting.settle()
    assert links(reporting, "fact_cloudwatch_log") == [("pending", 1, MANY - AT_ONCE), ("unlinked", 2, AT_ONCE)]
    reporting.settle_all()
    assert links(reporting, "fact_cloudwatch_log") == [("unlinked", 2, MANY)]


def test_lines_of_a_run_that_tells_its_scenario_last(reporting: Any) -> None:
    land = reporting.worker()
    for batch in batches(LINES_OF_A_RUN, transaction(1, "c").insert(RUNS, run("r1", "s1")).records):
        land(batch)
    placed = "SELECT count(*) FROM rpt.fact_cloudwatch_log WHERE scenario_key IS NOT NULL"
    assert reporting.rows(placed) == [(AT_ONCE,)]
    settle(reporting, TURNS)
    assert reporting.rows(placed) == [(MANY,)]
    assert reporting.rows("SELECT FROM rpt.amendment_left") == []
