"""Kafka Connect rebalances at each change of a connector: for a moment it refuses questions and changes."""

from __future__ import annotations

import pytest
from kit.scripted_connect import CONFLICT, REBALANCING, Answers, scripted_connect

from clearsight.doctor.connect import ConnectFacts
from clearsight.doctor.finding import Away
from clearsight.errors import Unavailable
from clearsight.settings import ConnectSettings
from connectors.debezium.connect_facts import observe_connect
from connectors.debezium.register import begin_anew, register, registered

pytestmark = pytest.mark.unit

CONFIG = {"database.password": "x"}
RUNS = (200, {"connector": {"state": "RUNNING"}, "tasks": [{"state": "RUNNING"}]})
STOPPED = (200, {"connector": {"state": "STOPPED"}, "tasks": []})
FAILED = (200, {"connector": {"state": "RUNNING"}, "tasks": [{"state": "FAILED", "trace": "a.B: away"}]})
PLACE = "/connectors/clearsight"
PLUGINS: Answers = {"GET /connector-plugins": [(200, [{"class": "p", "version": "1"}])]}


def settings(url: str) -> ConnectSettings:
    return ConnectSettings(url=url, start_timeout_s=30)


def test_the_doctor_asks_again() -> None:
    known = {f"GET {PLACE}": [REBALANCING, (200, {"config": CONFIG})], f"GET {PLACE}/status": [RUNS]}
    with scripted_connect(PLUGINS | known) as url:
        facts = observe_connect(settings(url))
    assert isinstance(facts, ConnectFacts)
    assert (facts.states, facts.config) == (("RUNNING", "RUNNING"), CONFIG)


def test_a_connector_without_a_status_yet_has_no_task() -> None:
    with scripted_connect(PLUGINS | {f"GET {PLACE}": [(200, {"config": CONFIG})]}) as url:
        facts = observe_connect(settings(url))
    assert isinstance(facts, ConnectFacts)
    assert facts.states == ("UNASSIGNED",)


def test_another_error_is_told_at_once() -> None:
    broken = [(500, {"message": "out of memory"}), (200, {"config": CONFIG})]
    with scripted_connect(PLUGINS | {f"GET {PLACE}": broken}) as url:
        assert observe_connect(settings(url)) == Away(url, "HTTP 500")


@pytest.mark.parametrize(
    ("offsets", "has_position"),
    [([REBALANCING, (200, {"offsets": [{}]})], True), ([(200, {"offsets": []})], False), ([(404, {})], False)],
)
def test_a_registration_waits_for_what_is_known(
    offsets: list[tuple[int, dict[str, list[object]]]], has_position: bool
) -> None:
    answers: Answers = {f"GET {PLACE}/config": [REBALANCING, (200, CONFIG)], f"GET {PLACE}/offsets": [*offsets]}
    with scripted_connect(answers) as url:
        assert registered(settings(url)) == (CONFIG, has_position)


def test_a_position_that_is_not_told_is_not_taken_for_none() -> None:
    """Else a lost slot would not be refused."""
    answers: Answers = {
        f"GET {PLACE}/config": [(200, CONFIG)],
        f"GET {PLACE}/offsets": [(500, {"message": "timed out"})],
    }
    with scripted_connect(answers) as url, pytest.raises(Unavailable):
        registered(settings(url))


def test_a_failed_task_is_restarted_although_the_first_try_is_refused() -> None:
    answers: Answers = {
        f"PUT {PLACE}/config": [CONFLICT, (200, {})],
        f"GET {PLACE}/status": [FAILED, RUNS],
        f"POST {PLACE}/restart": [CONFLICT, (202, {})],
    }
    with scripted_connect(answers) as url:
        register(settings(url), CONFIG)
    assert [len(script) for script in answers.values()] == [1, 1, 1]


def test_a_new_beginning_waits_until_it_may_stop_the_connector() -> None:
    answers: Answers = {
        f"GET {PLACE}/config": [REBALANCING, (200, CONFIG)],
        f"PUT {PLACE}/stop": [CONFLICT, (204, None)],
        f"GET {PLACE}/status": [STOPPED, RUNS],
        f"PUT {PLACE}/config": [(200, {})],
        f"DELETE {PLACE}/offsets": [CONFLICT, (200, {})],
        f"PUT {PLACE}/resume": [(202, {})],
    }
    dropped = []
    with scripted_connect(answers) as url:
        begin_anew(settings(url), CONFIG, lambda: dropped.append(True))
    assert dropped == [True]
    assert {len(script) for script in answers.values()} == {1}
