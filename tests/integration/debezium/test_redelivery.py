"""Connect is killed in the middle of a transaction and sends it again: the same events, whatever the catalogue says by then."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from kit.killing import kill
from kit.stacks import servers_of, stack_of
from kit.waiting import until

from clearsight.stack import state
from clearsight.stack.state import REPORT_DATABASE, SOURCE_DATABASE
from clearsight.stack.supervisor import Stack

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

TOPIC = "clearsight.forecast.inputs"
ROWS = 20_000
ATTEMPTS = 4
"""Connect may just have committed its offsets when it is killed; then nothing comes twice."""

OTHER_KEYS = ("node, input_id", "name, input_id")


class Site:
    """A running stack with a scenario whose inputs are written by the thousand."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.source = psycopg.connect(stack.site().dsn("postgres", SOURCE_DATABASE), autocommit=True)
        self.report = psycopg.connect(stack.site().dsn("postgres", REPORT_DATABASE), autocommit=True)
        self._admin = AdminClient({"bootstrap.servers": servers_of(stack)})
        self.scenario = uuid4()
        user = uuid4()
        self.source.execute("INSERT INTO forecast.users (user_id, name, email) VALUES (%s, 'Ann', 'ann')", [user])
        self.source.execute(
            "INSERT INTO forecast.scenarios (scenario_id, name, owner_id) VALUES (%s, 'Plan', %s)",
            [self.scenario, user],
        )

    def commit(self, node: str) -> None:
        """One transaction."""
        self.source.execute(
            "INSERT INTO forecast.inputs (input_id, scenario_id, node, name, value_number)"
            " SELECT gen_random_uuid(), %s, %s, 'input ' || n, n FROM generate_series(1, %s) n",
            [self.scenario, node, ROWS],
        )

    def sent(self) -> int:
        """How many records the topic holds."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        numbers = self._admin.list_topics(TOPIC, timeout=60).topics[TOPIC].partitions
        ends = self._admin.list_offsets({TopicPartition(TOPIC, number): latest for number in numbers})
        return sum(int(end.result().offset) for end in ends.values())

    def kill_connect(self) -> None:
        kill(state.load(self.stack.home).processes["connect"].pid)

    def landed(self, node: str) -> tuple[int, int]:
        """Facts, and different rows among them."""
        query = "SELECT count(*), count(DISTINCT row_key) FROM rpt.fact_row_change WHERE op = 'c' AND node = %s"
        ((facts, rows),) = self.report.execute(query, [node]).fetchall()
        return facts, rows


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with stack_of(tmp_path_factory.mktemp("redelivery"), "worker") as stack:
        site = Site(stack)
        until(lambda: site.report.execute("SELECT 1 FROM rpt.fact_row_change").fetchone(), "the stream runs")
        yield site


def sent_again(site: Site, meanwhile: tuple[str, ...]) -> bool:
    """Whether Connect, killed in the middle of a transaction, sent some of it twice. All of it landed once."""
    node, before = f"node-{uuid4()}", site.sent()
    site.commit(node)
    until(lambda: site.sent() > before, "the transaction is being sent")
    site.kill_connect()
    for statement in meanwhile:
        site.source.execute(statement.encode())
    site.stack.up()
    until(lambda: site.landed(node)[1] == ROWS, "the whole transaction has landed", 180)
    site.source.execute("INSERT INTO forecast.users (user_id, name, email) VALUES (%s, 'b', 'b')", [last := uuid4()])
    query = "SELECT 1 FROM rpt.fact_row_change WHERE row_key = %s"
    until(lambda: site.report.execute(query, [str(last)]).fetchone(), "what was committed later has landed")
    assert site.landed(node) == (ROWS, ROWS)
    return site.sent() - before > ROWS


def test_killed_in_the_middle_of_a_transaction(site: Site) -> None:
    assert any(sent_again(site, ()) for _ in range(ATTEMPTS))


def test_killed_and_the_primary_key_changed_before_it_is_sent_again(site: Site) -> None:
    """The connector makes record keys from the catalogue of today: they differ, and lie in other partitions."""
    site.source.execute("ALTER TABLE forecast.inputs ADD UNIQUE (input_id)")
    assert any(sent_again(site, other_key(number)) for number in range(ATTEMPTS))


def other_key(number: int) -> tuple[str, str]:
    key = OTHER_KEYS[number % len(OTHER_KEYS)]
    return (
        "ALTER TABLE forecast.inputs DROP CONSTRAINT inputs_pkey",
        f"ALTER TABLE forecast.inputs ADD CONSTRAINT inputs_pkey PRIMARY KEY ({key})",
    )
