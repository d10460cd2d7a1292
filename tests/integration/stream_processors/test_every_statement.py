"""A worker that dies before any statement of what it does leaves all of it done, or nothing; the next one makes it whole.

Death is what a kill is for PostgreSQL: the connection is gone, without a rollback or a commit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count, takewhile
from typing import Any, NamedTuple

import msgspec
import pytest
from kit.debezium import NAMES, T0_US, Transaction, forwarder_state, log_line, partitioned
from kit.reporting import BUSINESS, Facts, Reporting
from kit.story import INPUTS, NODES, RUNS, Record, an_input, run, tell
from kit.watched import WatchedConnection
from psycopg import Connection, OperationalError

from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.origin import HEADER
from clearsight.tables import TableName
from stream_processors import gaps, marks
from stream_processors.batch import assemble
from stream_processors.deadline import close_overdue
from stream_processors.decode import Decoder
from stream_processors.land import Landing
from stream_processors.positions import Gap, Identity, Ownership, Partition, Start
from stream_processors.records import RawRecord

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

MAPPING = load_mapping(DEFAULT_MAPPING)
DECODE = Decoder(MAPPING, NAMES)
ORIGIN = ((HEADER, b"1/77/00000001"),)


def beat(second: int, *missing: str) -> list[Record]:
    tables = [[*TableName.parse(table), "1.2"] for table in MAPPING.tables() if table not in missing]
    told = {"system": "77", "timeline": "00000001", "acknowledged": 1_000 * second, "tables": tables}
    return Transaction(800 + second, T0_US + second * 1_000_000, 50_000 + 1_000 * second).heartbeat(told).records


def oddities(second: int) -> Transaction:
    return Transaction(900 + second, T0_US + second * 1_000_000, 50_500 + 1_000 * second)


STORY = tell()
HALF = len(STORY) // 2
FIRST: list[Record] = [
    *(record for record in STORY[:HALF] if record[0] != NAMES.message),
    *beat(1),
    *oddities(1).insert(NODES, {"run_id": "r3", "node": "demand", "status": "ok"}).records,
    log_line(31, T0_US + 2_000_000, "of a run that is known later", correlation_id="c-3", run_id="r3"),
    (NAMES.logs, b"k", b"{broken"),
]
SECOND: list[Record] = [
    *(record for record in STORY if record not in FIRST),
    *oddities(2).insert(RUNS, run("r3", "s1")).records,
    *oddities(3).insert(INPUTS, an_input("i3", "s1", "1") | {"unit": "MW"}).records,
    *oddities(4).snapshot(INPUTS, an_input("i4", "s1", "1")).records,
    *beat(5, INPUTS),
    *beat(6),
    (NAMES.logs, b"k", b"{broken too"),
    forwarder_state(T0_US + 9_500_000, {"0": 7}, ended="deleted", written_us=T0_US + 9_900_000),
]
"""With the contexts of the first half, which amend it; a run that places what named it; a column more, a snapshot's row, a
table that the publication left out for a while, a log group that was deleted, records that cannot be decoded."""

PLACED = [msgspec.structs.replace(record, headers=ORIGIN) for record in partitioned([*FIRST, *SECOND])]

Connect = Callable[[], Connection[Any]]
Act = Callable[[Reporting, Connect], None]


def takes(reporting: Reporting, connect: Connect) -> None:
    """The partitions, one with a gap."""
    identities = {Partition(topic, 0): Identity("cluster", topic) for topic in NAMES.consumed(MAPPING.tables())}
    ownership = Ownership("worker")
    with connect() as connection, connection.transaction(), connection.cursor() as cursor:
        ownership.take(cursor, identities)
        place = Partition(NAMES.change(INPUTS), 0)
        ownership.start(cursor, place, Start(0, Gap(0, None, "as after a retention")), identities[place])


def lands(records: list[RawRecord]) -> Act:
    def act(reporting: Reporting, connect: Connect) -> None:
        landing = Landing(connect, MAPPING, NAMES, reporting.ownership())
        landing.land(assemble(records, DECODE))
        landing.close()

    return act


def closes(reporting: Reporting, connect: Connect) -> None:
    with connect() as connection:
        close_overdue(connection, MAPPING, 0.0)


def bounds(reporting: Reporting, connect: Connect) -> None:
    with connect() as connection:
        gaps.bound(connection, NAMES)


def says_how_far(reporting: Reporting, connect: Connect) -> None:
    with connect() as connection, connection.transaction(), connection.cursor() as cursor:
        marks.keep_changes(cursor, MAPPING.source, T0_US, 1_000, {"a topic/0": 1})


RECORDS = {
    "lands a batch": PLACED[: len(FIRST)],
    "lands it again": PLACED[: len(FIRST)],
    "lands what amends it": PLACED[len(FIRST) :],
    "lands that again": PLACED[len(FIRST) :],
}
ACTS: dict[str, Act] = {
    "takes its partitions": takes,
    **{name: lands(records) for name, records in RECORDS.items()},
    "closes what is overdue": closes,
    "bounds a gap": bounds,
    "says how far it came": says_how_far,
}
"""A worker's life, in order. All that it writes is done by one of them."""

