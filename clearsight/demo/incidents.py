"""Carry out a planned incident on the running application, and say what was seeded.

The seeded cause is for whoever checks the answers; nothing that is under test may see it.
"""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg.errors import DeadlockDetected
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from clearsight.demo.application import ForecastApplication, Input, change_input
from clearsight.demo.engine import Value
from clearsight.demo.incident_plans import (
    PEOPLE,
    Category,
    Edit,
    IncidentPlan,
    Key,
    Kind,
    Name,
    ScenarioPlan,
    plan_incident,
)
from clearsight.demo.run import Failure, run_forecast
from clearsight.demo.seeds import Person, Seeds, person
from clearsight.errors import SourceError

BLOCK_TIMEOUT_S = 20.0
MOST_CONTENTIONS = 3
"""PostgreSQL looks for a deadlock once, a second after the run began to wait: on a machine that stands still for that second
the other session comes too late, and loses."""


class SeededCause(NamedTuple):
    kind: Kind
    category: Category
    node: str
    change_key: str
    """`forecast.inputs/<input_id>/<txid>`, for contention `transaction/<txid>`; txid as logical decoding has it."""


@dataclass(frozen=True)
class SeededIncident:
    name: Name
    run_id: UUID
    """The run that failed."""
    scenario_id: UUID
    failure: Failure
    seeded_cause: SeededCause


@dataclass(frozen=True)
class _Scenario:
    scenario_id: UUID
    inputs: dict[Key, Input]

    def changed(self, edit: Edit) -> Input:
        return self.inputs[edit.key]._replace(value=edit.value)


def seeded(name: Name, application: ForecastApplication, dsn: str, seeds: Seeds) -> SeededIncident:
    """Make the incident happen. `dsn` is for the one who edits by hand. Raises SourceError if the run did not fail."""
    return _Incident(plan_incident(name, seeds), application, dsn, seeds).happen()


class _Incident:
    def __init__(self, plan: IncidentPlan, application: ForecastApplication, dsn: str, seeds: Seeds) -> None:
        self._plan = plan
        self._application = application
        self._dsn = dsn
        self._ids = seeds.ids(f"incident/{plan.name}")
        random = seeds.decisions(f"incident/{plan.name}/people")
        self._people: list[Person] = [person(random, self._ids) for _ in range(PEOPLE)]

    def happen(self) -> SeededIncident:
        plan = self._plan
        for someone in self._people:
            with self._request(self._people.index(someone), "user.create"):
                self._application.create_user(someone)
        for healthy in plan.healthy:
            self._healthy_story(healthy)
        scenario = self._create(plan.scenario)
        self._run(scenario, plan.scenario.owner)
        run_id, change_key, failure = self._contend(scenario) if plan.contended else self._break(scenario)
        if failure is None or failure.node != plan.node:
            raise SourceError(
                f"incident {plan.name}: the run did not fail in {plan.node}", "try it with another --seed"
            )
        cause = SeededCause(plan.kind, plan.category, plan.node, change_key)
        return SeededIncident(plan.name, run_id, scenario.scenario_id, failure, cause)

    def _healthy_story(self, plan: ScenarioPlan) -> None:
        scenario = self._create(plan)
        self._run(scenario, plan.owner)
        self._edit(scenario, plan.edits)
        self._run(scenario, plan.owner)

    def _create(self, plan: ScenarioPlan) -> _Scenario:
        scenario_id = self._ids.uuid()
        inputs = {
            (node, name): Input(self._ids.uuid(), scenario_id, node, name, value)
            for (node, name), value in plan.values.items()
        }
        owner = self._people[plan.owner].user_id
        with self._request(plan.owner, "scenario.create"):
            self._application.create_scenario(scenario_id, owner, plan.name, list(inputs.values()))
        return _Scenario(scenario_id, inputs)

    def _edit(self, scenario: _Scenario, edits: tuple[Edit, ...]) -> None:
        for edit in edits:
            with self._request(edit.actor, "input.change"):
                self._application.change_inputs([scenario.changed(edit)])

    def _run(self, scenario: _Scenario, actor: int) -> tuple[UUID, Failure | None]:
        run_id = self._ids.uuid()
        with self._request(actor, "run.start"):
            failure = run_forecast(self._application, run_id, scenario.scenario_id, self._people[actor].user_id)
        return run_id, failure

    def _break(self, scenario: _Scenario) -> tuple[UUID, str, Failure | None]:
        """Good run, some harmless edits, the seeded one, the other harmless edits, the failing run."""
        plan = self._plan
        change = scenario.changed(plan.seeded)
        self._edit(scenario, plan.scenario.edits[: plan.position])
        if plan.kind == "out_of_band":
            txid = change_by_hand(self._dsn, change.input_id, change.value)
        else:
            with self._request(plan.seeded.actor, "input.change"):
                txid = self._application.change_inputs([change])
        self._edit(scenario, plan.scenario.edits[plan.position :])
        run_id, failure = self._run(scenario, plan.scenario.owner)
        return run_id, f"forecast.inputs/{change.input_id}/{txid}", failure

    def _contend(self, scenario: _Scenario) -> tuple[UUID, str, Failure | None]:
        """The seeded edit stays open while the others happen, and closes the circle once the run waits for it. Where it comes
        too late for that, it is made again beside another run."""
        plan = self._plan
        assert plan.contended
        self._edit(scenario, plan.scenario.edits[: plan.position])
        meanwhile = plan.scenario.edits[plan.position :]
        for _ in range(MOST_CONTENTIONS):
            session = OtherSession(
                self._application,
                scenario.changed(plan.seeded),
                scenario.changed(plan.contended),
                self._request_of(plan.seeded),
            )
            session.start()
            session.wait_until_holding()
            self._edit(scenario, meanwhile)
            run_id, failure = self._run(scenario, plan.scenario.owner)
            if not session.is_victim():
                break
            meanwhile = ()
        return run_id, f"transaction/{session.result()}", failure

    def _request_of(self, edit: Edit) -> Request:
        return Request(self._people[edit.actor].user_id, "input.bulk-edit", self._ids.correlation_id())

    def _request(self, actor: int, use_case: str) -> AbstractContextManager[None]:
        return self._application.request(self._people[actor].user_id, use_case, self._ids.correlation_id())


