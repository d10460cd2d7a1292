"""The engine computes, and fails where the numbers make it fail."""

from __future__ import annotations

import logging
from random import Random

import pytest

from clearsight.demo.catalogue import CATALOGUE
from clearsight.demo.engine import NODES, Budget, TimeBudgetExceeded, ValidationError, Value
from clearsight.demo.run import Failure, NodeResult, compute_nodes

pytestmark = pytest.mark.unit

SILENT = logging.Logger("silent", logging.CRITICAL)


def healthy() -> dict[str, dict[str, Value]]:
    random = Random(1)
    values: dict[str, dict[str, Value]] = {}
    for item in CATALOGUE:
        values.setdefault(item.node, {})[item.name] = item.healthy(random)
    return values


def compute(node: str = "", name: str = "", value: Value = None) -> list[NodeResult]:
    values = healthy()
    if node:
        values[node][name] = value
    return compute_nodes(values, SILENT, {})


def failure(node: str, name: str, value: Value) -> Failure:
    last = compute(node, name, value)[-1]
    assert last.failure is not None
    assert last.node == node
    return last.failure


def test_every_node_reads_earlier_nodes_only() -> None:
    seen: set[str] = set()
    for node in NODES:
        assert set(node.reads) <= seen
        seen.add(node.name)


def test_healthy_inputs_give_a_result_in_every_node() -> None:
    results = compute()
    assert [result.node for result in results] == [node.name for node in NODES]
    assert all(result.result is not None and result.failure is None for result in results)


def test_results_flow_downstream() -> None:
    usual, doubled = compute(), compute("demand", "base_units", 9999)
    changed = {a.node for a, b in zip(usual, doubled, strict=True) if a.result != b.result}
    assert changed >= {"demand", "capacity", "forecast"}
    assert not changed & {"seasonality", "price", "promotion"}


def test_nodes_after_the_failing_one_are_not_computed() -> None:
    assert [result.node for result in compute("price", "list_price", -1)] == ["demand", "seasonality", "price"]


@pytest.mark.parametrize(
    ("node", "name", "value", "message"),
    [
        ("demand", "base_units", -120, "base_units must not be negative, got -120"),
        ("demand", "base_units", None, "base_units is not a number: None"),
        ("demand", "history", [1.0, -2.0], "history[1] must not be negative, got -2"),
        ("demand", "history", [1.0, "x"], "history[1] is not a number: 'x'"),
        ("seasonality", "profile", [1.0] * 11, "profile must have 12 factors, got 11"),
        ("promotion", "discount", 25, "discount must be between 0 and 1, got 25"),
        ("forecast", "method", "guess", "method must be additive or multiplicative, got 'guess'"),
        ("forecast", "segments", {"retail": 0.2}, "segments must be shares that add up to 1"),
        ("forecast", "horizon", 0, "horizon must be at least 1, got 0"),
    ],
)
def test_what_is_wrong_with_a_value_is_said(node: str, name: str, value: Value, message: str) -> None:
    failed = failure(node, name, value)
    assert isinstance(failed.error, ValidationError)
    assert failed.message == f"node {node} failed: ValidationError: {message}"


@pytest.mark.parametrize(
    ("node", "name", "value"),
    [
        ("price", "elasticity", -1),
        ("capacity", "shifts", 0),
        ("forecast", "base", 0),
        ("inventory", "lead_time_days", 0),
    ],
)
def test_divisions_by_zero_are_real(node: str, name: str, value: Value) -> None:
    failed = failure(node, name, value)
    assert isinstance(failed.error, ZeroDivisionError)
    assert "division by zero" in failed.message


def test_the_time_budget_counts_computing_time() -> None:
    now_s = iter([10.0, 10.2, 10.3]).__next__
    budget = Budget(limit_ms=250, clock_s=now_s)
    budget.spend()
    with pytest.raises(TimeBudgetExceeded, match="time budget of 250 ms exceeded, stopped after 300 ms"):
        budget.spend()


@pytest.mark.parametrize(
    ("node", "name"),
    [("demand", "iterations"), ("seasonality", "resolution"), ("inventory", "samples"), ("forecast", "horizon")],
)
def test_a_huge_input_really_runs_out_of_time(node: str, name: str) -> None:
    failed = failure(node, name, 50_000_000)
    assert isinstance(failed.error, TimeBudgetExceeded)
    assert name not in failed.message