WRITTEN = {
    *("consumer_position", "batch", "gap", "transaction_context", "correlation", "correlation_touch"),
    *("dim_user", "dim_scenario", "dim_run", "row_shape", "row_snapshot", "fact_schema_change"),
    *("fact_row_change", "fact_user_action", "fact_cloudwatch_log", "fact_scenario_state_change"),
    *("fact_run_diagnostic", "audit_outbox", "dead_letter", "heartbeat", "source_state", "stream_start", "watermark"),
}
AMENDED = {
    *("fact_row_change", "fact_user_action", "fact_cloudwatch_log", "fact_scenario_state_change"),
    "fact_run_diagnostic",
}

KEPT = BUSINESS | {
    "revisions": "SELECT event_id, revision FROM rpt.fact_row_change UNION ALL SELECT event_id, revision FROM rpt.fact_user_action"
    " UNION ALL SELECT event_id, revision FROM rpt.fact_cloudwatch_log"
    " UNION ALL SELECT event_id, revision FROM rpt.fact_scenario_state_change"
    " UNION ALL SELECT event_id, revision FROM rpt.fact_schema_change ORDER BY 1",
    "outbox": "SELECT DISTINCT kind, event_id FROM rpt.audit_outbox ORDER BY 1, 2",
    "contexts": "SELECT tx_id, committed_at, correlation_id, user_id FROM rpt.transaction_context ORDER BY 1, 2",
    "touches": "SELECT correlation_id, kind, count(*) FROM rpt.correlation_touch JOIN rpt.correlation USING (correlation_key)"
    " GROUP BY 1, 2 ORDER BY 1, 2",
    "shapes": "SELECT table_schema, table_name, aspect, runs FROM rpt.row_shape ORDER BY 1, 2, 3",
    "snapshots": "SELECT snapshot_id, row_key, image FROM rpt.row_snapshot ORDER BY 1",
    "letters": "SELECT topic, kafka_offset, record_value, reason FROM rpt.dead_letter ORDER BY 1, 2",
    "positions": "SELECT topic, kafka_partition, next_offset FROM rpt.consumer_position ORDER BY 1, 2",
    "batches": "SELECT DISTINCT topic, kafka_partition, first_offset, next_offset FROM rpt.batch ORDER BY 1, 2, 3",
    "gaps": "SELECT topic, cause, reason, events_after, from_offset, coalesce(from_offset::text, events_before::text),"
    " events_before IS NULL FROM rpt.gap ORDER BY 1, 2, 3",
    "heartbeats": "SELECT source, position, beat_at FROM rpt.heartbeat ORDER BY 1, 2",
    "source": "SELECT source, position, beat_at, sign FROM rpt.source_state",
    "starts": "SELECT source, position FROM rpt.stream_start ORDER BY 1, 2",
    "marks": "SELECT DISTINCT kind, name, through_at, position, offsets::text FROM rpt.watermark ORDER BY 1, 2, 3, 4",
}
"""What must be as if nobody had died. What is landed twice counts once here."""


