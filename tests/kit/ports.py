"""A port for a server that a test is about to start."""

from __future__ import annotations

import random

from clearsight.stack.ports import CANDIDATES, free_on_loopback


def free_port() -> int:
    """Below the ports that the kernel gives to outgoing connections: nobody gets it by chance before the server listens."""
    while not free_on_loopback(port := random.choice(CANDIDATES)):
        continue
    return port
