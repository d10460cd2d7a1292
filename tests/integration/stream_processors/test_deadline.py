"""What waits for its other half is closed 15 minutes after it landed, by whichever worker is there then."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from kit.debezium import NAMES, T0_US, Transaction, log_line, partitioned
from kit.story import SCENARIOS, Record, scenario
from pydantic import SecretStr

from clearsight.settings import ReportSettings, Settings
from stream_processors.worker import Worker

pytestmark = pytest.mark.integration

LINKS = """
SELECT 'change', link, revision FROM rpt.fact_row_change UNION ALL SELECT 'log', link, revision FROM rpt.fact_cloudwatch_log
UNION ALL SELECT 'state_change', link, revision FROM rpt.fact_scenario_state_change ORDER BY 1
"""
FACTS = ("fact_row_change", "fact_cloudwatch_log", "fact_scenario_state_change")
QUEUED = "SELECT kind, event_id::text FROM rpt.audit_outbox ORDER BY 1"
LANDED = """
SELECT 'change', event_id::text FROM rpt.fact_row_change UNION ALL SELECT 'log', event_id::text FROM rpt.fact_cloudwatch_log
UNION ALL SELECT 'state_change', event_id::text FROM rpt.fact_scenario_state_change ORDER BY 1
"""


def all_of(link: str, revision: int) -> list[tuple[str, str, int]]:
    return [(kind, link, revision) for kind in ("change", "log", "state_change")]


class _Silent:
    """A publisher that leaves everything in the outbox."""

    def outbox(self, _connection: Any) -> int:
        return 0


def tick(reporting: Any) -> None:
    """The first second of a worker that has just been started, with the settings as they are."""
    with closing(Worker(Settings(report=ReportSettings(writer_dsn=SecretStr(reporting.writer_dsn))))) as worker:
        worker._publisher = _Silent()  # type: ignore[assignment]
        worker.tick()


def age(reporting: Any, minutes: int) -> None:
    """Everything has landed so long ago."""
    for fact in FACTS:
        reporting.rows(f"UPDATE rpt.{fact} SET landed_at = now() - make_interval(mins => %s) RETURNING 1", minutes)


def created() -> list[Record]:
    """The context of a transaction, and what it belongs to."""
    return Transaction(701, T0_US, 10_000).context("c", "u1").insert(SCENARIOS, scenario(1)).records


LINE = log_line(1, T0_US + 5, "computing", correlation_id="c")


def test_what_stays_alone_is_closed_after_the_deadline_and_not_before(reporting: Any) -> None:
    _context, row = created()
    reporting.worker()(partitioned([row, LINE]))
    for minutes in (0, 14):
        age(reporting, minutes)
        tick(reporting)
        assert reporting.rows(LINKS) == all_of("pending", 1), minutes
    assert reporting.rows(QUEUED) == []
    age(reporting, 16)
    tick(reporting)
    assert reporting.rows(LINKS) == all_of("unlinked", 2)
    assert reporting.rows(QUEUED) == reporting.rows(LANDED)
    tick(reporting)
    assert reporting.rows(LINKS) == all_of("unlinked", 2)


@pytest.mark.parametrize(("closed_before", "revision"), [(False, 2), (True, 3)])
def test_a_context_that_comes_before_or_after_the_deadline(reporting: Any, closed_before: bool, revision: int) -> None:
    context, *rest = partitioned([*created(), LINE])
    reporting.worker("rows", [NAMES.change(SCENARIOS), NAMES.logs])(rest)
    age(reporting, 16)
    if closed_before:
        tick(reporting)
    reporting.worker("contexts", [NAMES.message])([context])
    tick(reporting)
    assert reporting.rows(LINKS) == all_of("correlated", revision)


def test_a_pair_that_was_left_apart_is_joined_by_the_deadline(reporting: Any) -> None:
    """It looks once more before it gives up."""
    reporting.worker()(partitioned([*created(), LINE]))
    for fact in FACTS:
        reporting.rows(f"UPDATE rpt.{fact} SET link = 'pending' RETURNING 1")
    age(reporting, 16)
    tick(reporting)
    assert reporting.rows(LINKS) == all_of("correlated", 2)
