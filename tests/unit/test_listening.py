from __future__ import annotations

import socket

import pytest

from clearsight.listening import bound

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_port_belongs_to_whom_has_it(host: str) -> None:
    if ":" in host and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with bound(host, 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=r"assign|in use"):
            bound(host, port)
    bound(host, port).close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match=r"assign|in use"):
        bound("192.0.2.1", 0)
