"""Free ports: kept, moved, insisted on."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

import pytest

from clearsight.errors import ConfigurationError, StackError
from clearsight.stack.ports import NAMES, choose, fixed_ports, free_on_loopback

pytestmark = pytest.mark.unit

KEPT = {name: 21_000 + index for index, name in enumerate(NAMES)}


def numbers(values: Iterable[int]) -> Callable[[], int]:
    return iter(values).__next__


def test_every_name_gets_a_port_of_its_own() -> None:
    choice = choose({}, {}, frozenset(), lambda port: True, numbers([1, 1, 2, 3, 3, 4, 5, 6]))
    assert choice.ports == dict(zip(NAMES, range(1, 7), strict=True))
    assert choice.moved == ()


def test_kept_ports_stay() -> None:
    assert choose(KEPT, {}, frozenset(), lambda port: True).ports == KEPT


def test_a_kept_port_that_somebody_took_moves_and_is_named() -> None:
    choice = choose(KEPT, {}, frozenset(), lambda port: port != KEPT["kafka"], numbers([25_000]))
    assert choice.ports == {**KEPT, "kafka": 25_000}
    assert choice.moved == ("kafka",)


def test_a_running_part_keeps_the_port_that_it_holds_itself() -> None:
    assert choose(KEPT, {}, frozenset(NAMES), lambda port: False).ports == KEPT


def test_a_fixed_port_is_used() -> None:
    assert choose(KEPT, {"api": 8000}, frozenset(), lambda port: True).ports["api"] == 8000


def test_a_fixed_port_that_is_taken_is_an_error_that_names_it() -> None:
    with pytest.raises(StackError, match="port 8000, wanted for api, is taken") as caught:
        choose({}, {"api": 8000}, frozenset(), lambda port: port != 8000)
    assert "CLEARSIGHT_API__PORT" in caught.value.mend


def test_no_free_port_at_all() -> None:
    with pytest.raises(StackError, match="no free port"):
        choose({}, {}, frozenset(), lambda port: False)


def test_fixed_ports_come_from_the_environment() -> None:
    environment = {"CLEARSIGHT_STACK_PORTS": "postgres=5432, kafka=9092", "CLEARSIGHT_API__PORT": "8000"}
    assert fixed_ports(environment) == {"postgres": 5432, "kafka": 9092, "api": 8000}
    assert fixed_ports({}) == {}


@pytest.mark.parametrize("text", ["postgres", "postgres=", "postgres=x", "postgres=0", "postgres=70000", "mysql=3306"])
def test_a_wrong_fixed_port_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not NAME=PORT"):
        fixed_ports({"CLEARSIGHT_STACK_PORTS": text})


def test_a_listening_port_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not free_on_loopback(server.getsockname()[1])
