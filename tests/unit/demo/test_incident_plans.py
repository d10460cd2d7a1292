"""For any seed an incident is hard in the same, promised way."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearsight.demo.catalogue import spec
from clearsight.demo.engine import NODES, Value
from clearsight.demo.incident_plans import FAULTS, NAMES, IncidentPlan, Key, Name, plan_incident
from clearsight.demo.run import compute_nodes
from clearsight.demo.seeds import Seeds

pytestmark = pytest.mark.unit

plans = st.builds(
    lambda name, seed: plan_incident(name, Seeds(seed)), st.sampled_from(NAMES), st.integers(0, 2**63 - 1)
)
SILENT = logging.Logger("silent", logging.CRITICAL)


def by_node(values: dict[Key, Value]) -> dict[str, dict[str, Value]]:
    nodes: dict[str, dict[str, Value]] = {}
    for (node, name), value in values.items():
        nodes.setdefault(node, {})[name] = value
    return nodes


@given(plans)
def test_three_harmless_changes_by_others_and_the_seeded_one_not_last(plan: IncidentPlan) -> None:
    edits = plan.scenario.edits
    assert len(edits) >= 3
    assert 0 <= plan.position < len(edits)
    assert all(edit.actor != plan.seeded.actor for edit in edits)
    assert len({edit.key for edit in edits} | {plan.seeded.key}) == len(edits) + 1
    assert all(edit.value != plan.scenario.values[edit.key] for edit in (*edits, plan.seeded))


@given(plans)
def test_two_healthy_scenarios_see_the_same_kinds_of_change(plan: IncidentPlan) -> None:
    kinds = {plan.seeded.key, *(edit.key for edit in plan.scenario.edits)}
    assert len(plan.healthy) == 2
    for scenario in plan.healthy:
        assert kinds <= {edit.key for edit in scenario.edits}


@settings(max_examples=30, deadline=None)
@given(plans)
def test_everything_but_the_seeded_change_is_harmless(plan: IncidentPlan) -> None:
    for scenario in (plan.scenario, *plan.healthy):
        before = by_node(scenario.values)
        after = by_node({**scenario.values, **{edit.key: edit.value for edit in scenario.edits}})
        for values in (before, after):
            assert [result.failure for result in compute_nodes(values, SILENT, {})] == [None] * len(NODES)


@settings(max_examples=30, deadline=None)
@given(plans.filter(lambda plan: plan.kind != "contention" and plan.category != "timeout"))
def test_the_engine_fails_where_the_seeded_change_is(plan: IncidentPlan) -> None:
    values = {**plan.scenario.values, **{edit.key: edit.value for edit in (*plan.scenario.edits, plan.seeded)}}
    failure = compute_nodes(by_node(values), SILENT, {})[-1].failure
    assert failure is not None
    assert failure.node == plan.node == plan.seeded.node


@given(plans.filter(lambda plan: plan.kind == "contention"))
def test_the_other_session_locks_against_the_order_of_a_run(plan: IncidentPlan) -> None:
    order = [node.name for node in NODES]
    assert plan.contended is not None
    assert order.index(plan.contended.node) < order.index(plan.seeded.node)
    assert {plan.contended.key, plan.seeded.key}.isdisjoint(edit.key for edit in plan.scenario.edits)


@given(st.sampled_from(NAMES), st.integers(0, 2**31), st.integers(0, 9))
def test_a_round_changes_ids_only(name: Name, seed: int, round_: int) -> None:
    assert plan_incident(name, Seeds(seed)) == plan_incident(name, Seeds(seed, round_))
    assert Seeds(seed, 0).ids("x").uuid() != Seeds(seed, 1).ids("x").uuid()


def test_failing_inputs_vary_with_the_seed() -> None:
    for category, least in {"timeout": 3, "validation": 5, "calculation": 4}.items():
        faults = {plan_incident(category, Seeds(seed)).seeded.key for seed in range(60)}  # type: ignore[arg-type]
        assert len(faults) >= least
    assert {spec(fault.node, fault.name).node for fault in FAULTS} == {node.name for node in NODES}
