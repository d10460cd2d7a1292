"""The inputs of a scenario: which node reads them and what healthy values look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from clearsight.demo.engine import Value

MONTHS = 12


@dataclass(frozen=True)
class InputSpec:
    node: str
    name: str
    healthy: Callable[[Random], Value]


def _between(low: float, high: float, digits: int = 2) -> Callable[[Random], Value]:
    return lambda random: round(random.uniform(low, high), digits)


def _count(low: int, high: int) -> Callable[[Random], Value]:
    return lambda random: random.randint(low, high)


def _one_of(*choices: str) -> Callable[[Random], Value]:
    return lambda random: random.choice(choices)


def _monthly(low: float, high: float) -> Callable[[Random], Value]:
    return lambda random: [round(random.uniform(low, high), 2) for _ in range(MONTHS)]


def _segments(random: Random) -> Value:
    retail = round(random.uniform(0.3, 0.7), 2)
    return {"retail": retail, "online": round(1 - retail, 2)}


CATALOGUE: tuple[InputSpec, ...] = (
    InputSpec("demand", "base_units", _count(800, 5000)),
    InputSpec("demand", "growth", _between(0.0, 0.08, 3)),
    InputSpec("demand", "history", _monthly(600, 5500)),
    InputSpec("demand", "iterations", _count(3, 12)),
    InputSpec("seasonality", "profile", _monthly(0.7, 1.4)),
    InputSpec("seasonality", "resolution", _count(4, 24)),
    InputSpec("price", "list_price", _between(5, 80)),
    InputSpec("price", "reference_price", _between(5, 80)),
    InputSpec("price", "elasticity", _between(-2.6, -1.2)),
    InputSpec("promotion", "discount", _between(0.0, 0.4)),
    InputSpec("promotion", "uplift", _between(1.0, 1.6)),
    InputSpec("promotion", "campaign", _one_of("none", "flyer", "O'Reilly's TV spot", 'e-mail "last call"')),
    InputSpec("inventory", "on_hand", _count(100, 9000)),
    InputSpec("inventory", "safety_stock", _count(50, 800)),
    InputSpec("inventory", "lead_time_days", _count(2, 30)),
    InputSpec("inventory", "samples", _count(20, 200)),
    InputSpec("capacity", "units_per_shift", _count(200, 900)),
    InputSpec("capacity", "shifts", _count(1, 6)),
    InputSpec("capacity", "headcount", _count(5, 80)),
    InputSpec("forecast", "horizon", _count(6, 52)),
    InputSpec("forecast", "base", _count(100, 1000)),
    InputSpec("forecast", "method", _one_of("additive", "multiplicative")),
    InputSpec("forecast", "segments", _segments),
)

REMARK = ("forecast", "remark")
"""An input that no node reads: people's remarks, which come, change and go."""


def spec(node: str, name: str) -> InputSpec:
    return next(item for item in CATALOGUE if (item.node, item.name) == (node, name))