class Request(NamedTuple):
    user_id: UUID
    use_case: str
    correlation_id: str


class OtherSession(threading.Thread):
    """Changes two inputs in one transaction, against the order in which a run locks them.

    It waits for the run to wait for it before it asks for the second row, and has PostgreSQL look for deadlocks on the
    run's side only: so there is always a deadlock, and the run is always its victim.
    """

    def __init__(self, application: ForecastApplication, first: Input, second: Input, request: Request) -> None:
        super().__init__(name="other-session", daemon=True)
        self._application = application
        self._changes = first, second
        self._request = request
        self._holding = threading.Event()
        self._txid = ""
        self._error: Exception | None = None

    def wait_until_holding(self) -> None:
        self._holding.wait(BLOCK_TIMEOUT_S)

    def is_victim(self) -> bool:
        """Whether PostgreSQL ended this session's transaction, not the run's; once it has ended."""
        self.join()
        return isinstance(self._error, DBAPIError) and isinstance(self._error.orig, DeadlockDetected)

    def result(self) -> str:
        """The txid, once committed. Raises SourceError if it could not be."""
        self.join()
        if self._error:
            raise SourceError(
                f"the other session failed: {type(self._error).__name__}", "try it again"
            ) from self._error
        return self._txid

    def run(self) -> None:
        first, second = self._changes
        try:
            with self._application.request(*self._request), self._application.transaction(first.input_id) as connection:
                connection.execute(text("SET LOCAL deadlock_timeout = '15s'"))
                self._txid = change_input(connection, first)
                self._holding.set()
                _wait_until_somebody_waits(connection)
                change_input(connection, second)
            for change in self._changes:
                self._application.log_change(change)
        except Exception as error:  # told by `result`, in the thread that waits
            self._error = error
            self._holding.set()


_SOMEBODY_WAITS = text(
    "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
)


def _wait_until_somebody_waits(connection: Connection) -> None:
    give_up_s = time.monotonic() + BLOCK_TIMEOUT_S
    while not connection.execute(_SOMEBODY_WAITS).scalar_one():
        if time.monotonic() > give_up_s:
            raise TimeoutError("no run came to wait for this session")
        time.sleep(0.005)


def change_by_hand(dsn: str, input_id: UUID, value: Value) -> str:
    """What an administrator does at a prompt: no context, nothing in the application's log. Returns the txid."""
    number = value if isinstance(value, (int, float)) else None
    words = value if isinstance(value, str) else None
    document = Jsonb(value) if isinstance(value, (list, dict)) else None
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "UPDATE forecast.inputs SET value_number = %s, value_text = %s, value_json = %s WHERE input_id = %s"
            " RETURNING pg_current_xact_id()::xid::text",
            (number, words, document, input_id),
        ).fetchone()
    if row is None:
        raise SourceError(f"input {input_id} is not there", "prepare the demo again: clearsight demo prepare")
    return str(row[0])
