"""What each incident will be: decided from the seed alone, before anything is touched.

    healthy scenarios (two):  a run, the same kinds of change with healthy values, a run
    the scenario:             a good run, harmless changes, the seeded one among them and never last, the failing run

Whether the run fails, where and with what is not decided here: the engine and the database find out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from clearsight.demo.catalogue import CATALOGUE, MONTHS, InputSpec, spec
from clearsight.demo.engine import NODES, Value
from clearsight.demo.seeds import Seeds, scenario_name

Name = Literal["timeout", "validation", "calculation", "database", "out-of-band"]
Kind = Literal["input_change", "out_of_band", "contention"]
Category = Literal["timeout", "validation", "calculation", "database"]
Key = tuple[str, str]
"""Node and name of an input."""

NAMES: tuple[Name, ...] = ("timeout", "validation", "calculation", "database", "out-of-band")
HARMLESS_MIN, HARMLESS_MAX = 3, 6
PEOPLE = 6
"""The first owns the scenario; who seeds the fault makes no harmless change."""


class Fault(NamedTuple):
    category: Category
    node: str
    name: str
    value: Callable[[Random], Value]


def _huge(random: Random) -> Value:
    return random.randint(20, 90) * 1_000_000


def _negative(random: Random) -> Value:
    return -random.randint(40, 2400)


def _one_negative_month(random: Random) -> Value:
    months: list[float] = [random.randint(600, 5500) for _ in range(MONTHS)]
    months[random.randrange(MONTHS)] = -random.randint(40, 900)
    return months


def _too_few_months(random: Random) -> Value:
    return [round(random.uniform(0.7, 1.4), 2) for _ in range(random.randint(7, MONTHS - 1))]


def _zero(random: Random) -> Value:
    return 0


def _unit_elastic(random: Random) -> Value:
    return -1


def _per_cent(random: Random) -> Value:
    return random.randint(15, 40)


FAULTS: tuple[Fault, ...] = (
    Fault("timeout", "demand", "iterations", _huge),
    Fault("timeout", "seasonality", "resolution", _huge),
    Fault("timeout", "inventory", "samples", _huge),
    Fault("timeout", "forecast", "horizon", _huge),
    Fault("validation", "demand", "base_units", _negative),
    Fault("validation", "demand", "history", _one_negative_month),
    Fault("validation", "seasonality", "profile", _too_few_months),
    Fault("validation", "price", "list_price", _negative),
    Fault("validation", "promotion", "discount", _per_cent),
    Fault("validation", "inventory", "on_hand", _negative),
    Fault("validation", "capacity", "headcount", _negative),
    Fault("calculation", "price", "elasticity", _unit_elastic),
    Fault("calculation", "price", "reference_price", _zero),
    Fault("calculation", "inventory", "lead_time_days", _zero),
    Fault("calculation", "capacity", "units_per_shift", _zero),
    Fault("calculation", "capacity", "shifts", _zero),
    Fault("calculation", "forecast", "base", _zero),
)


class Edit(NamedTuple):
    actor: int
    """Which of the people; nobody's for an edit out of band."""
    node: str
    name: str
    value: Value

    @property
    def key(self) -> Key:
        return self.node, self.name


@dataclass(frozen=True)
class ScenarioPlan:
    name: str
    owner: int
    values: dict[Key, Value]
    edits: tuple[Edit, ...]
    """In order; of the failing scenario only the harmless ones."""


@dataclass(frozen=True)
class IncidentPlan:
    name: Name
    kind: Kind
    category: Category
    node: str
    """Where the run fails."""
    scenario: ScenarioPlan
    seeded: Edit
    position: int
    """How many of the scenario's edits come before the seeded one; at least one comes after it."""
    contended: Edit | None
    """Contention: what the other session changes while it holds the row of the seeded edit."""
    healthy: tuple[ScenarioPlan, ...]


def plan_incident(name: Name, seeds: Seeds) -> IncidentPlan:
    """The same seed gives the same incident, whatever its round."""
    random = seeds.decisions(f"incident/{name}")
    values = _healthy_values(random)
    culprit = random.randrange(1, PEOPLE)
    if name == "database":
        kind, category, seeded, contended = _contention(random, values, culprit)
    else:
        kind, category, seeded, contended = _fault(random, name, culprit)
    seeds_keys = [seeded.key, *([contended.key] if contended else [])]
    harmless = _harmless(random, values, seeds_keys, culprit)
    kinds = [*seeds_keys, *(edit.key for edit in harmless)]
    return IncidentPlan(
        name=name,
        kind=kind,
        category=category,
        node=seeded.node,
        scenario=ScenarioPlan(scenario_name(random), 0, values, harmless),
        seeded=seeded,
        position=random.randrange(len(harmless)),
        contended=contended,
        healthy=tuple(_healthy_scenario(random, kinds) for _ in range(2)),
    )


def _fault(random: Random, name: Name, culprit: int) -> tuple[Kind, Category, Edit, Edit | None]:
    fault = random.choice([fault for fault in FAULTS if name in ("out-of-band", fault.category)])
    kind: Kind = "out_of_band" if name == "out-of-band" else "input_change"
    return kind, fault.category, Edit(culprit, fault.node, fault.name, fault.value(random)), None


def _contention(random: Random, values: dict[Key, Value], culprit: int) -> tuple[Kind, Category, Edit, Edit | None]:
    """The run locks the nodes in their order, the other session a later one first."""
    first, second = sorted(random.sample(range(len(NODES)), 2))
    earlier, later = (_change_in(random, values, NODES[place].name, culprit) for place in (first, second))
    return "contention", "database", later, earlier


def _change_in(random: Random, values: dict[Key, Value], node: str, actor: int) -> Edit:
    return _change(random, values, random.choice([item for item in CATALOGUE if item.node == node]), actor)


def _change(random: Random, values: dict[Key, Value], item: InputSpec, actor: int) -> Edit:
    """Another healthy value than the one it has."""
    while (value := item.healthy(random)) == values[item.node, item.name]:
        pass
    return Edit(actor, item.node, item.name, value)


def _harmless(random: Random, values: dict[Key, Value], taken: list[Key], culprit: int) -> tuple[Edit, ...]:
    free = [item for item in CATALOGUE if (item.node, item.name) not in taken]
    others = [actor for actor in range(PEOPLE) if actor != culprit]
    chosen = random.sample(free, random.randint(HARMLESS_MIN, HARMLESS_MAX))
    return tuple(_change(random, values, item, random.choice(others)) for item in chosen)


def _healthy_scenario(random: Random, kinds: list[Key]) -> ScenarioPlan:
    values = _healthy_values(random)
    order = random.sample(kinds, len(kinds))
    edits = tuple(_change(random, values, spec(*key), random.randrange(PEOPLE)) for key in order)
    return ScenarioPlan(scenario_name(random), random.randrange(PEOPLE), values, edits)


def _healthy_values(random: Random) -> dict[Key, Value]:
    return {(item.node, item.name): item.healthy(random) for item in CATALOGUE}
