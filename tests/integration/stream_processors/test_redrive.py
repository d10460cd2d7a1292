"""A dead letter that is redriven becomes what it would have been from the start: the same facts, once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.debezium import NAMES, T0_US, Transaction, partitioned
from kit.story import INPUTS, NODES, an_input, tell

from clearsight.events import Event, Rejected
from clearsight.mapping import Mapping
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors import letters
from stream_processors.batch import assemble
from stream_processors.decode import Decoder
from stream_processors.land import Landed, Landing
from stream_processors.letters import STATES, Selection
from stream_processors.records import RawRecord
from stream_processors.redrive import Outcome, Redrive

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
RECORDS = partitioned(tell())
DECODE = Decoder(MAPPING, NAMES)
OPEN = Selection()


@pytest.fixture(scope="module")
def in_order(shared_reporting: Any) -> Any:
    """The facts when every record can be decoded from the start."""
    shared_reporting.empty()
    shared_reporting.worker()(RECORDS)
    shared_reporting.settle()
    return shared_reporting.facts()


def worker(reporting: Any, decode: Callable[[RawRecord], Event]) -> Callable[[list[RawRecord]], Landed]:
    landing = Landing(reporting.connect, MAPPING, NAMES, reporting.ownership())
    return lambda records: landing.land(assemble(records, decode))


def refusing(refused: Iterable[RawRecord]) -> Callable[[RawRecord], Event]:
    """Decodes, but for some records."""
    chosen = set(refused)
    return lambda record: Rejected(at=record.at, reason="not today") if record in chosen else DECODE(record)


def redrive(
    reporting: Any, selection: Selection = OPEN, mapping: Mapping = MAPPING, *, dry_run: bool = False
) -> Outcome:
    return Redrive(reporting.connect, mapping, NAMES, "ann", dry_run=dry_run).run(selection)


def states(reporting: Any) -> set[str]:
    return {state for (state,) in reporting.rows("SELECT state FROM rpt.dead_letter")}


def without(table: str) -> Mapping:
    return msgspec.structs.replace(MAPPING, other=tuple(found for found in MAPPING.other if found.table != table))


def with_another_key_of_inputs() -> Mapping:
    assert MAPPING.input is not None
    return msgspec.structs.replace(MAPPING, input=msgspec.structs.replace(MAPPING.input, key=("id",)))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (without(NODES), f"the mapping file does not name the table {NODES}"),
        (with_another_key_of_inputs(), f"{INPUTS} has no column 'id', which the mapping file names as its key"),
    ],
)
def test_after_the_mapping_was_corrected_the_facts_are_as_from_the_start(
    reporting: Any, in_order: Any, wrong: Mapping, reason: str
) -> None:
    Landing(reporting.connect, wrong, NAMES, reporting.ownership()).land(assemble(RECORDS, Decoder(wrong, NAMES)))
    reporting.settle()
    assert reporting.facts() != in_order
    with reporting.connect() as connection:
        (group,) = letters.groups(connection, OPEN, 10)
    assert (group.reason, group.count) == (reason, len(reporting.rows("SELECT 1 FROM rpt.dead_letter")))

    outcome = redrive(reporting)
    reporting.settle()
    assert (outcome.landed, outcome.failed) == (group.count, 0)
    assert reporting.facts() == in_order
    assert states(reporting) == {"resolved"}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[RawRecord], list[int], list[list[int]]]:
    """Records that are refused, where the batches are cut, and redrives of the letters in any order, some twice."""
    refused = draw(st.lists(st.sampled_from(RECORDS), min_size=1, max_size=12, unique=True))
    cuts = sorted(draw(st.sets(st.integers(1, len(RECORDS) - 1), max_size=4)))
    order = draw(st.permutations(range(1, len(refused) + 1)))
    cut = draw(st.integers(0, len(order)))
    again = draw(st.lists(st.sampled_from(order), max_size=2))
    return refused, cuts, [order[:cut], again, order[cut:]]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(histories())
def test_letters_redriven_in_any_order_give_the_same_facts(
    shared_reporting: Any, in_order: Any, history: tuple[list[RawRecord], list[int], list[list[int]]]
) -> None:
    refused, cuts, redrives = history
    shared_reporting.empty()
    land = worker(shared_reporting, refusing(refused))
    for start, end in zip([0, *cuts], [*cuts, len(RECORDS)], strict=True):
        land(RECORDS[start:end])
    shared_reporting.settle()
    for ids in redrives:
        for one in ids:
            redrive(shared_reporting, Selection(ids=(one,), states=STATES))
    shared_reporting.settle()
    assert shared_reporting.facts() == in_order
    assert states(shared_reporting) == {"resolved"}


def test_twice_is_once_and_no_position_moves(reporting: Any, in_order: Any) -> None:
    land = worker(reporting, refusing(RECORDS[:8]))
    land(RECORDS[:20])
    positions = (
        "SELECT topic, kafka_partition, next_offset, owner_epoch, updated_at FROM rpt.consumer_position ORDER BY 1"
    )
    before = reporting.rows(positions), reporting.rows("SELECT count(*) FROM rpt.batch")
    assert redrive(reporting).landed == 8
    assert redrive(reporting).tried == 0
    assert redrive(reporting, Selection(states=STATES)).landed == 8
    assert (reporting.rows(positions), reporting.rows("SELECT count(*) FROM rpt.batch")) == before
    land(RECORDS[20:])
    reporting.settle()
    assert reporting.facts() == in_order
    assert set(reporting.rows("SELECT state, closed_by, closed_because FROM rpt.dead_letter")) == {
        ("resolved", "ann", "landed by a redrive")
    }


def test_what_landed_meanwhile_is_not_doubled(reporting: Any, in_order: Any) -> None:
    worker(reporting, refusing(RECORDS[:8]))(RECORDS)
    worker(reporting, DECODE)(RECORDS)
    assert states(reporting) == {"open"}
    assert redrive(reporting).landed == 8
    reporting.settle()
    assert reporting.facts() == in_order
    assert states(reporting) == {"resolved"}


def test_what_a_redrive_lands_is_published_by_the_outbox(reporting: Any) -> None:
    worker(reporting, refusing(RECORDS))(RECORDS)
    redrive(reporting)
    for kind, fact in (
        ("change", "fact_row_change"),
        ("log", "fact_cloudwatch_log"),
        ("state_change", "fact_scenario_state_change"),
    ):
        waiting = {event for (event,) in reporting.rows("SELECT event_id FROM rpt.audit_outbox WHERE kind = %s", kind)}
        assert waiting == {event for (event,) in reporting.rows(f"SELECT event_id FROM rpt.{fact}")} != set()


def test_one_that_fails_again_says_why_now(reporting: Any) -> None:
    worker(reporting, refusing(RECORDS[:3]))(RECORDS)
    wrong = without(NODES)
    nodes = [record for record in RECORDS if record.topic == NAMES.change(NODES)]
    worker(reporting, refusing(nodes[:1]))(nodes[:1])
    outcome = redrive(reporting, mapping=wrong)
    reason = f"the mapping file does not name the table {NODES}"
    assert (outcome.tried, outcome.landed, outcome.reasons) == (4, 3, {reason: 1})
    assert reporting.rows("SELECT attempts, reason FROM rpt.dead_letter WHERE state = 'open'") == [(2, reason)]


def test_a_value_that_postgres_refuses_fails_alone(reporting: Any) -> None:
    good = partitioned(
        Transaction(900, T0_US, 5_000)
        .insert(INPUTS, an_input("i1", "s1", "1"))
        .insert(INPUTS, an_input("i2", "s1", "2"))
        .records
    )
    value = json.loads(good[1].value or b"")
    value["source"]["lsn"] = 2**70  # a number in JSON, no bigint
    records = [good[0], msgspec.structs.replace(good[1], value=json.dumps(value).encode())]
    worker(reporting, refusing(records))(records)
    outcome = redrive(reporting)
    assert (outcome.landed, outcome.failed) == (1, 1)
    assert "PostgreSQL refuses a value: NumericValueOutOfRange (22003)" in outcome.reasons


def test_a_dry_run_keeps_nothing(reporting: Any) -> None:
    worker(reporting, refusing(RECORDS[:8]))(RECORDS)
    everything = "SELECT * FROM rpt.dead_letter ORDER BY 1"
    before = reporting.facts(), reporting.rows(everything), reporting.rows("SELECT count(*) FROM rpt.audit_outbox")
    outcome = redrive(reporting, mapping=without(NODES), dry_run=True)
    assert (outcome.landed, outcome.failed) == (8, 0)
    assert before == (
        reporting.facts(),
        reporting.rows(everything),
        reporting.rows("SELECT count(*) FROM rpt.audit_outbox"),
    )


def test_a_dismissed_letter_is_left_alone_until_it_is_named(reporting: Any, in_order: Any) -> None:
    worker(reporting, refusing(RECORDS[:2]))(RECORDS)
    with reporting.connect() as connection:
        assert letters.dismiss(connection, Selection(ids=(1,)), "ann", "a test of ours") == 1
    worker(reporting, refusing(RECORDS[:2]))(RECORDS[:2])  # comes again, and fails again
    assert reporting.rows("SELECT state, attempts, closed_by, closed_because FROM rpt.dead_letter ORDER BY 1") == [
        ("dismissed", 2, "ann", "a test of ours"),
        ("open", 2, None, None),
    ]
    assert redrive(reporting).landed == 1
    assert redrive(reporting, Selection(ids=(1,), states=("open", "dismissed"))).landed == 1
    reporting.settle()
    assert reporting.facts() == in_order


def test_two_redrives_and_a_worker_at_once(reporting: Any, in_order: Any) -> None:
    """The worker reads the same records again while both redrive them: nothing doubles, nobody fails."""
    for _ in range(3):
        reporting.empty()
        worker(reporting, refusing(RECORDS[::2]))(RECORDS)
        land = worker(reporting, DECODE)
        failures: list[BaseException] = []
        together = threading.Barrier(3)

        def landing(land: Any = land, together: Any = together, failures: Any = failures) -> None:
            try:
                together.wait(60)
                for record in reversed(RECORDS):
                    land([record])
            except BaseException as error:
                failures.append(error)

        def redriving(together: Any = together, failures: Any = failures) -> None:
            try:
                together.wait(60)
                redrive(reporting)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=target) for target in (landing, redriving, redriving)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        reporting.settle()
        assert reporting.facts() == in_order
        assert states(reporting) == {"resolved"}
        assert reporting.rows("SELECT max(attempts) FROM rpt.dead_letter") == [(2,)]


def test_a_context_redriven_after_a_later_one_of_the_same_id_reaches_its_run(reporting: Any, in_order: Any) -> None:
    """Its correlation id has touched the run already, by the run's end: nothing new is touched, and yet the run changes."""
    contexts = [record for record in RECORDS if record.topic == NAMES.message]
    worker(reporting, refusing(contexts[1:2]))(RECORDS)
    reporting.settle()
    assert reporting.facts()["runs"][0][-1] is None
    redrive(reporting)
    assert reporting.facts()["runs"] == in_order["runs"]
