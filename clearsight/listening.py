"""An address to listen on, taken before the server that uses it starts: what is wrong with it is known in time."""

from __future__ import annotations

import os
import socket


def bound(host: str, port: int) -> socket.socket:
    """A TCP socket that owns `host:port`, for IPv4 and IPv6 alike; port 0 is any free one. Raises OSError."""
    taken = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":
            # a port that a stopped server's connections still linger on is free; elsewhere the option means "shared"
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError:
        taken.close()
        raise
    return taken
