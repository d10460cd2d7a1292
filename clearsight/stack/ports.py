"""Free ports, chosen once and kept.

They come from below the range that the kernel hands to outgoing connections, so that nobody takes one by chance while
its part is down.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Mapping

import msgspec
import psutil

from clearsight.errors import ConfigurationError, StackError
from clearsight.listening import bound

PORTS_VARIABLE = "CLEARSIGHT_STACK_PORTS"
API_PORT_VARIABLE = "CLEARSIGHT_API__PORT"
NAMES = ("postgres", "kafka", "controller", "connect", "cloudwatch", "api")
CANDIDATES = range(20_000, 32_000)
TRIES = 500


class Choice(msgspec.Struct, frozen=True):
    ports: dict[str, int]
    moved: tuple[str, ...]
    """Names whose kept port somebody else has taken meanwhile."""


def fixed_ports(environment: Mapping[str, str]) -> dict[str, int]:
    """Ports that the user insists on: `CLEARSIGHT_STACK_PORTS=postgres=5432,api=8000`, and the API's own setting.

    Raises ConfigurationError.
    """
    pairs = [pair for pair in environment.get(PORTS_VARIABLE, "").split(",") if pair.strip()]
    if api_port := environment.get(API_PORT_VARIABLE):
        pairs.append(f"api={api_port}")
    return dict(_fixed(pair) for pair in pairs)


def _fixed(pair: str) -> tuple[str, int]:
    name, _, number = (text.strip() for text in pair.partition("="))
    if name not in NAMES or not number.isdecimal() or not 0 < int(number) < 65_536:
        raise ConfigurationError(
            f"{PORTS_VARIABLE}: {pair.strip()!r} is not NAME=PORT", f"write NAME=PORT with a NAME of {', '.join(NAMES)}"
        )
    return name, int(number)


def choose(
    kept: Mapping[str, int],
    fixed: Mapping[str, int],
    in_use: frozenset[str],
    is_free: Callable[[int], bool],
    candidate: Callable[[], int] = lambda: random.choice(CANDIDATES),  # noqa: S311 - not a secret
) -> Choice:
    """A port for every name; those of `in_use` belong to our own running parts and stay.

    Raises StackError where a fixed port is taken.
    """
    ports = {name: kept[name] for name in NAMES if name in in_use and name in kept}
    moved: list[str] = []
    for name in (name for name in NAMES if name not in ports):
        if name in fixed:
            ports[name] = _insist(name, fixed[name], is_free)
        elif name in kept and kept[name] not in ports.values() and is_free(kept[name]):
            ports[name] = kept[name]
        else:
            ports[name] = _new(set(ports.values()), is_free, candidate)
        if kept.get(name, ports[name]) != ports[name]:
            moved.append(name)
    return Choice(ports, tuple(moved))


def _insist(name: str, port: int, is_free: Callable[[int], bool]) -> int:
    if not is_free(port):
        raise StackError(
            f"port {port}, wanted for {name}, is taken{taken_by(port)}",
            f"stop that program, or leave the port to be chosen: unset {name}'s part of {PORTS_VARIABLE}"
            + (f" and {API_PORT_VARIABLE}" if name == "api" else ""),
        )
    return port


def _new(taken: set[int], is_free: Callable[[int], bool], candidate: Callable[[], int]) -> int:
    for _ in range(TRIES):
        port = candidate()
        if port not in taken and is_free(port):
            return port
    raise StackError("no free port found on 127.0.0.1", "stop some of the programs that listen on this machine")


def free_on_loopback(port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        bound("127.0.0.1", port).close()
    except OSError:
        return False
    return True


def taken_by(port: int) -> str:
    """ " by NAME (pid N)" where the system tells it, else empty."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and local and local.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return ""
