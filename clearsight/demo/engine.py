"""The forecast itself: seven nodes that compute from their inputs and from each other's results.

It checks what a real engine checks and fails where the numbers make it fail; nobody tells it when to.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Value = float | int | str | list[float] | dict[str, float] | None
Inputs = Mapping[str, Value]
Results = Mapping[str, float]

TIME_BUDGET_MS = 250.0
"""Of computing time a node; waiting for a busy machine does not count."""


class ValidationError(ValueError):
    """An input is not what its node can compute with."""


class TimeBudgetExceeded(TimeoutError):
    """A node computed for longer than it may."""


class Budget:
    """The computing time of one node."""

    def __init__(self, limit_ms: float = TIME_BUDGET_MS, clock_s: Callable[[], float] = time.thread_time) -> None:
        self._limit_ms = limit_ms
        self._clock_s = clock_s
        self._started_s = clock_s()

    def spend(self) -> None:
        """Raises TimeBudgetExceeded once the budget is spent."""
        spent_ms = (self._clock_s() - self._started_s) * 1000
        if spent_ms > self._limit_ms:
            raise TimeBudgetExceeded(
                f"time budget of {self._limit_ms:.0f} ms exceeded, stopped after {spent_ms:.0f} ms"
            )


@dataclass(frozen=True)
class Node:
    name: str
    reads: tuple[str, ...]
    """The nodes whose results it needs."""
    compute: Callable[[Inputs, Results, Budget], float]


def _demand(inputs: Inputs, results: Results, budget: Budget) -> float:
    base_units = _not_negative(inputs, "base_units")
    history = _series(inputs, "history")
    level = history[0]
    for _ in range(_count(inputs, "iterations")):
        for observed in history:
            level += 0.3 * (observed - level)
        budget.spend()
    return (base_units + level) / 2 * (1 + _number(inputs, "growth"))


def _seasonality(inputs: Inputs, results: Results, budget: Budget) -> float:
    profile = _series(inputs, "profile")
    if len(profile) != 12:
        raise ValidationError(f"profile must have 12 factors, got {len(profile)}")
    steps, area = _count(inputs, "resolution"), 0.0
    for month, factor in enumerate(profile):
        following = profile[(month + 1) % 12]
        for step in range(steps):
            area += factor + (following - factor) * step / steps
            budget.spend()
    return area / (12 * steps)


def _price(inputs: Inputs, results: Results, budget: Budget) -> float:
    list_price, elasticity = _not_negative(inputs, "list_price"), _number(inputs, "elasticity")
    markup = elasticity / (1 + elasticity)
    relative = list_price / _number(inputs, "reference_price")
    return list_price * (markup + math.log1p(relative)) / 2


def _promotion(inputs: Inputs, results: Results, budget: Budget) -> float:
    discount = _number(inputs, "discount")
    if not 0 <= discount <= 1:
        raise ValidationError(f"discount must be between 0 and 1, got {discount:g}")
    if not isinstance(inputs.get("campaign"), str):
        raise ValidationError("campaign must be a text")
    reach = 1.0 if inputs["campaign"] == "none" else _number(inputs, "uplift")
    return reach * (1 + discount) * results["price"] / (1 + results["price"])


def _inventory(inputs: Inputs, results: Results, budget: Budget) -> float:
    on_hand, lead_time = _not_negative(inputs, "on_hand"), _number(inputs, "lead_time_days")
    daily = results["demand"] * results["promotion"] / 30
    cover_days, state, short = on_hand / lead_time, 1, 0
    samples = _count(inputs, "samples")
    for _ in range(samples):
        state = state * 48271 % 0x7FFFFFFF
        short += daily * (0.5 + state / 0x7FFFFFFF) > cover_days
        budget.spend()
    return on_hand - _not_negative(inputs, "safety_stock") * short / samples


def _capacity(inputs: Inputs, results: Results, budget: Budget) -> float:
    headcount = _not_negative(inputs, "headcount")
    shifts_needed = results["demand"] / _number(inputs, "units_per_shift")
    load = shifts_needed / _number(inputs, "shifts")
    return headcount / (1 + load)


def _forecast(inputs: Inputs, results: Results, budget: Budget) -> float:
    method, segments = inputs.get("method"), inputs.get("segments")
    if method not in ("additive", "multiplicative"):
        raise ValidationError(f"method must be additive or multiplicative, got {method!r}")
    if not isinstance(segments, dict) or not math.isclose(sum(segments.values()), 1, abs_tol=0.01):
        raise ValidationError("segments must be shares that add up to 1")
    total, periods = 0.0, _count(inputs, "horizon")
    for period in range(periods):
        swing = results["seasonality"] * math.sin(period)
        total += results["demand"] + swing if method == "additive" else results["demand"] * (1 + swing / 10)
        budget.spend()
    return total / periods / _number(inputs, "base") + results["inventory"] / 1000 + results["capacity"]


NODES: tuple[Node, ...] = (
    Node("demand", (), _demand),
    Node("seasonality", (), _seasonality),
    Node("price", (), _price),
    Node("promotion", ("price",), _promotion),
    Node("inventory", ("demand", "promotion"), _inventory),
    Node("capacity", ("demand",), _capacity),
    Node("forecast", ("demand", "seasonality", "inventory", "capacity"), _forecast),
)
"""In an order in which each node comes after those that it reads."""


def _number(inputs: Inputs, name: str) -> float:
    value = inputs.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValidationError(f"{name} is not a number: {value!r}")
    return float(value)


def _not_negative(inputs: Inputs, name: str) -> float:
    value = _number(inputs, name)
    if value < 0:
        raise ValidationError(f"{name} must not be negative, got {value:g}")
    return value


def _count(inputs: Inputs, name: str) -> int:
    value = int(_number(inputs, name))
    if value < 1:
        raise ValidationError(f"{name} must be at least 1, got {value}")
    return value


def _series(inputs: Inputs, name: str) -> list[float]:
    value = inputs.get(name)
    if not isinstance(value, list) or not value:
        raise ValidationError(f"{name} must be a list of numbers")
    for place, item in enumerate(value):
        if isinstance(item, bool) or not isinstance(item, (int, float)):
            raise ValidationError(f"{name}[{place}] is not a number: {item!r}")
        if item < 0:
            raise ValidationError(f"{name}[{place}] must not be negative, got {item:g}")
    return value
