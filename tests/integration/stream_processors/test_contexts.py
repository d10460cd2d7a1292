"""Contexts that come several times, or cannot be read: what each becomes is in docs/OUTCOMES.md, "How an event is joined"."""

from __future__ import annotations

import contextlib
import json
from itertools import permutations
from typing import Any

import msgspec
import pytest
from kit.arrival import batches, facts_of, transaction
from kit.debezium import NAMES, T0_US, log_line
from kit.reporting import Facts
from kit.story import NODES, RUNS, SCENARIOS, Record, run, scenario

from clearsight.mapping import Mapping
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from stream_processors import letters
from stream_processors.batch import assemble
from stream_processors.decode import Decoder
from stream_processors.land import Landing
from stream_processors.letters import Selection
from stream_processors.records import RawRecord
from stream_processors.redrive import Redrive

pytestmark = pytest.mark.integration

MAPPING = load_mapping(DEFAULT_MAPPING)
WRONG = msgspec.structs.replace(MAPPING, context=msgspec.structs.replace(MAPPING.context, correlation="request"))
READABLE = {"correlation_id": "second", "request": "second", "user": "u2"}
assert MAPPING.scenario
OWN_IDS = msgspec.structs.replace(
    MAPPING, scenario=msgspec.structs.replace(MAPPING.scenario, correlation="correlation_id")
)
TOUCHED = """
SELECT t.kind, t.key FROM rpt.correlation_touch t JOIN rpt.correlation c USING (correlation_key)
WHERE c.correlation_id = %s ORDER BY 1, 2
"""
LINES = [
    log_line(1, T0_US + 1_100_000, "under the first id", correlation_id="first"),
    log_line(2, T0_US + 1_200_000, "under the second id", correlation_id="second"),
]


def told_twice(second: str = "second", user: str | None = "u2") -> tuple[list[Record], list[Record], list[Record]]:
    """The first and the second context of a transaction, and its changes: of a scenario and of a node of a run that does not
    say whose it is."""
    made = transaction(1, "first").context(second, user)
    made.insert(SCENARIOS, scenario(1)).insert(NODES, {"run_id": "r1", "node": "demand", "status": "ok"})
    return made.records[:1], made.records[1:2], made.records[2:]


def place_of_run() -> list[Record]:
    return transaction(2, "later").insert(RUNS, run("r1", "s1")).records


def landed_by(mapping: Mapping, reporting: Any, *landed: list[RawRecord]) -> Facts:
    """The facts once these batches have landed by this mapping and the deadline has passed."""
    reporting.empty()
    with contextlib.closing(Landing(reporting.connect, mapping, NAMES, reporting.ownership())) as landing:
        for batch in landed:
            landing.land(assemble(batch, Decoder(mapping, NAMES)))
    reporting.settle()
    facts: Facts = reporting.facts()
    return facts


def links(facts: Facts) -> tuple[set[tuple[Any, ...]], set[tuple[Any, ...]]]:
    """(correlation id, link, user) of the changes of the transaction that was told twice, and (id, link, scenario) of lines."""
    changes = {(row[11], row[12], row[15]) for row in facts["changes"] if row[10] == 701}
    return changes, {(row[6], *row[7:9]) for row in facts["logs"]}


def test_of_two_contexts_the_first_in_the_log_counts_whenever_it_comes(reporting: Any) -> None:
    """The lines of both ids are joined to what the transaction touched."""
    told, placed = told_twice(), place_of_run()
    expected = facts_of(reporting, [record for group in (*told, placed, LINES) for record in group])
    assert links(expected) == (
        {("first", "correlated", "u1")},
        {("first", "correlated", "s1"), ("second", "correlated", "s1")},
    )
    assert {state[6:] for state in expected["states"]} == {("first", "correlated", "s1", "u1")}
    for order in permutations(told):
        for groups in ((LINES, *order, placed), (placed, *order, LINES)):
            assert facts_of(reporting, *groups) == expected, [group[0] for group in groups]
            assert reporting.rows(TOUCHED, "first") == reporting.rows(TOUCHED, "second") != []


def test_both_ids_follow_a_run_that_says_only_later_whose_it_is(reporting: Any) -> None:
    made = transaction(1, "first").context("second", "u2").insert(NODES, {"run_id": "r1", "node": "a", "status": "ok"})
    expected = facts_of(reporting, place_of_run(), made.records, LINES)
    assert links(expected)[1] == {("first", "correlated", "s1"), ("second", "correlated", "s1")}
    for groups in permutations((made.records, place_of_run(), LINES)):
        assert facts_of(reporting, *groups) == expected


