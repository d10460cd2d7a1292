"""Two workers land the halves of a pair in transactions that overlap: in whichever order they commit, the pair is joined.

The first has written everything and is held before its commit until the second waits for it, or has come to its own end.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import pytest
from kit.debezium import NAMES, T0_US, Transaction, log_line, partitioned
from kit.gate import Gate
from kit.story import INPUTS, SCENARIOS, Record, an_input, scenario
from kit.waiting import until

from clearsight.mapping import Mapping
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors.records import RawRecord

pytestmark = pytest.mark.integration

LIMIT_S = 60

EITHER_ORDER = pytest.mark.parametrize("swapped", [False, True], ids=["as named", "swapped"])

LINKS = """
SELECT 'change', link, correlation_id, user_id FROM rpt.fact_row_change LEFT JOIN rpt.dim_user USING (user_key)
UNION ALL SELECT 'action', link, correlation_id, user_id FROM rpt.fact_user_action LEFT JOIN rpt.dim_user USING (user_key)
UNION ALL SELECT 'state', link, correlation_id, user_id
          FROM rpt.fact_scenario_state_change LEFT JOIN rpt.dim_user USING (user_key)
ORDER BY 1
"""


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    """Rows of scenarios may name their correlation id."""
    found = load_mapping(DEFAULT_MAPPING)
    return msgspec.structs.replace(
        found, scenario=msgspec.structs.replace(found.scenario, correlation="correlation_id")
    )


class Half(NamedTuple):
    """Of a pair: what one worker lands, of the topics that it owns."""

    topics: list[str]
    batch: list[RawRecord]


def overlap(reporting: Any, first: Half, second: Half) -> None:
    """Raises what either worker raised."""
    gate = Gate(reporting.writer_dsn)
    land_first = reporting.worker("first", first.topics, connect=gate.connect)
    land_second = reporting.worker("second", second.topics)
    with_gate(reporting, gate, lambda: land_first(first.batch), lambda: land_second(second.batch))


def with_gate(reporting: Any, gate: Gate, first: Callable[[], Any], second: Callable[[], Any]) -> None:
    with ThreadPoolExecutor(2) as pool:
        try:
            ahead = pool.submit(first)
            until(lambda: gate.reached or ahead.done(), "the first is before its commit", LIMIT_S, 0.005)
            behind = pool.submit(second)
            until(lambda: behind.done() or reporting.waiting(), "the second waits for the first", LIMIT_S, 0.005)
        finally:
            gate.open()
        ahead.result(LIMIT_S)
        behind.result(LIMIT_S)


def begun() -> Transaction:
    return Transaction(701, T0_US, 10_000).context("c", "u2")


def created(**columns: Any) -> list[Record]:
    """A scenario that is created: the context of its transaction, and its row."""
    return begun().insert(SCENARIOS, scenario(1, **columns)).records


@EITHER_ORDER
@pytest.mark.parametrize(("columns", "link"), [({}, "correlated"), ({"correlation_id": "c"}, "direct")])
def test_a_change_and_the_context_of_its_transaction(
    reporting: Any, columns: dict[str, Any], link: str, swapped: bool
) -> None:
    context, row = partitioned(created(**columns))
    halves = [Half([NAMES.change(SCENARIOS)], [row]), Half([NAMES.message], [context])]
    overlap(reporting, *(reversed(halves) if swapped else halves))
    assert reporting.rows(LINKS) == [(kind, link, "c", "u2") for kind in ("action", "change", "state")]
    amended = [] if swapped else [("change",), ("state_change",)]
    assert reporting.rows("SELECT kind FROM rpt.audit_outbox ORDER BY 1") == amended


@EITHER_ORDER
@pytest.mark.parametrize("seen_before", [False, True], ids=["a new id", "an id that an earlier line has"])
def test_a_line_and_the_first_change_of_its_correlation_id(reporting: Any, seen_before: bool, swapped: bool) -> None:
    """A new row of a correlation makes the second wait also where nobody locks it; one that is there does not."""
    early, line = partitioned([log_line(n, T0_US + n, "computing", correlation_id="c") for n in range(2)])
    if seen_before:
        reporting.worker("before", [NAMES.logs])([early])
    change = Half([NAMES.change(SCENARIOS), NAMES.message], partitioned(created()))
    halves = [Half([NAMES.logs], [line]), change]
    overlap(reporting, *(reversed(halves) if swapped else halves))
    assert {row[:2] for row in reporting.rows(LINKS)} == {
        (kind, "correlated") for kind in ("action", "change", "state")
    }
    assert [row[7:] for row in reporting.facts()["logs"]] == [("correlated", "s1", None)] * (1 + seen_before)


def test_a_context_that_lands_while_the_deadline_closes_its_transaction(reporting: Any) -> None:
    """The deadline has found it overdue, waits for its lock, and looks for its context once more. An input: of a scenario's own
    row the scenario's lock would make it wait, too."""
    context, row = partitioned(begun().insert(INPUTS, an_input("i1", "s1", "5")).records)
    reporting.worker("rows", [NAMES.change(INPUTS)])([row])
    gate = Gate(reporting.writer_dsn)
    land = reporting.worker("contexts", [NAMES.message], connect=gate.connect)
    with_gate(reporting, gate, lambda: land([context]), reporting.settle)
    assert {row[1:] for row in reporting.rows(LINKS)} == {("correlated", "c", "u2")}
    assert reporting.rows("SELECT revision FROM rpt.fact_row_change") == [(2,)]


def test_a_change_that_lands_while_the_deadline_closes_its_line(reporting: Any) -> None:
    (line,) = partitioned([log_line(1, T0_US + 1, "computing", correlation_id="c")])
    reporting.worker("logs", [NAMES.logs])([line])
    gate = Gate(reporting.writer_dsn)
    land = reporting.worker("rows", [NAMES.change(SCENARIOS), NAMES.message], connect=gate.connect)
    with_gate(reporting, gate, lambda: land(partitioned(created())), reporting.settle)
    assert [row[7:] for row in reporting.facts()["logs"]] == [("correlated", "s1", None)]
    assert reporting.rows("SELECT revision FROM rpt.fact_cloudwatch_log") == [(2,)]
