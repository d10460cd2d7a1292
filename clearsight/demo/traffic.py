"""Everyday work on the forecasting service: many users, healthy values, and the oddities that real life has.

Each worker has its own users and scenarios, so what it does follows from the seed, however threads take turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID

from clearsight.demo.application import STATES, ForecastApplication, Input, change_input
from clearsight.demo.catalogue import CATALOGUE, REMARK, spec
from clearsight.demo.engine import NODES
from clearsight.demo.pace import Pace
from clearsight.demo.run import run_forecast
from clearsight.demo.seeds import Person, Seeds, person, person_name, remark, scenario_name
from clearsight.errors import Unavailable

WORKERS = 6
USERS = 4
SCENARIOS = 4
"""Of each worker, at the start."""

SCENARIOS_MAX = 14


@dataclass
class Scenario:
    scenario_id: UUID
    inputs: list[Input]
    status: str = "draft"
    remark: Input | None = None
    last_run: UUID | None = None

    @property
    def editable(self) -> bool:
        return self.status in ("draft", "submitted")


@dataclass(frozen=True)
class Activity:
    """A kind of work: how often it is chosen, how many commits it makes at most."""

    weight: int
    commits: int
    perform: Callable[[TrafficWorker], None]


class TrafficWorker:
    """One thread's share of the work."""

    def __init__(self, application: ForecastApplication, seeds: Seeds, number: int) -> None:
        self.application = application
        self.random = seeds.decisions(f"traffic/{number}")
        self.ids = seeds.ids(f"traffic/{number}")
        self.people: list[Person] = []
        self.scenarios: list[Scenario] = []

    def settle(self, pace: Pace) -> None:
        """The users and scenarios that there are before the day begins."""
        for perform in [create_user] * USERS + [create_scenario] * SCENARIOS:
            time.sleep(pace.reserve(time.monotonic()))
            perform(self)

    def step(self, pace: Pace) -> None:
        """Choose one activity, wait for its turn and do it."""
        activity = self.random.choices(ACTIVITIES, WEIGHTS)[0]
        time.sleep(pace.reserve(time.monotonic(), activity.commits))
        activity.perform(self)

    def someone(self) -> UUID:
        return self.random.choice(self.people).user_id

    def request(self, use_case: str) -> AbstractContextManager[None]:
        return self.application.request(self.someone(), use_case, self.ids.correlation_id())

    def editable(self) -> Scenario:
        return self.random.choice([scenario for scenario in self.scenarios if scenario.editable] or [self.fresh()])

    def fresh(self) -> Scenario:
        create_scenario(self)
        return self.scenarios[-1]

    def changed(self, scenario: Scenario, count: int) -> list[Input]:
        """New healthy values for some inputs, in no order of their keys."""
        chosen = self.random.sample(scenario.inputs, count)
        return [item._replace(value=spec(item.node, item.name).healthy(self.random)) for item in chosen]


def healthy_inputs(worker: TrafficWorker, scenario_id: UUID) -> list[Input]:
    return [
        Input(worker.ids.uuid(), scenario_id, item.node, item.name, item.healthy(worker.random)) for item in CATALOGUE
    ]


def create_user(worker: TrafficWorker) -> None:
    someone = person(worker.random, worker.ids)
    with worker.application.request(someone.user_id, "user.create", worker.ids.correlation_id()):
        worker.application.create_user(someone)
    worker.people.append(someone)


def rename_user(worker: TrafficWorker) -> None:
    with worker.request("user.rename"):
        worker.application.rename_user(worker.someone(), person_name(worker.random))


def create_scenario(worker: TrafficWorker) -> None:
    scenario_id = worker.ids.uuid()
    scenario = Scenario(scenario_id, healthy_inputs(worker, scenario_id))
    with worker.request("scenario.create"):
        worker.application.create_scenario(scenario_id, worker.someone(), scenario_name(worker.random), scenario.inputs)
    worker.scenarios.append(scenario)


def create_or_delete_scenario(worker: TrafficWorker) -> None:
    if len(worker.scenarios) < SCENARIOS_MAX:
        create_scenario(worker)
        return
    old = worker.scenarios.pop(0)
    with worker.request("scenario.delete"):
        worker.application.delete_scenario(old.scenario_id)


def rename_scenario(worker: TrafficWorker) -> None:
    with worker.request("scenario.rename"):
        worker.application.rename_scenario(worker.editable().scenario_id, scenario_name(worker.random))


def advance(worker: TrafficWorker) -> None:
    scenario = worker.random.choice(worker.scenarios)
    if scenario.status == STATES[-1]:
        rename_scenario(worker)
        return
    scenario.status = STATES[STATES.index(scenario.status) + 1]
    with worker.request(f"scenario.{scenario.status}"):
        worker.application.advance(scenario.scenario_id, scenario.status)


