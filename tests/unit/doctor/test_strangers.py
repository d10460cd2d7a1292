"""What answers in CloudWatch's place is told apart from CloudWatch's own refusals."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from clearsight.settings import CloudWatchSettings
from connectors.cloudwatch.group_facts import observe_cloudwatch

pytestmark = pytest.mark.unit


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"events": []}', "readable"),
        (404, b"<html>no</html>", "stranger"),
        (200, b"<html>hello</html>", "stranger"),
        (200, b"[]", "stranger"),
        (301, b"", "stranger"),
        (403, b"forbidden", "stranger"),
        (503, b"", "away"),
        (400, b'{"__type": "AccessDeniedException", "message": "x"}', "denied"),
        (400, b'{"__type": "InvalidParameterException", "message": "x"}', "invalid"),
        (400, b'{"__type": "ResourceNotFoundException", "message": "x"}', "missing"),
        (400, b'{"__type": "ExpiredTokenException", "message": "x"}', "credentials"),
    ],
)
def test_what_an_answer_means(status: int, body: bytes, outcome: str) -> None:
    with answering(status, body) as url:
        facts = observe_cloudwatch(CloudWatchSettings(endpoint_url=url, groups=("/a",)))
    assert facts.groups["/a"].outcome == outcome
