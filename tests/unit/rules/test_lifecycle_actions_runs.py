"""State changes, actions and runs, told from row changes."""

from __future__ import annotations

from typing import Any

import pytest
from kit.debezium import NAMES, T0_US, Transaction, partitioned

from clearsight.actions import action_of
from clearsight.events import RowChange, SnapshotRow
from clearsight.lifecycle import snapshot_transitions, transitions
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping
from clearsight.runs import InputImage, LogCounts, inputs_at, run_state
from stream_processors.decode import Decoder

pytestmark = pytest.mark.unit

MAPPING = load_mapping(DEFAULT_MAPPING)
DECODE = Decoder(MAPPING, NAMES)
CREATED, SUBMITTED = "2026-11-22T23:00:00Z", "2026-11-22T23:10:00Z"
DRAFT = {
    "scenario_id": "s1",
    "name": "Q1",
    "owner_id": "u1",
    "status": "draft",
    "created_at": CREATED,
    "submitted_at": None,
}
SENT = {**DRAFT, "status": "submitted", "submitted_at": SUBMITTED}


def change(op: str, table: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> RowChange:
    transaction = Transaction(1, T0_US, 100)
    match op:
        case "c":
            transaction.insert(table, after or {})
        case "u":
            transaction.update(table, before, after or {})
        case _:
            transaction.delete(table, before or {})
    (event,) = [DECODE(record) for record in partitioned(transaction.records)]
    assert isinstance(event, RowChange)
    return event


def test_a_lifecycle_column_that_fills_is_a_transition_at_its_time() -> None:
    (created,) = transitions(change("c", "forecast.scenarios", None, DRAFT), "forecast")
    (submitted,) = transitions(change("u", "forecast.scenarios", DRAFT, SENT), "forecast")
    assert (created.to_state, submitted.to_state, submitted.how_known) == ("created", "submitted", "column")
    assert submitted.occurred_us - created.occurred_us == 600_000_000


def test_snapshot_and_stream_give_the_same_transition() -> None:
    live = transitions(change("u", "forecast.scenarios", DRAFT, SENT), "forecast")
    row = SnapshotRow(
        at=change("c", "forecast.scenarios", None, SENT).at,
        snapshot_id="x",
        part="scenario",
        mapped=MAPPING.scenario,
        table_schema="forecast",
        table_name="scenarios",
        row_key="s1",
        image=SENT,
        image_json="{}",
        seen_us=T0_US,
        epoch=1,
        scenario_id="s1",
        run_id=None,
    )
    seen = snapshot_transitions(row, "forecast")
    assert {found.event_id for found in live} <= {found.event_id for found in seen}
    assert [found.to_state for found in seen] == ["created", "submitted"]


def test_a_status_that_no_column_explains_is_a_transition_of_its_own() -> None:
    (found,) = transitions(change("u", "forecast.scenarios", DRAFT, {**DRAFT, "status": "on hold"}), "forecast")
    assert (found.from_state, found.to_state, found.how_known) == ("draft", "on hold", "status")


INPUT = {
    "input_id": "i1",
    "scenario_id": "s1",
    "node": "demand",
    "name": "base",
    "value_number": "5",
    "value_text": None,
}


@pytest.mark.parametrize(
    ("made", "name", "label"),
    [
        (change("c", "forecast.scenarios", None, DRAFT), "scenario.created", "“Q1”"),
        (change("u", "forecast.scenarios", DRAFT, SENT), "scenario.submitted", "“Q1”: status, submitted_at"),
        (change("u", "forecast.scenarios", DRAFT, {**DRAFT, "name": "Q2"}), "scenario.updated", "“Q2”: name"),
        (change("d", "forecast.scenarios", DRAFT, None), "scenario.deleted", "“Q1”"),
        (change("c", "forecast.inputs", None, INPUT), "input.added", "demand.base = 5"),
        (
            change("u", "forecast.inputs", INPUT, {**INPUT, "value_number": "-1"}),
            "input.changed",
            "demand.base: 5 → -1",
        ),
        (change("u", "forecast.inputs", None, INPUT), "input.changed", "demand.base → 5"),
        (change("u", "forecast.scenarios", None, DRAFT), "scenario.updated", "“Q1”"),
        (change("d", "forecast.inputs", INPUT, None), "input.removed", "demand.base (was 5)"),
        (
            change("c", "forecast.runs", None, {"run_id": "r1", "scenario_id": "s1", "status": "running"}),
            "run.started",
            "run r1",
        ),
    ],
)
def test_actions(made: RowChange, name: str, label: str) -> None:
    action = action_of(made)
    assert action is not None
    assert (action.name, action.details["label"]) == (name, label)


def test_what_the_service_does_is_no_action() -> None:
    run = {"run_id": "r1", "scenario_id": "s1", "status": "running"}
    assert action_of(change("u", "forecast.runs", run, {**run, "status": "failed"})) is None
    assert action_of(change("u", "forecast.inputs", INPUT, {**INPUT, "updated_at": SUBMITTED})) is None
    assert action_of(change("c", "forecast.run_nodes", None, {"run_id": "r1", "node": "price"})) is None


def test_a_failed_run() -> None:
    image = {"status": "failed", "started_at": CREATED, "finished_at": SUBMITTED, "error_message": "division by zero"}
    assert MAPPING.run is not None
    state = run_state(image, MAPPING.run, LogCounts(3, 0, 1, "ZeroDivisionError", "price"), MAPPING.errors)
    assert (state.outcome, state.category, state.failing_node, state.duration_ms) == (
        "failed",
        "calculation",
        "price",
        600_000,
    )


def test_a_run_of_which_only_lines_came_is_running() -> None:
    assert MAPPING.run is not None
    state = run_state(None, MAPPING.run, LogCounts(3, 0, 1, "ZeroDivisionError", "price"), MAPPING.errors)
    assert (state.outcome, state.category, state.error_type) == ("running", None, None)


def test_inputs_as_they_were() -> None:
    assert MAPPING.input is not None
    images = [InputImage("i1", INPUT, "e"), InputImage("i2", None, "e")]
    assert inputs_at(images, MAPPING.input) == {"i1": {"node": "demand", "name": "base", "value": "5", "event_id": "e"}}
