"""Findings that real parts do not give on demand: judged from what an observer would have seen.

Other versions of PostgreSQL and Debezium are not at hand, a task without a place lasts for a blink, and an area that hangs
or breaks is a defect of the doctor's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec
import pytest

from clearsight.cli.examination import run
from clearsight.doctor import catalogue, connect, report, source
from clearsight.doctor.finding import Examination
from clearsight.doctor.source_facts import Publication, Rights, Slot, SourceFacts, Wanted
from clearsight.doctor.source_publication import OPERATIONS
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.proposal.catalogue import Catalogue, Column, Table
from clearsight.proposal.misfits import named_columns
from clearsight.tables import TableName

pytestmark = pytest.mark.unit

MAPPING = load_mapping(DEFAULT_MAPPING)
TABLES = tuple(
    Table(
        name=TableName.parse(table.table),
        columns=tuple(
            Column(name=name, type="t", family="time" if name.endswith("_at") else "text")
            for name in dict.fromkeys(column for _, column in named_columns(table))
        ),
        primary=table.key,
        full_identity=True,
    )
    for _, table in MAPPING.parts()
)
SOURCE = SourceFacts(
    version=18,
    wal_level="logical",
    database="source",
    role="clearsight_cdc",
    replication=True,
    attributes=(),
    may_emit=True,
    emit_function="pg_logical_emit_message(boolean,text,text,boolean)",
    slot_limit=10,
    slots=1,
    sender_limit=10,
    senders=1,
    keep_bytes=4 << 30,
    idle_timeout_s=0,
    catalogue=Catalogue(database="source", server_version=180_000, tables=TABLES),
    rights={table: Rights(unreadable=(), writable=(), rows_hidden=False) for table in MAPPING.tables()},
    publication=Publication(
        operations=frozenset(OPERATIONS),
        by_name=True,
        via_root=False,
        stored=False,
        tables=dict.fromkeys(MAPPING.tables(), ()),
        filters={},
    ),
    slot=Slot(
        kind="logical",
        plugin="pgoutput",
        database="source",
        active=True,
        wal_status="reserved",
        reason=None,
        retained_bytes=0,
    ),
)
CONNECT = connect.ConnectFacts(
    plugins={"Debezium": "3.7.0.Final"}, states=("RUNNING", "RUNNING"), reason=None, config={"a": "b"}
)
REPORT = report.ReportFacts(
    away={},
    roles={},
    database="report",
    version=18,
    schema=True,
    revision="0001",
    newest="0001",
    missing_revisions=(),
    months_missing=(),
    dead_letters=None,
    gaps=None,
)


def of_source(**changes: object) -> Examination:
    return source.judge(
        msgspec.structs.replace(SOURCE, **changes),
        Wanted(MAPPING, "clearsight", "clearsight", "http://connect/connectors/c"),
    )


def of_connect(**changes: object) -> Examination:
    wanted = connect.Wanted(
        url="http://connect", connector="c", plugin="Debezium", plugin_version="3.7.0.Final", config={"a": "b"}
    )
    return connect.judge(msgspec.structs.replace(CONNECT, **changes), wanted)


def broken() -> Examination:
    raise RuntimeError("secret-word")


RECORDED: dict[str, Callable[[], Examination]] = {
    "source.version": lambda: of_source(version=13),
    "source.version-untried": lambda: of_source(version=19),
    "connect.plugin-missing": lambda: of_connect(plugins={}),
    "connect.plugin-version": lambda: of_connect(plugins={"Debezium": "3.6.0.Final"}),
    "connect.no-task": lambda: of_connect(states=("RUNNING", "UNASSIGNED")),
    "report.version": lambda: report.judge(msgspec.structs.replace(REPORT, version=14)),
    "doctor.unexamined": lambda: run({"kafka": broken}, 5, lambda area: None)[0],
}


@pytest.mark.parametrize("code", sorted(RECORDED))
def test_exactly_that_finding(code: str) -> None:
    ((_, finding),) = RECORDED[code]().kinds
    assert finding.code == code
    assert "secret-word" not in finding.what


@pytest.mark.parametrize("judged", [of_source, of_connect, lambda: report.judge(REPORT)])
def test_nothing_where_nothing_is_wrong(judged: Callable[[], Examination]) -> None:
    assert judged().kinds == []


def test_without_any_mapped_table_nothing_is_said_of_the_publication() -> None:
    """Else the advice would be to publish none."""
    nothing = Catalogue(database="source", server_version=180_000, tables=())
    found = of_source(catalogue=nothing, rights={}, publication=None)
    assert {finding.code for _, finding in found.kinds} == {"source.table-missing"}
    assert set(found.left) == {"publication", "replica identity"}


def test_an_area_that_hangs_is_left_behind() -> None:
    forever = threading.Event()

    def hang() -> Examination:
        forever.wait()
        return Examination("kafka", ())

    judged = of_source()
    source_, kafka = run({"source": lambda: judged, "kafka": hang}, 2, lambda area: None)
    forever.set()
    assert source_.kinds == []
    ((_, finding),) = kafka.kinds
    assert (finding.code, finding.area) == ("doctor.unexamined", "kafka")
    assert set(kafka.left) == set(catalogue.CHECKS["kafka"])
