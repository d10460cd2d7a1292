"""Ends a question whose client is gone: its task is cancelled, and with it the query in the database."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class WhileClientWaits:
    """ASGI middleware for GET requests below some paths; all others pass."""

    def __init__(self, app: ASGIApp, below: tuple[str, ...]) -> None:
        self._app = app
        self._below = below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(self._below):
            await self._app(scope, receive, send)
            return
        request = await receive()
        gone = asyncio.create_task(_gone(receive))
        sent = _Sent(send)
        answer = asyncio.ensure_future(self._app(scope, _Told(request, gone), sent))
        try:
            await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
            if not sent.whole:
                answer.cancel()
            await asyncio.wait((answer,))
        finally:
            gone.cancel()
            answer.cancel()
        if not answer.cancelled():
            answer.result()


async def _gone(receive: Receive) -> Message:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message


class _Sent:
    """What the application sends. After a whole answer the server says, too, that the client is gone."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.whole = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.whole = True
        await self._send(message)


class _Told:
    """What the application receives: the request, and in the end that the client is gone."""

    def __init__(self, request: Message, gone: asyncio.Task[Message]) -> None:
        self._request: Message | None = request
        self._gone = gone

    async def __call__(self) -> Message:
        request, self._request = self._request, None
        return request if request is not None else await asyncio.shield(self._gone)
