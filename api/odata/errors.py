"""Below the feed every refusal is in OData's form, whoever refuses: the gate, the database, the router, the feed itself."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.odata.faults import Fault, error_document

BELOW = "/odata"
VERSION = (b"odata-version", b"4.0")
JSON = "application/json;odata.metadata=minimal;charset=utf-8"

_PROBLEM = b"application/problem+json"


async def told_fault(_request: Request, fault: Exception) -> Response:
    """The handler of Fault."""
    assert isinstance(fault, Fault)
    return Response(error_document(fault.code, fault.message), fault.status, media_type=JSON)


class ODataErrors:
    """ASGI middleware. Turns problem documents below the feed into its own, and says once which version this is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_feed(scope["path"]):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Rewritten(send))


def is_feed(path: str) -> bool:
    return path == BELOW or path.startswith(f"{BELOW}/")


class _Rewritten:
    """Holds back the start of a problem until its whole body is there."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [pair for pair in message["headers"] if pair[0].lower() != VERSION[0]]
            message["headers"] = [*headers, VERSION]
            if dict(headers).get(b"content-type", b"").startswith(_PROBLEM):
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if message.get("more_body", False):
                return
            await self._send(_as_odata(self._start, body := _document(self._body)))
            message = {"type": "http.response.body", "body": body}
        await self._send(message)


def _document(problem: bytes) -> bytes:
    told: dict[str, Any] = orjson.loads(problem)
    message = ": ".join(str(told[part]) for part in ("title", "detail") if told.get(part))
    return error_document(str(told.get("type", "error")), message)


def _as_odata(start: Message, body: bytes) -> Message:
    kept = [pair for pair in start["headers"] if pair[0] not in (b"content-type", b"content-length")]
    headers = [*kept, (b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode())]
    return {**start, "headers": headers}