class Killed(BaseException):
    """A process that is killed handles nothing any more."""


class Death:
    """Comes before the n-th step of a worker."""

    def __init__(self, n: int, how: BaseException) -> None:
        self._left = n
        self._how = how
        self.before: str | None = None
        """The step that was not done."""

    def reached(self, connection: WatchedConnection, what: str) -> None:
        self._left -= 1
        if self._left == 0:
            self.before = what
            connection.pgconn.finish()
            raise self._how


class Told(NamedTuple):
    facts: Facts
    """What the database holds after an act."""
    steps: list[str]
    """What was done on the way."""


def kept(reporting: Reporting) -> Facts:
    return {name: reporting.rows(query) for name, query in KEPT.items()}


def watched(reporting: Reporting, reached: Callable[[WatchedConnection, str], None]) -> Connect:
    return partial(WatchedConnection.opened, reporting.writer_dsn, reached)


def note(steps: list[str], connection: WatchedConnection, step: str) -> None:
    steps.append(step)


def live_until(name: str, reporting: Reporting) -> None:
    """All acts before this one."""
    for act in takewhile(lambda act: act != name, ACTS):
        ACTS[act](reporting, reporting.connect)


def deaths(reporting: Reporting, act: Act) -> Iterator[str]:
    """One worker after the other tries, and dies a step later than the one before; the last one does it."""
    for n in count(1):
        death = Death(n, Killed())
        try:
            act(reporting, watched(reporting, death.reached))
        except (Killed, OperationalError):
            assert death.before
        if death.before is None:
            return
        yield death.before


@pytest.fixture(scope="module")
def undisturbed(shared_reporting: Reporting) -> dict[str, Told]:
    """After each act of a worker that never died."""
    shared_reporting.empty()
    told = {}
    for name, act in ACTS.items():
        steps: list[str] = []
        act(shared_reporting, watched(shared_reporting, partial(note, steps)))
        told[name] = Told(kept(shared_reporting), steps)
    return told


def test_a_life_writes_every_table(undisturbed: dict[str, Told]) -> None:
    steps = [step for told in undisturbed.values() for step in told.steps]
    assert set(re.findall(r"(?:INSERT INTO|UPDATE|DELETE FROM|COPY) rpt\.(\w+)", " ".join(steps))) >= WRITTEN
    assert set(re.findall(r"UPDATE rpt\.(fact_\w+)", " ".join(undisturbed["lands what amends it"].steps))) >= AMENDED
    last = list(undisturbed.values())[-1].facts
    assert [name for name, rows in last.items() if not rows] == ["starts"]


@pytest.mark.parametrize("name", ACTS)
def test_death_before_any_step(name: str, reporting: Reporting, undisturbed: dict[str, Told]) -> None:
    live_until(name, reporting)
    before, after = kept(reporting), undisturbed[name].facts
    died = []
    for step in deaths(reporting, ACTS[name]):
        assert kept(reporting) in (before, after), f"killed before: {step}"
        died.append(step)
    assert len(died) >= len(undisturbed[name].steps) > 0
    assert kept(reporting) == after


def test_a_connection_that_breaks_before_any_step(reporting: Reporting, undisturbed: dict[str, Told]) -> None:
    """The same worker tries again, with all that it remembers."""
    name = "lands what amends it"
    live_until(name, reporting)
    batch = assemble(RECORDS[name], DECODE)
    breaks = map(partial(Death, how=OperationalError("the server closed the connection")), count(1))
    death = next(breaks)
    landing = Landing(watched(reporting, lambda *step: death.reached(*step)), MAPPING, NAMES, reporting.ownership())
    while True:
        with suppress(OperationalError):
            landing.land(batch)
        if death.before is None:
            break
        death = next(breaks)
    landing.close()
    assert kept(reporting) == undisturbed[name].facts


def test_what_comes_again_changes_nothing(undisturbed: dict[str, Told]) -> None:
    assert undisturbed["lands it again"].facts == undisturbed["lands a batch"].facts
    assert undisturbed["lands that again"].facts == undisturbed["lands what amends it"].facts
