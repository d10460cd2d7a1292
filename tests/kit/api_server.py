"""The API behind a real HTTP server, in a thread of the test's own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from api.main import create_api
from clearsight.settings import Settings

START_LIMIT_S = 60.0


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The server's address; stopped afterwards, whatever is still being answered."""
    config = uvicorn.Config(create_api(settings), port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until_s = time.monotonic() + START_LIMIT_S
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < until_s, "the server did not start in time"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_LIMIT_S)
