"""What is the cause and what the consequence, and what a failed task says of it."""

from __future__ import annotations

import pytest

from clearsight.doctor.finding import report
from connectors.debezium.register import cause_of
from tests.unit.doctor.test_recorded import of_connect, of_source

pytestmark = pytest.mark.unit

GONE = """org.apache.kafka.connect.errors.ConnectException: wrapped
\tat io.debezium.Somewhere(Somewhere.java:1)
Caused by: io.debezium.DebeziumException: The connector is trying to read change stream starting at PostgresOffsetContext \
[sourceInfoSchema=Schema{io.debezium.connector.postgresql.Source:STRUCT}, sourceInfo=source_info[server='clearsight'\
db='source', lsn=LSN{0/232B670}], transactionContext=TransactionContext [currentTransactionId=866], \
incrementalSnapshotContext=IncrementalSnapshotContext [windowOpened=false, dataCollectionsToSnapshot=[]]], but this is no \
longer available on the server. Reconfigure the connector to use a snapshot mode when needed.
\tat io.debezium.Elsewhere(Elsewhere.java:2)
\t... 8 more
"""


def codes(reason: str) -> tuple[list[str], list[tuple[str, str]]]:
    failed = of_connect(states=("RUNNING", "FAILED"), reason=reason)
    found = report([of_source(slot=None), failed])
    return [each.code for each in found.findings], [(each.follows, each.finding.code) for each in found.consequences]


def test_a_task_without_its_slot_fails_because_of_it() -> None:
    assert codes(cause_of(GONE)) == (["source.slot-missing"], [("source.slot-missing", "connect.failed")])


def test_a_task_that_failed_before_it_made_a_slot_says_why() -> None:
    assert "connect.failed" in codes("FATAL: no such host")[0]


def test_a_reason_is_the_sentence_of_the_innermost_cause() -> None:
    assert cause_of(GONE) == (
        "The connector is trying to read change stream starting at PostgresOffsetContext […], but this is no longer "
        "available on the server. Reconfigure the connector to use a snapshot mode when needed."
    )


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        ("", "no reason given"),
        ("java.lang.NullPointerException\n\tat a.B(C.java:1)", "java.lang.NullPointerException"),
        ('a.b.PSQLException: ERROR: no "x"\n  Hint: make it\n\tat a.B(C.java:1)', 'ERROR: no "x" Hint: make it'),
        ("a.b.C: topic [one] is gone", "topic [one] is gone"),
        ("a.b.C: open [ " + "x" * 50, "open [ " + "x" * 50),
    ],
)
def test_other_reasons(trace: str, reason: str) -> None:
    assert cause_of(trace) == reason
