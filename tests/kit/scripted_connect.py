"""A Kafka Connect that answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answers = dict[str, list[tuple[int, Any]]]
"""Of "METHOD /path": status and JSON of each answer in turn; the last one stays."""

REBALANCING = (500, {"error_code": 500, "message": "Request cannot be completed because a rebalance is expected"})
CONFLICT = (409, {"error_code": 409, "message": "Cannot complete request momentarily due to stale configuration"})


@contextmanager
def scripted_connect(answers: Answers) -> Iterator[str]:
    """Its URL. What is asked beside the script is not found."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            script = answers.get(f"{self.command} {self.path.partition('?')[0]}", [(404, {"message": "not found"})])
            status, told = script.pop(0) if len(script) > 1 else script[0]
            body = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = _answer

        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