@pytest.mark.parametrize(("second", "user"), [("first", "u2"), ("second", None), ("first", "u1")])
def test_so_it_does_where_they_differ_in_the_user_alone_or_not_at_all(
    reporting: Any, second: str, user: str | None
) -> None:
    first, again, changes = told_twice(second, user)
    expected = facts_of(reporting, first + again + changes)
    assert links(expected)[0] == {("first", "correlated", "u1")}
    assert facts_of(reporting, again, changes, first) == expected
    assert facts_of(reporting, again, first + changes, again) == expected


def test_a_row_that_names_its_id_learns_from_the_first_context_who_changed_it(reporting: Any) -> None:
    made = transaction(1, "first").context("second", "u2")
    made.insert(SCENARIOS, scenario(1) | {"correlation_id": "own"})
    first, second, change = batches(*([record] for record in made.records))
    expected = landed_by(OWN_IDS, reporting, first, second, change)
    assert links(expected)[0] == {("own", "direct", "u1")}
    assert landed_by(OWN_IDS, reporting, second, change, first) == expected


def test_what_the_first_context_takes_over_is_amended_in_place_and_published(reporting: Any) -> None:
    first, second, changes = told_twice()
    facts_of(reporting, second, changes, first)
    for kind, fact in (("change", "fact_row_change"), ("state_change", "fact_scenario_state_change")):
        assert set(
            reporting.rows(
                f"SELECT revision, event_id IN (SELECT event_id FROM rpt.audit_outbox WHERE kind = %s) FROM rpt.{fact}",
                kind,
            )
        ) == {(2, True)}


REFUSED = [
    ("x", "not JSON"),
    ('["first"]', "no object"),
    ("{}", "no id"),
    ('{"correlation_id": ""}', "an empty id"),
    ('{"correlation_id": {"id": "first"}}', "an id that is no text"),
    (json.dumps({"correlation_id": "c" * 257}), "an id that is too large"),
    (json.dumps({"correlation_id": "first", "user": "u" * 513}), "a user that is too large"),
]


@pytest.mark.parametrize(("content", "_why"), REFUSED, ids=[why for _, why in REFUSED])
def test_a_context_that_is_refused_is_a_dead_letter_and_its_changes_are_unlinked(
    reporting: Any, content: str, _why: str
) -> None:
    made = transaction(1).message(content).insert(SCENARIOS, scenario(1))
    facts = facts_of(reporting, made.records, LINES[:1])
    assert links(facts) == ({(None, "unlinked", None)}, {("first", "unlinked", None)})
    assert reporting.rows("SELECT topic, state FROM rpt.dead_letter") == [(NAMES.message, "open")]


def refused_at_first(reporting: Any, *told: dict[str, str]) -> tuple[list[list[RawRecord]], Facts]:
    """Land a transaction with the contexts `told` by a mapping that names another field for the id, and its lines; return
    the batches, and the facts once the deadline has passed."""
    made = transaction(1)
    for content in told:
        made.message(json.dumps(content))
    made.insert(SCENARIOS, scenario(1))
    landed = batches(made.records, LINES)
    return landed, landed_by(WRONG, reporting, *landed)


@pytest.mark.parametrize(
    ("told", "meanwhile"),
    [([], {(None, "unlinked", None)}), ([READABLE], {("second", "correlated", "u2")})],
    ids=["alone", "with another that could be read"],
)
def test_a_refused_context_that_is_redriven_is_joined_as_if_it_had_come_in_time(
    reporting: Any, told: list[dict[str, str]], meanwhile: set[tuple[Any, ...]]
) -> None:
    landed, facts = refused_at_first(reporting, {"correlation_id": "first", "user": "u1"}, *told)
    assert links(facts)[0] == meanwhile
    assert Redrive(reporting.connect, MAPPING, NAMES, "ann").run(Selection()).landed == 1
    reporting.settle()
    redriven = reporting.facts()
    assert links(redriven)[0] == {("first", "correlated", "u1")}
    assert redriven == landed_by(MAPPING, reporting, *landed)


def test_a_refused_context_that_is_dismissed_leaves_its_changes_unlinked(reporting: Any) -> None:
    _, facts = refused_at_first(reporting, {"correlation_id": "first", "user": "u1"})
    with reporting.connect() as connection:
        assert letters.dismiss(connection, Selection(), "ann", "a test of ours") == 1
    reporting.settle()
    assert reporting.facts() == facts
    assert links(facts) == (
        {(None, "unlinked", None)},
        {("first", "unlinked", None), ("second", "unlinked", None)},
    )