def change_one(worker: TrafficWorker) -> None:
    with worker.request("input.change"):
        worker.application.change_inputs(worker.changed(worker.editable(), 1))


def change_several(worker: TrafficWorker) -> None:
    with worker.request("input.change"):
        worker.application.change_inputs(worker.changed(worker.editable(), worker.random.randint(2, 6)))


def edit_two_scenarios(worker: TrafficWorker) -> None:
    """A bulk edit: two transactions on two scenarios under one correlation id."""
    first, second = worker.editable(), worker.editable()
    with worker.request("input.bulk-edit"):
        worker.application.change_inputs(worker.changed(first, 1))
        worker.application.change_inputs(worker.changed(second, 1))


def give_up(worker: TrafficWorker) -> None:
    """Rolled back after its rows were written: nothing of it may ever be seen."""
    with worker.request("input.change"):
        worker.application.change_inputs(worker.changed(worker.editable(), 2), give_up=True)


def note(worker: TrafficWorker) -> None:
    """A remark is added, changed (also to nothing at all), removed."""
    scenario = worker.editable()
    with worker.request("scenario.remark"):
        if scenario.remark is None:
            scenario.remark = Input(worker.ids.uuid(), scenario.scenario_id, *REMARK, remark(worker.random))
            worker.application.add_input(scenario.remark)
        elif worker.random.random() < 0.5:
            worker.application.change_inputs([scenario.remark._replace(value=remark(worker.random))])
        else:
            worker.application.remove_input(scenario.remark)
            scenario.remark = None


def run(worker: TrafficWorker) -> None:
    scenario = worker.random.choice(worker.scenarios)
    run_id = worker.ids.uuid()
    user_id = worker.someone()
    with worker.application.request(user_id, "run.start", worker.ids.correlation_id()):
        run_forecast(worker.application, run_id, scenario.scenario_id, user_id)
    scenario.last_run = run_id


def relabel(worker: TrafficWorker) -> None:
    """The key of a row changes: a node's result is filed under another name."""
    scenario = next((item for item in worker.scenarios if item.last_run), None)
    if scenario is None or scenario.last_run is None:
        change_one(worker)
        return
    node = worker.random.choice(NODES).name
    with worker.request("run.relabel"):
        worker.application.rename_node(scenario.last_run, node, f"{node} (revised)")
    scenario.last_run = None


def nightly_job(worker: TrafficWorker) -> None:
    """A job that nobody gave a context."""
    with worker.application.transaction() as connection:
        for change in worker.changed(worker.editable(), 2):
            change_input(connection, change)


def health_check(worker: TrafficWorker) -> None:
    worker.application.health_check()
    change_one(worker)


ACTIVITIES: tuple[Activity, ...] = (
    Activity(44, 1, change_one),
    Activity(10, 1, change_several),
    Activity(4, 2, edit_two_scenarios),
    Activity(3, 1, create_or_delete_scenario),
    Activity(3, 1, rename_scenario),
    Activity(7, 1, advance),
    Activity(1, 1, create_user),
    Activity(2, 1, rename_user),
    Activity(8, 1, note),
    Activity(3, 0, give_up),
    Activity(1, 1, relabel),
    Activity(1, 1, nightly_job),
    Activity(5, 1, health_check),
    Activity(8, 3, run),
)
WEIGHTS = [activity.weight for activity in ACTIVITIES]


@dataclass
class Traffic:
    """Several workers at one pace, in threads of their own, until `stop`."""

    workers: list[TrafficWorker]
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _errors: list[Exception] = field(default_factory=list)

    @classmethod
    def seeded(cls, application: ForecastApplication, seeds: Seeds, workers: int = WORKERS) -> Traffic:
        return cls([TrafficWorker(application, seeds, number) for number in range(workers)])

    def start(self, pace: Pace) -> None:
        for worker in self.workers:
            thread = threading.Thread(target=self._work, args=(worker, pace), name="traffic", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Let each worker end what it is at. Raises Unavailable where one of them could not work."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            first = self._errors[0]
            reason = (str(first).splitlines() or [""])[0]
            raise Unavailable(
                f"traffic stopped: {type(first).__name__}: {reason}", "see `clearsight status`"
            ) from first

    def _work(self, worker: TrafficWorker, pace: Pace) -> None:
        try:
            worker.settle(pace)
            while not self._stopping.is_set():
                worker.step(pace)
        except Exception as error:  # told by `stop`, in the thread that waits
            self._errors.append(error)
            self._stopping.set()
