"""Clients that cost little, because they share the machine with what they measure."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import time
from collections.abc import Sequence

from clearsight.errors import Unavailable


def one_at_a_time(
    port: int, paths: Sequence[str], headers: dict[str, str], requests: int, seconds: float
) -> list[float]:
    """Milliseconds of each answer over one connection, at most so many and for so long. Raises Unavailable."""
    times_ms: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    until_s = time.monotonic() + seconds
    try:
        for path in itertools.islice(itertools.cycle(paths), requests):
            began_s = time.perf_counter()
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            times_ms.append((time.perf_counter() - began_s) * 1000)
            if answer.status != 200:
                raise Unavailable(
                    f"GET {path} answered {answer.status}: {body[:200].decode()}", "look at the API's log"
                )
            if time.monotonic() > until_s:
                break
    finally:
        connection.close()
    return times_ms


async def answers_a_second(
    port: int, paths: Sequence[str], headers: dict[str, str], clients: int, seconds: float
) -> float:
    """How many whole answers so many clients get together. Raises Unavailable for one that is none."""
    until_s = time.monotonic() + seconds
    began_s = time.monotonic()
    counts = await asyncio.gather(
        *(
            _client(port, paths[number % len(paths) :] + paths[: number % len(paths)], headers, until_s)
            for number in range(clients)
        )
    )
    return sum(counts) / (time.monotonic() - began_s)


async def _client(port: int, paths: Sequence[str], headers: dict[str, str], until_s: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    count = 0
    for path in itertools.cycle(paths):
        if time.monotonic() >= until_s:
            break
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{told}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(_length(head))
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise Unavailable(
                f"GET {path} answered {head.partition(bytes([13]))[0].decode()}", "look at the server's log"
            )
        count += 1
    writer.close()
    return count


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    raise Unavailable("an answer came without its length", "look at the server")
