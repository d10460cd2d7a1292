"""The rules on the demo's incidents as its engine really fails them; the rules know nothing of it."""

from __future__ import annotations

import json
import logging
import random
import traceback
from datetime import UTC, datetime, timedelta

import pytest

from clearsight.case import Case, ErrorText, HealthyRun, NodeActivity, RunFacts, ValueChange
from clearsight.categories import categorise
from clearsight.causes import explain
from clearsight.demo.catalogue import CATALOGUE
from clearsight.demo.incident_plans import IncidentPlan, ScenarioPlan, plan_incident
from clearsight.demo.run import NodeResult, compute_nodes
from clearsight.demo.seeds import Seeds
from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping

pytestmark = pytest.mark.unit

START = datetime(2026, 11, 22, tzinfo=UTC)
RULES = load_mapping(DEFAULT_MAPPING).errors
OTHER_RUNS = 10


def image(value):
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def compute(values) -> list[NodeResult]:
    by_node: dict[str, dict] = {}
    for (node, name), value in values.items():
        by_node.setdefault(node, {})[name] = value
    return compute_nodes(by_node, logging.Logger("quiet"), {})


def healthy(run_id: str, values, *, same_scenario: bool = False) -> HealthyRun:
    return HealthyRun(run_id, same_scenario, {slot: image(value) for slot, value in values.items()})


def healthy_story(plan: ScenarioPlan) -> list[HealthyRun]:
    after = {**plan.values, **{edit.key: edit.value for edit in plan.edits}}
    return [healthy("before", plan.values), healthy("after", after)]


def changes_of(plan: IncidentPlan) -> tuple[list[ValueChange], dict]:
    edits = list(plan.scenario.edits)
    edits.insert(plan.position, plan.seeded)
    values, changes = dict(plan.scenario.values), []
    for number, edit in enumerate(edits, start=1):
        by_hand = edit is plan.seeded and plan.kind == "out_of_band"
        changes.append(
            ValueChange(
                event_id=str(number),
                table="forecast.inputs",
                row_key="/".join(edit.key),
                tx_id=number,
                node=edit.node,
                name=edit.name,
                old=image(values[edit.key]),
                new=image(edit.value),
                user=None if by_hand else str(edit.actor),
                occurred_at=START + timedelta(seconds=number),
                correlation_id=None if by_hand else str(number),
                link="unlinked" if by_hand else "correlated",
                order=(1, number, number, 1),
            )
        )
        values[edit.key] = edit.value
    return changes, values


def case_of(plan: IncidentPlan, seed: int) -> Case:
    changes, values = changes_of(plan)
    good, failed = compute(plan.scenario.values), compute(values)
    failure = failed[-1].failure
    assert failure
    dice = random.Random(seed)
    others = [
        healthy(f"other {n}", {(item.node, item.name): item.healthy(dice) for item in CATALOGUE})
        for n in range(OTHER_RUNS)
    ]
    kind = type(failure.error).__name__
    reached = [result.node for result in failed]
    return Case(
        run=RunFacts(
            run_id="failed",
            outcome="failed",
            started_at=START + timedelta(minutes=1),
            category=categorise(RULES, kind, failure.message),
            error_type=kind,
            error_message=failure.message,
            failing_node=failure.node,
        ),
        last_good=RunFacts("good", "succeeded"),
        changes=changes,
        healthy=[
            *others,
            *(run for each in plan.healthy for run in healthy_story(each)),
            healthy("good", plan.scenario.values, same_scenario=True),
        ],
        errors=[
            ErrorText(failure.message, True),
            ErrorText("".join(traceback.format_exception(failure.error)), False),
        ],
        activity=NodeActivity(reached, frozenset(reached[:-1])),
        healthy_activity=NodeActivity([result.node for result in good], frozenset(result.node for result in good)),
    )


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        *((name, seed) for name in ("validation", "calculation", "out-of-band") for seed in range(1000, 1030)),
        *(("timeout", seed) for seed in range(1000, 1004)),
    ],
)
def test_the_seeded_change_is_found(name, seed):
    plan = plan_incident(name, Seeds(seed))
    found = explain(case_of(plan, seed))
    assert found.cause, found.summary
    seeded = f"forecast.inputs/{'/'.join(plan.seeded.key)}/{plan.position + 1}"
    assert (found.cause.kind, found.cause.category, found.cause.node, found.cause.change_key) == (
        plan.kind,
        plan.category,
        plan.node,
        seeded,
    )
