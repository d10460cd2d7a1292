"""What is the cause and what the consequence, and what a failed task says of it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime

import msgspec
import pytest

from clearsight.doctor import connect, kafka
from clearsight.doctor import source_kinds as kinds
from clearsight.doctor.finding import Away, Examination, Kind, report
from clearsight.doctor.source_facts import Rights
from clearsight.java_trace import cause_of
from clearsight.restarts import Watch
from clearsight.settings import ConnectSettings
from clearsight.tables import TableName
from connectors.debezium.connect_facts import observe_connect
from tests.unit.doctor.test_recorded import SOURCE, of_connect, of_source
from tests.unit.doctor.test_rules import kafka_wanted

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
    return beside_a_missing_slot(of_connect(states=("RUNNING", "FAILED"), reason=reason))


def beside_a_missing_slot(of_the_connector: Examination) -> tuple[list[str], list[tuple[str, str]]]:
    found = report([of_source(slot=None), of_the_connector])
    return [each.code for each in found.findings], [(each.follows, each.finding.code) for each in found.consequences]


def test_a_task_without_its_slot_fails_because_of_it() -> None:
    assert codes(cause_of(GONE)) == (["source.slot-missing"], [("source.slot-missing", "connect.failed")])


@pytest.mark.parametrize("state", ["RESTARTING", "UNASSIGNED"])
def test_a_task_that_a_worker_restarts_just_now_failed_for_the_reason_that_is_remembered(state: str) -> None:
    watch = Watch("failing", datetime(2026, 1, 2, tzinfo=UTC), 1, datetime(2026, 1, 2, tzinfo=UTC), cause_of(GONE))
    restarted = of_connect(states=("RUNNING", state), watch=watch)
    assert "longer available on the server" in restarted.kinds[0][1].what
    assert beside_a_missing_slot(restarted) == (
        ["source.slot-missing"],
        [("source.slot-missing", "connect.failed")],
    )


def test_a_task_that_waits_for_its_place_has_not_failed_for_what_was_long_ago() -> None:
    ran = Watch("running", datetime(2026, 1, 2, tzinfo=UTC), 1, datetime(2026, 1, 2, tzinfo=UTC), "long ago")
    ((_, finding),) = of_connect(states=("RUNNING", "UNASSIGNED"), watch=ran).kinds
    assert finding.code == "connect.no-task"


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


def test_a_connect_of_an_unknown_name_is_not_kafkas_fault() -> None:
    assert _beside_kafka_that_is_away("http://nowhere.invalid:8083") == ["kafka.unreachable", "connect.unreachable"]


def test_a_connect_that_refuses_may_wait_for_kafka() -> None:
    assert _beside_kafka_that_is_away("http://127.0.0.1:1") == ["kafka.unreachable"]


def _beside_kafka_that_is_away(url: str) -> list[str]:
    wanted = connect.Wanted(url=url, connector="c", plugin="p", plugin_version="1", config=None)
    broker = kafka.judge(Away("k:9092", "refused"), kafka_wanted())
    found = report([broker, connect.judge(observe_connect(ConnectSettings(url=url)), wanted)])
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize(
    "kind", [kinds.PUBLICATION, kinds.PUBLICATION_MISSING, kinds.PUBLICATION_OPERATIONS, kinds.PUBLICATION_FILTER]
)
def test_what_a_publication_left_out_is_gone_until_a_new_snapshot(kind: Kind) -> None:
    assert "was not captured" in kind.mend
    assert "curl -X DELETE '{connector}/offsets'" in kind.mend


def test_a_schema_that_the_role_may_not_use_is_one_finding() -> None:
    closed = Rights(unreadable=(), writable=(), rows_hidden=False, enters=False)
    found = report([of_source(rights=dict.fromkeys(SOURCE.rights, closed))])
    assert [(each.code, each.mend) for each in found.findings] == [
        ("source.role-schema", 'GRANT USAGE ON SCHEMA "forecast" TO "clearsight_cdc"')
    ]


def test_a_renamed_table_is_one_finding() -> None:
    """The publication goes on with the new name, and must not lose it."""
    old, *others = SOURCE.catalogue.tables
    renamed = msgspec.structs.replace(old, name=TableName(old.name.schema, "renamed"))
    catalogue = msgspec.structs.replace(SOURCE.catalogue, tables=(renamed, *others))
    names = (str(table.name) for table in catalogue.tables)
    publication = msgspec.structs.replace(SOURCE.publication, tables=dict.fromkeys(names, ()))
    rights = {name: each for name, each in SOURCE.rights.items() if name != str(old.name)}
    found = report([of_source(catalogue=catalogue, publication=publication, rights=rights)])
    assert [each.code for each in found.findings] == ["source.table-missing"]
    assert [each.finding.code for each in found.consequences] == ["source.publication-extra"]


def key_mend(**changes: object) -> str:
    first, *others = SOURCE.catalogue.tables
    tables = (msgspec.structs.replace(first, **changes), *others)
    found = report([of_source(catalogue=msgspec.structs.replace(SOURCE.catalogue, tables=tables))])
    return next(each.mend for each in found.findings if each.code == "source.key")


def test_a_lost_primary_key_is_made_again_rather_than_another_key_named() -> None:
    mend = key_mend(primary=(), unique=(("status",),))
    statement, _, other = mend.partition("; or set ")
    assert statement == 'ALTER TABLE "forecast"."scenarios" ADD PRIMARY KEY ("scenario_id")'
    toml, _, where = other.partition(" in ")
    assert tomllib.loads(toml) == {"key": ["status"]}
    assert where == "[source.scenario] of the mapping file (its events get other ids than those that have landed)"


def test_another_primary_key_is_named_as_it_is() -> None:
    assert key_mend(primary=("status",)).startswith('set key = ["status"] in [source.scenario]')


def test_without_any_key_one_must_be_made() -> None:
    assert key_mend(primary=()) == 'ALTER TABLE "forecast"."scenarios" ADD PRIMARY KEY ("scenario_id")'
