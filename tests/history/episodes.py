"""A history of a forecasting application, told episode by episode in time order: who changed what, which runs failed.

Scenario sizes have a heavy tail. An episode is complete in itself: its transactions, their contexts and all their log lines.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

from history.told import Stream, error

from clearsight.logline import LogError
from stream_processors.records import RawRecord

USERS, SCENARIOS, INPUTS, RUNS, NODES = (
    f"forecast.{table}" for table in ("users", "scenarios", "inputs", "runs", "run_nodes")
)
DAYS = 180
EVENTS_A_SCENARIO = 2_500
EVENTS_AN_EPISODE = 11.5
TAIL = 0.9
"""The scenario of rank n is busy as 1/n to this power."""
INPUT_NAMES = (
    ("demand", "growth"), ("demand", "base"), ("demand", "seasonality"), ("price", "list_price"), ("price", "discount"),
    ("price", "elasticity"), ("capacity", "lines"), ("capacity", "utilisation"), ("cost", "labour"), ("cost", "material"),
    ("allocation", "horizon"), ("allocation", "buffer"),
)  # fmt: skip
GRAPH = ("demand", "price", "capacity", "cost", "allocation")
FAILURES = (
    ("TimeoutError", "node {node}: the time budget of 30 s is used up"),
    ("ValidationError", "{node}: growth must not be negative"),
    ("ZeroDivisionError", "{node}: division by zero"),
    ("OperationalError", "{node}: deadlock detected"),
    ("EngineError", "{node}: lost the worker"),
)
FAILED_SHARE = 0.07
LIFECYCLE = ("submitted", "approved", "locked")
_SECOND_US = 1_000_000


@dataclass
class Scenario:
    scenario_id: str
    owner: str
    row: dict[str, Any]
    inputs: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    """Of LIFECYCLE that were made."""
    busy_until_us: int = 0


class Episode(NamedTuple):
    records: list[RawRecord]
    events: int
    """Row changes and log lines."""


class History:
    """About `events` row changes and log lines that end at `until`; stream `number` of `among` tells its share."""

    def __init__(self, events: int, seed: int, until: datetime, stream: Stream, among: int = 1) -> None:
        self._rng = random.Random(f"{seed}/{stream.number}/{among}")
        self._stream = stream
        self._events = math.ceil(events / among)
        self._count = max(2, self._events // EVENTS_A_SCENARIO)
        self._user_count = max(3, self._count // 8)
        self._users: list[str] = []
        self._scenarios: list[Scenario] = []
        self._heights = list(accumulate(1 / (rank + 2) ** TAIL for rank in range(self._count)))
        span_us = DAYS * 86_400 * _SECOND_US
        self._now_us = int(until.timestamp()) * _SECOND_US - span_us
        self._step_us = 0.98 * span_us / (self._events / EVENTS_AN_EPISODE)

    def __iter__(self) -> Iterator[Episode]:
        """Everybody and every scenario begins in the first tenth; busy ones first."""
        told = 0
        while told < self._events:
            self._now_us += int(self._rng.expovariate(1 / self._step_us)) + 1
            episode = self._next(told)
            told += episode.events
            yield episode

    def _next(self, told: int) -> Episode:
        if len(self._users) < self._user_count:
            return self._new_user()
        due = self._count * min(1.0, 10 * told / self._events)
        if len(self._scenarios) < 2 or (len(self._scenarios) < self._count and len(self._scenarios) < due):
            return self._new_scenario()
        scenario, chance = self._choose(), self._rng.random()
        if chance < 0.25:
            return self._run(scenario)
        if chance < 0.87:
            return self._edit(scenario)
        if chance < 0.90:
            return self._out_of_band(scenario)
        if chance < 0.93:
            return self._lifecycle(scenario)
        return self._bulk(scenario) if chance < 0.95 else self._stray()

    def _choose(self) -> Scenario:
        """By weight, among those that no run holds now."""
        for _ in range(8):
            known = len(self._scenarios)
            found = self._scenarios[bisect(self._heights, self._rng.random() * self._heights[known - 1], 0, known - 1)]
            if found.busy_until_us < self._now_us:
                return found
        self._now_us = found.busy_until_us + 1
        return found

    def _new_user(self) -> Episode:
        user, number = self._uuid(), len(self._users)
        self._users.append(user)
        made = self._stream.transaction(self._now_us).context(self._uuid(), user, "user.create")
        made.row(USERS, None, {"user_id": user, "name": f"Person {number}", "email": f"person{number}@example.com"})
        return _episode(made.records)

    def _new_scenario(self) -> Episode:
        owner, key = self._rng.choice(self._users), self._uuid()
        row = {"scenario_id": key, "name": f"Plan {len(self._scenarios)}", "owner_id": owner, "status": "draft"}
        row |= {"created_at": _iso(self._now_us), **{f"{name}_at": None for name in (*LIFECYCLE, "archived")}}
        scenario = Scenario(key, owner, row)
        correlation = self._uuid()
        made = self._stream.transaction(self._now_us).context(correlation, owner, "scenario.create")
        made.row(SCENARIOS, None, row)
        for node, name in INPUT_NAMES:
            each = {
                "input_id": self._uuid(),
                "scenario_id": key,
                "node": node,
                "name": name,
                "value_number": self._value(),
            }
            each |= {"value_text": None, "value_json": None}
            scenario.inputs.append(each)
            made.row(INPUTS, None, each)
        self._scenarios.append(scenario)
        line = self._line(300_000, f"scenario {row['name']} created", 0, correlation_id=correlation)
        return _episode([*made.records, line])

    def _edit(self, scenario: Scenario) -> Episode:
        user, correlation = self._someone(scenario), self._uuid()
        made = self._stream.transaction(self._now_us).context(correlation, user, "input.change")
        for place in self._rng.sample(range(len(INPUT_NAMES)), self._rng.choice((1, 1, 1, 2, 2, 3, 4))):
            self._change(made, scenario, place)
        asked = self._line(-20_000, "PUT /scenarios/inputs", 0, correlation_id=correlation, user_id=user)
        done = self._line(15_000, "inputs saved", 0, correlation_id=correlation, attributes={"status": 200})
        return _episode([asked, *made.records, done])

    def _out_of_band(self, scenario: Scenario) -> Episode:
        made = self._stream.transaction(self._now_us)
        self._change(made, scenario, self._rng.randrange(len(INPUT_NAMES)))
        return _episode(made.records)

    def _change(self, made: Any, scenario: Scenario, place: int) -> None:
        before = scenario.inputs[place]
        after = {**before, "value_number": self._value()}
        scenario.inputs[place] = after
        made.row(INPUTS, before, after)

    def _lifecycle(self, scenario: Scenario) -> Episode:
        if scenario.steps == len(LIFECYCLE):
            return self._edit(scenario)
        step = LIFECYCLE[scenario.steps]
        scenario.steps += 1
        after = {**scenario.row, "status": step, f"{step}_at": _iso(self._now_us)}
        correlation = self._uuid()
        made = self._stream.transaction(self._now_us).context(correlation, scenario.owner, f"scenario.{step}")
        made.row(SCENARIOS, scenario.row, after)
        scenario.row = after
        return _episode([*made.records, self._line(9_000, f"scenario {step}", 0, correlation_id=correlation)])

    def _bulk(self, scenario: Scenario) -> Episode:
        """One correlation id over two scenarios; its line belongs to both."""
        other = self._choose()
        if other is scenario:
            return self._edit(scenario)
        user, correlation = self._someone(scenario), self._uuid()
        made = self._stream.transaction(self._now_us).context(correlation, user, "scenario.bulk")
        for each in (scenario, other):
            after = {**each.row, "name": f"{each.row['name'].partition(' v')[0]} v{self._rng.randrange(1000)}"}
            made.row(SCENARIOS, each.row, after)
            each.row = after
        message = f"renamed {scenario.scenario_id} and {other.scenario_id}"
        return _episode([*made.records, self._line(8_000, message, 0, correlation_id=correlation)])

    def _stray(self) -> Episode:
        lines = [self._line(number, "health check", 1) for number in range(self._rng.randrange(1, 4))]
        return _episode([*lines, self._line(7, "GET /scenarios", 0, correlation_id=self._uuid())])

    def _run(self, scenario: Scenario) -> Episode:
        user, correlation, run = self._someone(scenario), self._uuid(), self._uuid()
        duration_us = int(self._rng.lognormvariate(3.4, 0.8) * _SECOND_US)
        failing = self._rng.choice(GRAPH) if self._rng.random() < FAILED_SHARE else None
        before = {"run_id": run, "scenario_id": scenario.scenario_id, "started_by": user, "status": "running"}
        before |= {"started_at": _iso(self._now_us), "finished_at": None, "error_message": None, "failed_node": None}
        begun = self._stream.transaction(self._now_us).context(correlation, user, "run.start").row(RUNS, None, before)
        told = {"correlation_id": correlation, "run_id": run, "scenario_id": scenario.scenario_id}
        lines, why = self._lines(told, duration_us, failing)
        end_us = self._now_us + duration_us
        scenario.busy_until_us = end_us + 1
        done = self._stream.transaction(end_us).context(correlation, user, "run.finish")
        for node in GRAPH:
            state = "failed" if node == failing else "succeeded"
            done.row(
                NODES, None, {"run_id": run, "node": node, "status": state, "result": self._value(), "error": None}
            )
            if node == failing:
                break
        after = {**before, "status": "failed" if why else "succeeded", "finished_at": _iso(end_us)}
        if why:
            after |= {"error_message": f"{why.type}: {why.message}", "failed_node": failing}
        done.row(RUNS, before, after)
        return _episode([*begun.records, *lines, *done.records])

    def _lines(
        self, told: dict[str, Any], duration_us: int, failing: str | None
    ) -> tuple[list[RawRecord], LogError | None]:
        """What the engine says while it runs, and with which error it ends."""
        count = self._rng.randrange(12, 34)
        lines = [self._line(2_000, "run accepted", 0, correlation_id=told["correlation_id"])]
        for number in range(count):
            node = GRAPH[number * len(GRAPH) // count]
            at_us = 5_000 + (duration_us - 10_000) * number // count
            warns = self._rng.random() < 0.03
            message = f"{node}: residual {self._rng.random():.6f} after {number} iterations, {self._rng.randrange(10**6)} cells"
            lines.append(self._line(at_us, message, 1, level="WARN" if warns else "INFO", node=node, **told))
            if node == failing:
                kind, text = FAILURES[self._rng.randrange(len(FAILURES))]
                why = error(kind, text.format(node=node), node)
                end = self._line(
                    duration_us - 3_000, f"node {node} failed", 1, level="ERROR", error=why, node=node, **told
                )
                return [*lines, end], why
        return [*lines, self._line(duration_us - 2_000, "run finished", 1, **told)], None

    def _line(self, after_us: int, message: str, group: int, **told: Any) -> RawRecord:
        """`after_us` the episode's time."""
        service = ("forecast-api", "forecast-engine")[group]
        return self._stream.line(self._now_us + after_us, message, group, service=service, format="json", **told)

    def _someone(self, scenario: Scenario) -> str:
        """The owner mostly; the same few of the others mostly."""
        if self._rng.random() < 0.7:
            return scenario.owner
        return self._users[int(len(self._users) * self._rng.random() ** 3)]

    def _value(self) -> str:
        return f"{self._rng.lognormvariate(3, 1):.4f}"

    def _uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))


def _episode(records: list[RawRecord]) -> Episode:
    return Episode(records, sum(b'"op":"m"' not in record.value[:10] for record in records if record.value))


def _iso(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / _SECOND_US, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
